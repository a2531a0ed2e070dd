// The control beside wire-to-VM: what it takes on this machine, now, to hand nothing but one word to another thread.
//   spinning   the other thread looks all the time
//   asleep     it waits (Atomics.wait) and is notified
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { monotonicNs } from './stopwatch.mjs';

const GIVEN = 0;
const TAKEN = 1;
const END = -1;

/** Latencies in ns of `count` words, handed over one at a time; to a thread `asleep` every third of a ms. */
export async function handOver(count, { asleep }) {
  const words = new Int32Array(new SharedArrayBuffer(256));
  const times = new Float64Array(new SharedArrayBuffer(count * 8));
  const worker = new Worker(new URL(import.meta.url), { workerData: { words, times, asleep } });
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

if (!isMainThread && workerData?.words !== undefined) {
  const { words, times, asleep } = workerData;
  Atomics.store(words, TAKEN, END);
  for (let seen = 0; ; ) {
    if (asleep) Atomics.wait(words, GIVEN, seen);
    const given = Atomics.load(words, GIVEN);
    if (given === END) break;
    if (given === seen) continue;
    times[given - 1] = monotonicNs();
    seen = given;
    Atomics.store(words, TAKEN, given);
  }
}
