/**
 * An agent is what can run by itself: a device, a processor, a guest. It is built from shared memory and from
 * messages that survive a structured clone, so the same code runs in the caller's thread (deterministic
 * executor) or in a worker (threads executor).
 *
 *   wake(agent) ──> [refresh(messages) if something was published] ──> step() ──more?──> step() …
 */

import type { TraceWriter } from '../observe/trace.ts';
import type { AgentId } from '../processor/board.ts';
import type { Machine } from './machine.ts';

export interface Agent {
  /** Does one bounded batch of work; true if there is more to do now. */
  step(): boolean;
  /**
   * The control path has published something: `messages` are what it posted to this agent, oldest first, and
   * shared tables may have changed. Runs between batches; when it returns, the agent has acknowledged and no
   * batch uses the old state any more.
   */
  refresh(messages: readonly unknown[]): void;
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
export type AgentFactory<Data = unknown> = (context: AgentContext, data: Data) => Agent;

/** The factories that an executor (or a worker's entry file) knows, by name. */
export type AgentFactories = Readonly<Record<string, AgentFactory<never>>>;

/** One agent to start: its name on the machine, its factory's name, and the factory's data. */
export interface AgentAssignment {
  readonly name: string;
  readonly factory: string;
  readonly data: unknown;
  /**
   * Ids of the only memory segments it may see, as a partition sees its own memory and no other; default: all, as
   * hardware and the host do. A worker thread of such agents alone is not even given the others' buffers.
   */
  readonly segments?: readonly number[];
}
