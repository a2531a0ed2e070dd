// Is the machine quiet enough for a measurement to mean something?
import { cpus } from 'node:os';

const WATCH_MS = 1500;
/** Processors that others may keep busy while this process sleeps. */
const MOST_FOREIGN = 0.2;
/** Runs of a loop of fixed work, and how far the slowest may be behind the fastest. */
const LOOPS = 12;
/** The first ones run while V8 still changes its mind about the loop: they say nothing of the machine. */
const WARM_UP = 4;
const WIDEST_SPREAD = 1.15;

/** Milliseconds that all processors together have worked since the system started. */
const busyMs = (): number =>
  cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);

/** How many processors are at work while this process sleeps. */
function foreignLoad(): number {
  const before = busyMs();
  const started = performance.now();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WATCH_MS);
  return (busyMs() - before) / (performance.now() - started);
}

/** Milliseconds that the same arithmetic takes. */
function loop(): { ms: number; x: number } {
  const started = performance.now();
  let x = 1;
  for (let i = 0; i < 20_000_000; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
  return { ms: performance.now() - started, x };
}

/** Null if nothing else seems to run, else the reason. */
export function whyNotQuiet(): string | null {
  const load = foreignLoad();
  if (load > MOST_FOREIGN) return `others keep ${load.toFixed(1)} of ${cpus().length} processors busy`;
  const times = Array.from({ length: LOOPS }, loop)
    .slice(WARM_UP)
    .map(({ ms }) => ms);
  const spread = Math.max(...times) / Math.min(...times);
  return spread > WIDEST_SPREAD
    ? `the same loop took up to ${Math.round((spread - 1) * 100)} % longer than at its fastest`
    : null;
}
