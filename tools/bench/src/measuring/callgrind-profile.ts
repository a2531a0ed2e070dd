// Reads what valgrind's callgrind counted of a Node process: instructions by function, compiled JavaScript's too, by the
// names that V8 writes down with --perf-basic-prof.
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** A line of costs: position (absolute, relative or the same), line, instructions. */
const COST = /^(0x[0-9a-f]+|[+-](?:0x[0-9a-f]+|\d+)|\*) \S+ (\d+)$/;

/** Instructions by name, of the process that wrote `profile` (callgrind's) and `map` (V8's). */
export async function readCallgrind(profile: string, map: string): Promise<Map<string, number>> {
  const nameAt = symbolTable(await readFile(map, 'utf8'));
  const counts = new Map<string, number>();
  let at = 0;
  let isCall = false;
  for await (const line of createInterface({ input: createReadStream(profile) })) {
    if (line.startsWith('calls=')) {
      // The next line has the cost of the whole call, which is counted where it was spent.
      isCall = true;
      continue;
    }
    const found = COST.exec(line);
    if (found === null) continue;
    const [, position, cost] = found;
    if (position.startsWith('0x')) at = Number(position);
    else if (position !== '*') at += (position.startsWith('-') ? -1 : 1) * Number(position.slice(1));
    if (isCall) {
      isCall = false;
      continue;
    }
    const name = nameAt(at);
    counts.set(name, (counts.get(name) ?? 0) + Number(cost));
  }
  return counts;
}

/** Lines of `address size name`; what lies in none is the engine's or Node's own. */
function symbolTable(text: string): (at: number) => string {
  const symbols = text
    .split('\n')
    .map((line) => /^([0-9a-f]+) ([0-9a-f]+) (.+)$/.exec(line))
    .filter((found) => found !== null)
    .map(([, start, size, name]) => ({ start: Number(`0x${start}`), size: Number(`0x${size}`), name }))
    .sort((x, y) => x.start - y.start);
  return (at) => {
    let low = 0;
    for (let high = symbols.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (symbols[middle].start <= at) low = middle + 1;
      else high = middle;
    }
    const symbol = symbols[low - 1];
    return symbol !== undefined && at < symbol.start + symbol.size ? plainName(symbol.name) : 'engine';
  };
}

/** `package/file function` for our own; how far it was optimized is left out. */
function plainName(name: string): string {
  const ours = /packages\/([\w-]+)\/dist\/(?:.*\/)?([\w-]+)\.js/.exec(name);
  const called = /^JS:[*^~+']?(\S*)/.exec(name);
  if (ours !== null && called !== null) return `${ours[1]}/${ours[2]} ${called[1]}`;
  return called === null ? name : `JS ${called[1]}`;
}
