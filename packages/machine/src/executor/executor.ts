/** What both executors promise; no layer may know which one it runs under. */

import { type ConfinedMemory, createConfinedMemory, type SegmentImage } from '../memory/memory.ts';
import { TraceWriter } from '../observe/trace.ts';
import type { AgentId } from '../processor/board.ts';
import type { Agent, AgentAssignment, AgentContext } from './agent.ts';
import { confineMachine, type Machine } from './machine.ts';

export interface Executor {
  readonly kind: 'deterministic' | 'threads';
  /**
   * Starts agents, in this order. Under the threads executor one call is one worker thread: call once with all
   * guests, or once per guest. Throws for a name the machine does not have and for an agent started before.
   */
  start(agents: readonly AgentAssignment[]): void;
  /**
   * Leaves a message for an agent; it gets it at the next {@link publish}. The message is cloned, except that
   * shared buffers stay shared.
   */
  post(agent: string, message: unknown): void;
  /**
   * Gives an agent that was started with {@link AgentAssignment.segments} other segments to see, from the next
   * {@link publish} on. Throws for an agent that sees them all.
   */
  confine(agent: string, segments: readonly number[]): void;
  /**
   * Lets the agents run until `done()` holds; false if everything came to rest first. This is how the control
   * half waits: for a queue to report that DMA stopped, for a guest's answer. Throws if an agent failed and, under
   * the threads executor, if no agent took a turn for so long that something must be stuck (`timeoutMs`).
   */
  runUntil(done: () => boolean): boolean;
  /**
   * Nanoseconds of the machine's time after which it is vain to wait for an answer while others keep the machine from
   * resting: two seconds of virtual time; of real time, in which threads may have to wait for a core, more.
   */
  readonly timeout: number;
  /** Lets the agents run until none has anything to do and no timer is set. Throws as {@link runUntil} does. */
  runUntilIdle(): void;
  /**
   * Lets `nanoseconds` of the machine's time go by, in which the agents run. At rest a virtual clock jumps, a real one
   * is waited for. Throws as {@link runUntil} does.
   */
  runFor(nanoseconds: number): void;
  /**
   * An agent takes no turn for `nanoseconds`: a processor in system management mode, a VM that is not scheduled, a
   * device that gets no bus. What it is sent waits, and so does a {@link publish}.
   */
  stall(agent: string, nanoseconds: number): void;
  /**
   * Publishes what the control path wrote: returns when every agent has refreshed, after which no batch
   * anywhere uses what stood there before.
   */
  publish(): void;
  /**
   * Ends the agents. Rejects with the error of a worker that failed, or that ended without being told to; so do all other
   * calls throw it, those that wait included, as soon as the worker is gone.
   */
  stop(): Promise<void>;
}

/** The context of an agent, and its memory if that is not all there is. */
export interface ConfinedContext {
  readonly context: AgentContext;
  readonly memory: ConfinedMemory | null;
}

/** The context of `agent` on this thread, with `images` as its only memory unless that is null. */
export function createConfinedContext(
  machine: Machine,
  agent: AgentId,
  wakeAt: (agent: AgentId, nanoseconds: number) => void,
  images: readonly SegmentImage[] | null,
): ConfinedContext {
  if (images === null) return { context: createAgentContext(machine, agent, wakeAt), memory: null };
  const memory = createConfinedMemory(images);
  return { context: createAgentContext(confineMachine(machine, memory), agent, wakeAt), memory };
}

/** The context of `agent` on this thread. */
export function createAgentContext(
  machine: Machine,
  agent: AgentId,
  wakeAt: (agent: AgentId, nanoseconds: number) => void,
): AgentContext {
  return {
    machine,
    agent,
    name: machine.agentNames[agent],
    counters: machine.ledger.row(agent),
    trace: new TraceWriter(machine.traceImage, agent, machine.board),
    wakeAt: (nanoseconds) => wakeAt(agent, nanoseconds),
  };
}

/** Runs one agent's turn: refresh if something was published, then step. True if it has more to do. */
export class AgentRunner {
  readonly id: AgentId;
  /** Messages posted and not yet handed over. */
  readonly inbox: unknown[] = [];
  readonly #memory: ConfinedMemory | null;
  /** Segments it is to see from its next refresh on, or null if there is nothing new. */
  #confinement: readonly SegmentImage[] | null = null;
  readonly #agent: Agent;
  readonly #machine: Machine;
  readonly #trace: TraceWriter;
  readonly #wakeAt: (nanoseconds: number) => void;
  /** Last publication acted on. */
  #seen: number;
  /** It takes no turn before this time; 0 = it does. */
  #stalledUntil = 0;

  /**
   * `epoch` is the board's at the time the agent was started. What is published later reaches it by `refresh`,
   * even if it was published while the agent was being built; what is posted waits for that publication.
   */
  constructor({ context, memory }: ConfinedContext, agent: Agent, epoch: number) {
    this.id = context.agent;
    this.#memory = memory;
    this.#agent = agent;
    this.#machine = context.machine;
    this.#trace = context.trace;
    this.#wakeAt = context.wakeAt;
    this.#seen = epoch;
    context.machine.board.acknowledgeEpoch(this.id, epoch);
  }

  get seen(): number {
    return this.#seen;
  }

  /** See {@link Executor.confine}. */
  confine(images: readonly SegmentImage[]): void {
    if (this.#memory === null)
      throw new Error(`agent ${this.id} sees all memory; it was not started confined`);
    this.#confinement = images;
  }

  /** See {@link Executor.stall}. */
  stall(nanoseconds: number): void {
    if (!(nanoseconds >= 0 && nanoseconds !== Number.POSITIVE_INFINITY))
      throw new RangeError(`stall of agent ${this.id}: a time in ns, got ${nanoseconds}`);
    this.#stalledUntil = Math.max(this.#stalledUntil, this.#machine.clock.now() + nanoseconds);
  }

  #isStalled(): boolean {
    if (this.#machine.clock.now() < this.#stalledUntil) {
      // Its pending mark was taken; it gets another one when it may go on.
      this.#wakeAt(this.#stalledUntil);
      return true;
    }
    this.#stalledUntil = 0;
    return false;
  }

  /**
   * The agent's pending mark has been taken. `collect` brings in what other threads posted; it is called only when
   * something was published.
   */
  turn(collect: () => void): boolean {
    if (this.#stalledUntil !== 0 && this.#isStalled()) return false;
    const board = this.#machine.board;
    board.countTurn(this.id);
    const epoch = board.epochAtWake;
    if (epoch !== this.#seen) {
      collect();
      this.#trace.refresh();
      if (this.#confinement !== null) this.#memory?.confine(this.#confinement);
      this.#confinement = null;
      this.#agent.refresh(this.inbox.splice(0));
      this.#seen = epoch;
      board.acknowledgeEpoch(this.id, epoch);
    }
    return this.#agent.step();
  }
}
