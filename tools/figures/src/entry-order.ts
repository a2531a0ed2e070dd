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
    // What puts the frame where its way begins may call the same functions: nobody watches until that is done.
    run.begin();
    await tell({ functions });
    while (run.turn());
    const order = (await tell({})) as string[];
    const missed = functions.find(({ file }) => !order.includes(file));
    // The run was not the same this time: what it enters depends on something that nobody has determined.
    if (missed !== undefined) throw new Error(`${missed.file} was entered at first and not the second time`);
    return order;
  } finally {
    await worker.terminate();
  }
}
