// A debugger in a thread of its own, for entry-order.ts: it stops the main thread once at the beginning of each function it is
// told of, and writes down which came first.
import { type Debugger, Session } from 'node:inspector/promises';
import { parentPort } from 'node:worker_threads';
import type { EnteredFunction } from './entered-files.ts';
import type { EntryMessage } from './entry-order.ts';

const port = parentPort;
if (port === null) throw new Error('this runs in a worker');
const session = new Session();
session.connectToMainThread();

/** Files by the breakpoints that stand in them. */
const files = new Map<string, string>();
const order: string[] = [];

/** Line and column of an offset, both from 0. */
function locationOf(source: string, scriptId: string, offset: number): Debugger.Location {
  const before = source.slice(0, offset);
  const lineNumber = before.split('\n').length - 1;
  return { scriptId, lineNumber, columnNumber: offset - (before.lastIndexOf('\n') + 1) };
}

async function watch(functions: readonly EnteredFunction[]): Promise<void> {
  await session.post('Debugger.enable');
  const sources = new Map<string, string>();
  const seen = new Set<string>();
  for (const { file, scriptId, startOffset } of functions) {
    // Several turns may enter the same function.
    const place = `${scriptId} ${startOffset}`;
    if (seen.has(place)) continue;
    seen.add(place);
    let source = sources.get(scriptId);
    if (source === undefined) {
      source = (await session.post('Debugger.getScriptSource', { scriptId })).scriptSource;
      sources.set(scriptId, source);
    }
    // The first place in the function at which one can stop; its first character may belong to what is around it.
    const start = locationOf(source, scriptId, startOffset + 1);
    const { locations } = await session.post('Debugger.getPossibleBreakpoints', {
      start,
      restrictToFunction: true,
    });
    const location = locations.at(0) ?? start;
    const { breakpointId } = await session.post('Debugger.setBreakpoint', { location });
    files.set(breakpointId, file);
  }
}

async function paused(hit: readonly string[]): Promise<void> {
  for (const breakpointId of hit) {
    const file = files.get(breakpointId);
    if (file !== undefined && !order.includes(file)) order.push(file);
    await session.post('Debugger.removeBreakpoint', { breakpointId });
  }
  await session.post('Debugger.resume');
}

session.on('Debugger.paused', ({ params }) => {
  void paused(params.hitBreakpoints ?? []);
});
port.on('message', (message: EntryMessage) => {
  if (message.functions !== undefined) void watch(message.functions).then(() => port.postMessage('ready'));
  else void session.post('Debugger.disable').then(() => port.postMessage(order));
});
