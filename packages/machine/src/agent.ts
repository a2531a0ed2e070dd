/**
 * An agent is what can run by itself: a device, a processor, a guest. It is built from shared memory alone, so
 * the same code runs in the caller's thread (deterministic executor) or in a worker (threads executor).
 *
 *   wake(agent) ──> [refresh() if something was published] ──> step() ──more?──> step() …
 */
import type { AgentId } from './board.ts';
import type { Machine } from './machine.ts';
import type { TraceWriter } from './trace.ts';

export interface Agent {
  /** Does one bounded batch of work; true if there is more to do now. */
  step(): boolean;
  /**
   * The control half has published something: re-read the shared tables. Runs between batches; when it
   * returns, the agent has acknowledged and no batch uses the old tables any more.
   */
  refresh?(): void;
}

/** What an agent is given: its machine as seen from its own thread, its counters, its pen. */
export interface AgentContext {
  readonly machine: Machine;
  readonly agent: AgentId;
  readonly name: string;
  /** Ledger counters of this agent; index with `machine.ledger.column(name)`. */
  readonly counters: Float64Array;
  readonly trace: TraceWriter;
  /** Asks to be woken at a time of the machine's clock (ns); the earliest request counts. */
  wakeAt(nanoseconds: number): void;
}

/** Makes an agent on the thread it will run on. `data` survived a structured clone. */
export type AgentFactory<Data> = (context: AgentContext, data: Data) => Agent;
