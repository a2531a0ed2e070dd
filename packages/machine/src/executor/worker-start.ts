/** What passes between the threads executor and its worker threads. */
import type { MessagePort } from 'node:worker_threads';
import type { SegmentImage } from '../memory/memory.ts';
import type { AgentAssignment } from './agent.ts';
import type { MachineImage } from './machine.ts';

/** What a worker is started with. */
export interface WorkerStart {
  readonly machine: MachineImage;
  readonly worker: number;
  /** Time of the process's monotonic clock (`process.hrtime`) at which the machine's clock showed 0, in ms. */
  readonly originMs: number;
  readonly agents: readonly AgentAssignment[];
  /** By agent: the segments it sees, null = all. If none sees all, `machine` comes without memory. */
  readonly confinements: readonly (readonly SegmentImage[] | null)[];
  /** What was published when the agents were started. */
  readonly epoch: number;
  /** Word of the board that says that the thread is to end. */
  readonly stopWord: number;
  /** Held by the thread as long as it lives; see `life-line.ts`. */
  readonly lifeLine: MessagePort;
  /** Where messages and new segments arrive; read without the event loop. */
  readonly port: MessagePort;
  /** Empty looks for work before it sleeps, and workers that may be awake while it spins. */
  readonly spin: number;
  readonly cores: number;
  /** The entry file, and where its failure is reported; see `failure-report.ts`. */
  readonly entry: string;
  readonly failure: SharedArrayBuffer;
}

/** What travels to a worker between publications. */
export type WorkerMessage =
  /** One more agent for this thread, with the segments it sees (null = all) and what was published by now. */
  | {
      readonly kind: 'start';
      readonly agent: AgentAssignment;
      readonly images: readonly SegmentImage[] | null;
      readonly epoch: number;
    }
  | { readonly kind: 'segment'; readonly image: SegmentImage }
  | { readonly kind: 'confine'; readonly agent: number; readonly images: readonly SegmentImage[] }
  | { readonly kind: 'stall'; readonly agent: number; readonly nanoseconds: number }
  | { readonly kind: 'post'; readonly agent: number; readonly message: unknown };

/** Readings of two clocks from which the tightest pair is taken. */
const READINGS = 5;

/**
 * Time of the process's clock, in ms, at which another clock that runs alike showed 0 (`now` in ms): from the tightest
 * of a few readings of both, since a thread may lose its core between two of them.
 */
export function originOf(now: () => number): number {
  let tightest = Number.POSITIVE_INFINITY;
  let origin = 0;
  for (let i = 0; i < READINGS; i++) {
    const before = processMilliseconds();
    const shown = now();
    const after = processMilliseconds();
    if (after - before >= tightest) continue;
    tightest = after - before;
    origin = (before + after) / 2 - shown;
  }
  return origin;
}

/** Time of the clock that all threads of the process share, in ms. */
export function processMilliseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
