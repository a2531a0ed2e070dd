/**
 * The deterministic executor: one thread, a virtual clock, and a seeded choice of who steps next.
 * Same seed, same order, same bytes.
 *
 *   timers that are due ──wake──> pending agents ──seeded choice──> one turn ──> clock += stepNanoseconds
 *
 * When nobody is pending, the clock jumps to the next timer.
 */

import { imagesOf } from '../memory/memory.ts';
import type { VirtualClock } from '../processor/clock.ts';
import { Timers } from '../processor/timers.ts';
import { createRandom, type Random } from '../random/random.ts';
import type { AgentAssignment, AgentFactories, AgentFactory } from './agent.ts';
import { cloneMessage } from './clone-message.ts';
import { AgentRunner, createConfinedContext, type Executor } from './executor.ts';
import type { Machine } from './machine.ts';
import { PendingSet } from './pending-set.ts';

/** How the deterministic executor chooses among pending agents. */
export type Schedule = 'random' | 'round-robin';

export interface DeterministicOptions {
  /** The agent factories this executor can start, by name. */
  readonly factories: AgentFactories;
  /** Seed of the choice among pending agents, 32 bits; default 1. */
  readonly seed?: number;
  /**
   * Who steps next among those that are pending: `random` (default), drawn from the seed, finds what depends on an
   * order; `round-robin` is a fair scheduler, in the order of starting, whose batches are larger.
   */
  readonly schedule?: Schedule;
  /** Virtual nanoseconds one turn of an agent takes; default 1000. */
  readonly stepNanoseconds?: number;
}

export interface DeterministicExecutor extends Executor {
  readonly kind: 'deterministic';
  /** Takes one turn of one pending agent; false if nobody is pending and no timer is set. */
  step(): boolean;
  /** Turns taken since the start. */
  readonly turns: number;
}

/** Virtual nanoseconds after which it is vain to wait for an answer. */
const TIMEOUT = 2e9;

/** Mask of the number of turns between two looks at every agent. */
const LOOK_AT_ALL = 63;

/** One thread sees everything already. */
const nothingToCollect = (): void => {};

/** `clock` is the machine's own: the one it was made with. */
export function createDeterministicExecutor(
  machine: Machine,
  clock: VirtualClock,
  options: DeterministicOptions,
): DeterministicExecutor {
  if (machine.clock !== clock)
    throw new Error(
      'deterministic executor: the machine was made with another clock than the one given here',
    );
  return new SteppingExecutor(machine, clock, options);
}

class SteppingExecutor implements DeterministicExecutor {
  readonly kind = 'deterministic';
  readonly timeout = TIMEOUT;
  turns = 0;
  readonly #machine: Machine;
  readonly #clock: VirtualClock;
  readonly #factories: AgentFactories;
  readonly #isFair: boolean;
  readonly #stepNanoseconds: number;
  readonly #random: Random;
  readonly #runners: AgentRunner[] = [];
  readonly #timers = new Timers();
  readonly #pending: PendingSet;
  /** Position of the runner that stepped last. */
  #last = -1;

  constructor(machine: Machine, clock: VirtualClock, options: DeterministicOptions) {
    this.#machine = machine;
    this.#clock = clock;
    this.#factories = options.factories;
    this.#isFair = options.schedule === 'round-robin';
    this.#stepNanoseconds = options.stepNanoseconds ?? 1000;
    this.#random = createRandom(options.seed ?? 1);
    this.#pending = new PendingSet(machine.board.noted);
  }

  start(agents: readonly AgentAssignment[]): void {
    const machine = this.#machine;
    for (const { name, factory, data, segments } of agents) {
      const id = machine.agent(name);
      if (this.#runners.some((runner) => runner.id === id))
        throw new Error(`agent '${name}' was started before`);
      const make = this.#factories[factory] as AgentFactory<unknown> | undefined;
      if (make === undefined) throw new Error(`agent '${name}': no agent factory '${factory}'`);
      const images = segments === undefined ? null : imagesOf(machine.memory, segments);
      const wakeAt = (agent: number, time: number): void => this.#timers.set(agent, time);
      const confined = createConfinedContext(machine, id, wakeAt, images);
      const agent = make(confined.context, cloneMessage(data));
      machine.board.note(id, this.#runners.length);
      this.#runners.push(new AgentRunner(confined, agent, machine.board.epoch));
      machine.board.wake(id);
    }
  }

  #runnerOf(agent: string): AgentRunner {
    const id = this.#machine.agent(agent);
    const runner = this.#runners.find((candidate) => candidate.id === id);
    if (runner === undefined) throw new Error(`agent '${agent}' has not been started`);
    return runner;
  }

  post(agent: string, message: unknown): void {
    // Cloned as a worker's message would be, so that code which works here works there.
    this.#runnerOf(agent).inbox.push(cloneMessage(message));
  }

  confine(agent: string, segments: readonly number[]): void {
    this.#runnerOf(agent).confine(imagesOf(this.#machine.memory, segments));
  }

  stall(agent: string, nanoseconds: number): void {
    this.#runnerOf(agent).stall(nanoseconds);
  }

  step(): boolean {
    return this.#stepBefore(Number.POSITIVE_INFINITY);
  }

  /** One turn; false if nobody has one to take before a timer after `limit` fires. */
  #stepBefore(limit: number): boolean {
    const { board } = this.#machine;
    const clock = this.#clock;
    const timers = this.#timers;
    if (timers.next <= clock.now()) timers.fire(clock.now(), board);
    let at = this.#choose();
    if (at < 0) {
      if (timers.next === Number.POSITIVE_INFINITY || timers.next > limit) return false;
      clock.advanceTo(timers.next);
      timers.fire(timers.next, board);
      at = this.#choose();
      if (at < 0) return true; // the timer of an agent that could not be built
    }
    this.#last = at;
    const chosen = this.#runners[at];
    board.takePending(chosen.id);
    if (chosen.turn(nothingToCollect)) board.wake(chosen.id);
    clock.advance(this.#stepNanoseconds);
    this.turns++;
    return true;
  }

  /** Position in `#runners` of who steps next; -1 = nobody is pending. */
  #choose(): number {
    const pending = this.#pending;
    let count = (this.turns & LOOK_AT_ALL) === 0 ? 0 : pending.count();
    if (count === 0) {
      this.#lookAtAll();
      count = pending.count();
      if (count === 0) return -1;
    }
    if (count === 1) return pending.last;
    return this.#isFair ? pending.nextBehind(this.#last) : pending.nth(this.#random.below(count));
  }

  /** Notes those that were woken without the board's knowing: by another thread, or through another board's object. */
  #lookAtAll(): void {
    const { board } = this.#machine;
    for (let i = 0; i < this.#runners.length; i++)
      if (board.looksPending(this.#runners[i].id)) this.#pending.add(i);
  }

  runUntil(done: () => boolean): boolean {
    // What the control path does inside `done` may wake somebody again: at rest is only who is so after it.
    while (!done()) if (!this.step() && !done() && !this.step()) return false;
    return true;
  }

  runUntilIdle(): void {
    while (this.step());
  }

  runFor(nanoseconds: number): void {
    const end = this.#clock.now() + nanoseconds;
    while (this.#clock.now() < end && this.#stepBefore(end));
    this.#clock.advanceTo(end);
  }

  publish(): void {
    const { board } = this.#machine;
    const epoch = board.advanceEpoch();
    for (const runner of this.#runners) board.wake(runner.id);
    for (const runner of this.#runners) while (runner.seen !== epoch) this.step();
  }

  stop(): Promise<void> {
    for (const { id } of this.#runners) this.#machine.board.note(id, -1);
    this.#pending.clear();
    this.#runners.length = 0;
    return Promise.resolve();
  }
}
