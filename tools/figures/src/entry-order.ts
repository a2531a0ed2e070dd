// In which order a frame enters its files. Coverage counts calls but not their order, so a debugger in a worker thread
// stops this thread once at the beginning of each function that coverage has found. Needs a build: the worker runs from
// `dist`. This thread must be the process's main thread (vitest: pool `forks`).
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type EnteredFunction, enteredFunctions, type Run } from './entered-files.ts';

/** What the worker is told: where to stop, or (without functions) to end. */
export interface EntryMessage {
  readonly functions?: readonly EnteredFunction[];
}

/** Files in the order in which the frame first enters them; those that idle turns enter with the same functions are not among them. */
export async function entryOrder(run: Run): Promise<string[]> {
  const functions = enteredFunctions(run);
  const worker = new Worker(new URL('../dist/entry-order-worker.js', import.meta.url));
  const tell = async (message: EntryMessage): Promise<unknown> => {
    worker.postMessage(message);
    const [answer] = (await once(worker, 'message')) as [unknown];
    return answer;
  };
  try {
    await tell({ functions });
    run.begin();
    while (run.turn());
    return (await tell({})) as string[];
  } finally {
    await worker.terminate();
  }
}
