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
import { createRandom } from '../random/random.ts';
import type { AgentFactories, AgentFactory } from './agent.ts';
import { cloneMessage } from './clone-message.ts';
import { AgentRunner, createConfinedContext, type Executor } from './executor.ts';
import type { Machine } from './machine.ts';

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

const PATIENCE = 2e9;

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
  const board = machine.board;
  const random = createRandom(options.seed ?? 1);
  const cost = options.stepNanoseconds ?? 1000;
  const runners: AgentRunner[] = [];
  const timers = new Timers();
  let turns = 0;

  const runnerOf = (agent: string): AgentRunner => {
    const id = machine.agent(agent);
    const runner = runners.find((candidate) => candidate.id === id);
    if (runner === undefined) throw new Error(`agent '${agent}' has not been started`);
    return runner;
  };

  /** Position of the runner that stepped last. */
  let last = -1;

  const { noted } = board;

  /** Notes those that were woken without the board's knowing: by another thread, or through another board's object. */
  const lookAtAll = (): void => {
    for (let i = 0; i < runners.length; i++) {
      if (board.looksPending(runners[i].id)) noted[i >> 5] = noted[i >> 5] | (1 << (i & 31));
    }
  };

  /** How many are noted; if it is one, it is `alone`. */
  const countNoted = (): number => {
    let count = 0;
    for (let i = 0; i < noted.length; i++) {
      const bits = noted[i];
      if (bits === 0) continue;
      count += (bits & (bits - 1)) === 0 ? 1 : countBits(bits);
      alone = i * 32 + 31 - Math.clz32(bits & -bits);
    }
    return count;
  };
  let alone = -1;

  /** The `k`-th of those that are noted. */
  const nth = (k: number): number => {
    let left = k;
    for (let i = 0; ; i++) {
      let bits = noted[i];
      if (bits === 0) continue;
      const count = countBits(bits);
      if (left >= count) {
        left -= count;
        continue;
      }
      for (; left > 0; left--) bits &= bits - 1;
      return i * 32 + 31 - Math.clz32(bits & -bits);
    }
  };

  /** The next behind the last, in a circle. */
  const nextInTurn = (): number => {
    const from = last + 1;
    const words = noted.length;
    const first = from >> 5;
    const behind = first < words ? noted[first] & (-1 << (from & 31)) : 0;
    if (behind !== 0) return first * 32 + 31 - Math.clz32(behind & -behind);
    for (let i = 1; ; i++) {
      const at = (first + i) % words;
      const bits = noted[at];
      if (bits !== 0) return at * 32 + 31 - Math.clz32(bits & -bits);
    }
  };

  const isFair = options.schedule === 'round-robin';

  /** Position in `runners` of who steps next; -1 = nobody is pending. */
  const choose = (): number => {
    let count = (turns & LOOK_AT_ALL) === 0 ? 0 : countNoted();
    if (count === 0) {
      lookAtAll();
      count = countNoted();
      if (count === 0) return -1;
    }
    if (count === 1) return alone;
    return isFair ? nextInTurn() : nth(random.below(count));
  };

  /** One turn; false if nobody has one to take before a timer after `limit` fires. */
  const stepBefore = (limit: number): boolean => {
    if (timers.next <= clock.now()) timers.fire(clock.now(), board);
    let at = choose();
    if (at < 0) {
      if (timers.next === Number.POSITIVE_INFINITY || timers.next > limit) return false;
      clock.advanceTo(timers.next);
      timers.fire(timers.next, board);
      at = choose();
      if (at < 0) return true; // the timer of an agent that could not be built
    }
    last = at;
    const chosen = runners[at];
    board.takePending(chosen.id);
    if (chosen.turn(nothingToCollect)) board.wake(chosen.id);
    clock.advance(cost);
    turns++;
    return true;
  };
  const step = (): boolean => stepBefore(Number.POSITIVE_INFINITY);

  return {
    kind: 'deterministic',
    patience: PATIENCE,
    get turns() {
      return turns;
    },
    start(agents) {
      for (const { name, factory, data, segments } of agents) {
        const id = machine.agent(name);
        if (runners.some((runner) => runner.id === id)) throw new Error(`agent '${name}' was started before`);
        const make = options.factories[factory] as AgentFactory<unknown> | undefined;
        if (make === undefined) throw new Error(`agent '${name}': no agent factory '${factory}'`);
        const images = segments === undefined ? null : imagesOf(machine.memory, segments);
        const wakeAt = (agent: number, time: number): void => timers.set(agent, time);
        const confined = createConfinedContext(machine, id, wakeAt, images);
        const agent = make(confined.context, cloneMessage(data));
        board.note(id, runners.length);
        runners.push(new AgentRunner(confined, agent, board.epoch));
        board.wake(id);
      }
    },
    post(agent, message) {
      // Cloned as a worker's message would be, so that code which works here works there.
      runnerOf(agent).inbox.push(cloneMessage(message));
    },
    confine(agent, segments) {
      runnerOf(agent).confine(imagesOf(machine.memory, segments));
    },
    step,
    runUntil(done) {
      // What the control half does inside `done` may wake somebody again: at rest is only who is so after it.
      while (!done()) if (!step() && !done() && !step()) return false;
      return true;
    },
    runUntilIdle() {
      while (step());
    },
    runFor(nanoseconds) {
      const end = clock.now() + nanoseconds;
      while (clock.now() < end && stepBefore(end));
      clock.advanceTo(end);
    },
    stall(agent, nanoseconds) {
      runnerOf(agent).stall(nanoseconds);
    },
    publish() {
      const epoch = board.advanceEpoch();
      for (const runner of runners) board.wake(runner.id);
      for (const runner of runners) while (runner.seen !== epoch) step();
    },
    stop() {
      for (const { id } of runners) board.note(id, -1);
      noted.fill(0);
      runners.length = 0;
      return Promise.resolve();
    },
  };
}

/** Bits that are set. */
function countBits(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const quads = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((quads + (quads >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
