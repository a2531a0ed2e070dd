// Plain JavaScript: a worker thread starts it as it stands, without a build.
// The first file a worker thread of the threads executor runs. It loads the entry file, and if that fails (or
// runWorker throws) it leaves the error's text in shared memory: the caller's thread waits without its event loop,
// so no 'error' event could reach it. The layout is that of src/failure-report.ts.
import { inspect } from 'node:util';
import { workerData } from 'node:worker_threads';

const words = new Int32Array(workerData.failure, 0, 2);

function report(text) {
  if (Atomics.load(words, 0) !== 0) return;
  const bytes = new TextEncoder().encode(text).subarray(0, workerData.failure.byteLength - 8);
  new Uint8Array(workerData.failure, 8).set(bytes);
  words[1] = bytes.length;
  Atomics.store(words, 0, 1);
}

// What runs when somebody calls process.exit; a thread that is terminated or runs out of memory runs nothing any more.
process.on('exit', (code) => {
  const mustEnd = Atomics.load(new Int32Array(workerData.machine.board), workerData.stopWord) !== 0;
  if (!mustEnd) report(`the thread ended with code ${code} before it was told to`);
});

try {
  await import(workerData.entry);
} catch (error) {
  report(inspect(error));
  throw error;
}
