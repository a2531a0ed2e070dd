// The first file a worker thread of the threads executor runs. It loads the entry file, and if that fails (or
// runWorker throws) it leaves the error's text in shared memory: the caller's thread waits without its event loop,
// so no 'error' event could reach it. The layout is that of src/failure-report.ts.
import { inspect } from 'node:util';
import { workerData } from 'node:worker_threads';

try {
  await import(workerData.entry);
} catch (error) {
  const report = workerData.failure;
  const words = new Int32Array(report, 0, 2);
  const text = new TextEncoder().encode(inspect(error)).subarray(0, report.byteLength - 8);
  new Uint8Array(report, 8).set(text);
  words[1] = text.length;
  Atomics.store(words, 0, 1);
  throw error;
}
