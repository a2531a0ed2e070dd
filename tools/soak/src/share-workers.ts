// Work cut into shares, done by as many threads as there are processors. The main thread hands a share to whoever is
// free; the sum of the answers is the same for any number of threads.
import { availableParallelism } from 'node:os';
import { parentPort, Worker } from 'node:worker_threads';

/** Threads that a run takes if nobody says how many. */
export const DEFAULT_THREADS = String(Math.min(availableParallelism(), 8));

/** In a worker: answers each share that comes. */
export function answerShares<Share, Answer>(work: (share: Share) => Answer): void {
  parentPort?.on('message', (share: Share) => {
    parentPort?.postMessage(work(share));
  });
}

export interface ShareRun<Share, Answer> {
  /** The module that calls {@link answerShares} in a worker. */
  readonly worker: URL;
  readonly shares: readonly Share[];
  readonly threads: number;
  /** Gets each answer as it comes; false: no further shares are begun. */
  take(answer: Answer): boolean;
}

/** Resolves when all shares have been answered, or nobody wants more of them. */
export async function runShares<Share, Answer>({
  worker: file,
  shares,
  threads,
  take,
}: ShareRun<Share, Answer>): Promise<void> {
  const left = [...shares];
  let goesOn = true;
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(file);
      const next = (): void => {
        const share = goesOn ? left.shift() : undefined;
        if (share !== undefined) worker.postMessage(share);
        else worker.terminate().then(() => resolve(), reject);
      };
      worker.on('error', reject);
      worker.on('message', (answer: Answer) => {
        if (!take(answer)) goesOn = false;
        next();
      });
      next();
    });
  await Promise.all(Array.from({ length: Math.min(threads, shares.length) }, work));
}
