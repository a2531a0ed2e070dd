// The control beside wire-to-VM: what it takes on this machine, now, to hand nothing but one word to another thread.
//   spinning   the other thread looks all the time
//   asleep     it waits (Atomics.wait) and is notified
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { monotonicNs } from './stopwatch.ts';

/** What the other thread is given. */
interface HandOver {
  readonly words: Int32Array;
  readonly times: Float64Array;
  readonly asleep: boolean;
}

const GIVEN = 0;
const TAKEN = 1;
const END = -1;

/** Latencies in ns of `count` words, handed over one at a time; to a thread `asleep` every third of a ms. */
export async function handOver(
  count: number,
  { asleep }: { readonly asleep: boolean },
): Promise<Float64Array> {
  const words = new Int32Array(new SharedArrayBuffer(256));
  const times = new Float64Array(new SharedArrayBuffer(count * 8));
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { words, times, asleep } satisfies HandOver,
  });
  const nap = new Int32Array(new SharedArrayBuffer(4));
  while (Atomics.load(words, TAKEN) !== END) Atomics.wait(nap, 0, 0, 1);
  Atomics.store(words, TAKEN, 0);
  const latencies = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    if (asleep) Atomics.wait(nap, 0, 0, 0.3);
    const given = monotonicNs();
    Atomics.store(words, GIVEN, i + 1);
    if (asleep) Atomics.notify(words, GIVEN);
    while (Atomics.load(words, TAKEN) !== i + 1);
    latencies[i] = times[i] - given;
  }
  Atomics.store(words, GIVEN, END);
  Atomics.notify(words, GIVEN);
  await new Promise((resolve) => worker.once('exit', resolve));
  return latencies;
}

/** In the other thread: sees each word, and says when. */
function receive({ words, times, asleep }: HandOver): void {
  Atomics.store(words, TAKEN, END);
  for (let seen = 0; ; ) {
    if (asleep) Atomics.wait(words, GIVEN, seen);
    const given = Atomics.load(words, GIVEN);
    if (given === END) return;
    if (given === seen) continue;
    times[given - 1] = monotonicNs();
    seen = given;
    Atomics.store(words, TAKEN, given);
  }
}

const isHandOver = (data: unknown): data is HandOver =>
  typeof data === 'object' && data !== null && 'words' in data && 'times' in data;
if (!isMainThread && isHandOver(workerData)) receive(workerData);
