// Runs the sessions of one target in a thread of its own, so that its watchdog can see it hang.
import { parentPort, workerData } from 'node:worker_threads';
import { type Outcomes, PLACE, runSession, textOf } from './session.ts';
import { targetOf } from './targets.ts';

/** What the worker is to run. */
export interface Job {
  readonly name: string;
  readonly seed: number;
  readonly first: number;
  readonly sessions: number;
  readonly buffers: number;
  /** Where it tells how far it is: {@link PLACE}. */
  readonly place: SharedArrayBuffer;
}

/** What came of it. */
export interface JobResult {
  readonly done: number;
  readonly failures: readonly string[];
  readonly outcomes: readonly (readonly [string, number])[];
}

const MOST_FAILURES = 5;

async function work({ name, seed, first, sessions, buffers, place: memory }: Job): Promise<JobResult> {
  const target = targetOf(name);
  const place = new Int32Array(memory);
  const outcomes: Outcomes = new Map();
  const failures: string[] = [];
  let done = 0;
  for (let session = first; session < first + sessions && done < buffers; session++) {
    const count = Math.min(target.perSession, buffers - done);
    try {
      await runSession(target, { seed, session, count, outcomes, place });
    } catch (error) {
      failures.push(error instanceof Error ? error.message : textOf(error));
      if (failures.length >= MOST_FAILURES) break;
    }
    done += count;
    place[PLACE.done] = done;
  }
  return { done, failures, outcomes: [...outcomes] };
}

const result = await work(workerData as Job);
parentPort?.postMessage(result);
