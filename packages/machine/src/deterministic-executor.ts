/**
 * The deterministic executor: one thread, a virtual clock, and a seeded choice of who steps next.
 * Same seed, same order, same bytes.
 *
 * Each turn costs `stepNanoseconds` of virtual time. When nobody is pending, the clock jumps to the next timer.
 */
import type { AgentFactories, AgentFactory } from './agent.ts';
import type { AgentId } from './board.ts';
import type { VirtualClock } from './clock.ts';
import { AgentRunner, createAgentContext, type Executor } from './executor.ts';
import type { Machine } from './machine.ts';
import { createRandom } from './random.ts';

export interface DeterministicOptions {
  /** The agent factories this executor can start, by name. */
  readonly factories: AgentFactories;
  readonly seed?: number;
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

/** One thread sees everything already. */
const nothingToCollect = (): void => {};

export function createDeterministicExecutor(
  machine: Machine,
  clock: VirtualClock,
  options: DeterministicOptions,
): DeterministicExecutor {
  const board = machine.board;
  const random = createRandom(options.seed ?? 1);
  const cost = options.stepNanoseconds ?? 1000;
  const runners: AgentRunner[] = [];
  const ready: AgentRunner[] = [];
  // Earliest wake-up per agent; few entries, looked at only when nobody is pending.
  const timers = new Map<AgentId, number>();
  let turns = 0;

  const wakeAt = (agent: AgentId, nanoseconds: number): void => {
    const earlier = timers.get(agent);
    if (earlier === undefined || nanoseconds < earlier) timers.set(agent, nanoseconds);
  };

  const fireTimers = (): boolean => {
    let next = Number.POSITIVE_INFINITY;
    for (const time of timers.values()) if (time < next) next = time;
    if (next === Number.POSITIVE_INFINITY) return false;
    clock.advanceTo(next);
    for (const [agent, time] of timers) {
      if (time > next) continue;
      timers.delete(agent);
      board.wake(agent);
    }
    return true;
  };

  const step = (): boolean => {
    ready.length = 0;
    for (let i = 0; i < runners.length; i++) {
      const runner = runners[i] as AgentRunner;
      if (board.isPending(runner.id)) ready.push(runner);
    }
    if (ready.length === 0) return fireTimers();
    const chosen = ready[ready.length === 1 ? 0 : random.below(ready.length)] as AgentRunner;
    board.takePending(chosen.id);
    if (chosen.turn(nothingToCollect)) board.wake(chosen.id);
    clock.advance(cost);
    turns++;
    return true;
  };

  return {
    kind: 'deterministic',
    get turns() {
      return turns;
    },
    start(agents) {
      for (const { name, factory, data } of agents) {
        const make = options.factories[factory] as AgentFactory<unknown> | undefined;
        if (make === undefined) throw new Error(`no agent factory '${factory}'`);
        const context = createAgentContext(machine, machine.agent(name), wakeAt);
        runners.push(new AgentRunner(context, make(context, structuredClone(data))));
        board.wake(context.agent);
      }
    },
    post(agent, message) {
      const id = machine.agent(agent);
      const runner = runners.find((candidate) => candidate.id === id);
      if (runner === undefined) throw new Error(`agent '${agent}' has not been started`);
      // Cloned as a worker's message would be, so that code which works here works there.
      runner.inbox.push(structuredClone(message));
    },
    step,
    runUntil(done) {
      while (!done()) if (!step()) return done();
      return true;
    },
    runUntilIdle() {
      while (step());
    },
    publish() {
      const epoch = board.advanceEpoch();
      for (const runner of runners) board.wake(runner.id);
      const unseen = (runner: AgentRunner): boolean => ((board.seenEpoch(runner.id) - epoch) | 0) < 0;
      while (runners.some(unseen)) step();
    },
    stop: () => Promise.resolve(),
  };
}
