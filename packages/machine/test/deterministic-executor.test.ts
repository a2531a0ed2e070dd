import { describe, expect, it } from 'vitest';
import type { AgentContext, AgentFactories } from '../src/executor/agent.ts';
import {
  createDeterministicExecutor,
  type DeterministicExecutor,
} from '../src/executor/deterministic-executor.ts';
import { createMachine, type Machine } from '../src/executor/machine.ts';
import { createVirtualClock, type VirtualClock } from '../src/processor/clock.ts';

interface Bench {
  readonly machine: Machine;
  readonly clock: VirtualClock;
  readonly executor: DeterministicExecutor;
}

function createBench(agents: readonly string[], factories: AgentFactories, seed = 1): Bench {
  const clock = createVirtualClock();
  const machine = createMachine({ hostMemoryBytes: 4096, processors: 1, agents, dropReasons: [], clock });
  return { machine, clock, executor: createDeterministicExecutor(machine, clock, { factories, seed }) };
}

/** Agents that take `data` turns each and write down whose turn it was. */
function orderOf(seed: number): string {
  const order: string[] = [];
  const factories: AgentFactories = {
    worker: (context: AgentContext, turns: number) => {
      let left = turns;
      return {
        step() {
          order.push(context.name);
          return --left > 0;
        },
        refresh() {},
      };
    },
  };
  const names = ['a', 'b', 'c'];
  const { executor } = createBench(names, factories, seed);
  executor.start(names.map((name) => ({ name, factory: 'worker', data: 20 })));
  executor.runUntilIdle();
  expect(executor.turns).toBe(60);
  return order.join('');
}

describe('deterministic executor', () => {
  it('same seed, same order; another seed, another order; every agent gets all its turns', () => {
    expect(orderOf(1)).toBe(orderOf(1));
    expect(orderOf(1)).not.toBe(orderOf(2));
    expect([...orderOf(3)].sort().join('')).toBe('a'.repeat(20) + 'b'.repeat(20) + 'c'.repeat(20));
  });

  it('each turn costs virtual time; at rest the clock jumps to the next timer, the earliest request counting', () => {
    const times: number[] = [];
    const { executor, clock } = createBench(['a'], {
      timer: (context: AgentContext) => ({
        step() {
          times.push(context.machine.clock.now());
          if (times.length === 1) {
            context.wakeAt(90_000);
            context.wakeAt(50_000);
            context.wakeAt(70_000);
          }
          if (times.length === 2) context.wakeAt(10); // long past: at once
          return false;
        },
        refresh() {},
      }),
    });
    executor.start([{ name: 'a', factory: 'timer', data: null }]);
    executor.runUntilIdle();
    expect(times).toEqual([0, 50_000, 51_000]);
    expect(clock.now()).toBe(52_000);
  });

  it('a timer fires on time although another agent never rests', () => {
    let fired = -1;
    const { executor } = createBench(['busy', 'timer'], {
      busy: () => ({ step: () => true, refresh() {} }),
      timer: (context: AgentContext) => {
        context.wakeAt(20_000);
        return {
          step() {
            if (context.machine.clock.now() >= 20_000) fired = context.machine.clock.now();
            return false;
          },
          refresh() {},
        };
      },
    });
    executor.start(['busy', 'timer'].map((name) => ({ name, factory: name, data: null })));
    expect(executor.runUntil(() => fired >= 0 || executor.turns > 200)).toBe(true);
    expect(fired).toBeGreaterThanOrEqual(20_000);
    expect(fired).toBeLessThan(40_000);
  });

  it('runUntil is true as soon as the condition holds, false when all is at rest before', () => {
    let turns = 0;
    const { executor } = createBench(['a'], {
      ten: () => ({ step: () => ++turns < 10, refresh() {} }),
    });
    executor.start([{ name: 'a', factory: 'ten', data: null }]);
    expect(executor.runUntil(() => turns === 4)).toBe(true);
    expect(turns).toBe(4);
    expect(executor.runUntil(() => turns === 11)).toBe(false);
    expect(turns).toBe(10);
    expect(executor.step()).toBe(false);
  });

  it('publish: every agent has refreshed when it returns, with its messages in order, cloned, buffers shared', () => {
    const got: [string, unknown[]][] = [];
    const { executor, machine } = createBench(['a', 'b'], {
      agent: (context: AgentContext) => ({
        step: () => true, // never rests
        refresh: (messages) => void got.push([context.name, [...messages]]),
      }),
    });
    executor.start(['a', 'b'].map((name) => ({ name, factory: 'agent', data: null })));
    const message = { list: [1], shared: new SharedArrayBuffer(4) };
    executor.post('a', message);
    executor.post('a', 'second');
    message.list.push(2);
    executor.runUntil(() => executor.turns > 20);
    expect(got).toEqual([]); // posted, not published
    executor.publish();
    expect(got.map(([name]) => name).sort()).toEqual(['a', 'b']);
    const [first, second] = (got.find(([name]) => name === 'a') ?? ['a', []])[1] as [typeof message, string];
    expect([first.list, second]).toEqual([[1], 'second']);
    new Int32Array(message.shared)[0] = 5;
    expect(new Int32Array(first.shared)[0]).toBe(5);
    executor.publish();
    expect(got.slice(2).map(([, messages]) => messages)).toEqual([[], []]);
    expect(machine.board.seenEpoch(machine.agent('b'))).toBe(2);
  });

  it('an agent started after a publication gets what is posted to it with the next one, not before', () => {
    const got: unknown[][] = [];
    const { executor } = createBench(['a', 'late'], {
      agent: (context: AgentContext) => ({
        step: () => false,
        refresh: (messages) => void (context.name === 'late' && got.push([...messages])),
      }),
    });
    executor.start([{ name: 'a', factory: 'agent', data: null }]);
    executor.publish();
    executor.start([{ name: 'late', factory: 'agent', data: null }]);
    executor.post('late', 1);
    executor.runUntilIdle();
    expect(got).toEqual([]);
    executor.publish();
    expect(got).toEqual([[1]]);
  });

  it('start clones the data, and refuses unknown names, unknown factories and a second start', () => {
    const given: unknown[] = [];
    const { executor } = createBench(['a', 'b'], {
      agent: (_: AgentContext, data: unknown) => {
        given.push(data);
        return { step: () => false, refresh() {} };
      },
    });
    const data = { n: 1 };
    const agent = { name: 'a', factory: 'agent', data };
    executor.start([agent]);
    expect(given[0]).toEqual(data);
    expect(given[0]).not.toBe(data);
    expect(() => executor.start([agent])).toThrow(/'a' was started before/);
    expect(() => executor.start([{ ...agent, name: 'x' }])).toThrow(/no agent 'x'/);
    expect(() => executor.start([{ ...agent, name: 'b', factory: 'x' }])).toThrow(/no agent factory 'x'/);
    expect(() => executor.post('b', 1)).toThrow(/'b' has not been started/);
  });

  it('refuses a clock that is not the machine’s, and a timer at NaN; takes no turn after stop', async () => {
    const { executor, machine } = createBench(['a'], {
      nan: (context: AgentContext) => ({
        step() {
          context.wakeAt(Number.NaN);
          return true;
        },
        refresh() {},
      }),
    });
    expect(() => createDeterministicExecutor(machine, createVirtualClock(), { factories: {} })).toThrow(
      /clock/,
    );
    executor.start([{ name: 'a', factory: 'nan', data: null }]);
    expect(() => executor.step()).toThrow(/NaN/);
    await executor.stop();
    expect(executor.step()).toBe(false);
  });

  it('runFor lets exactly that much time go by, with the timers in it and not the one behind it', () => {
    const fired: number[] = [];
    const { executor, clock } = createBench(['a'], {
      ticker: (context: AgentContext) => ({
        step() {
          fired.push(context.machine.clock.now());
          context.wakeAt(context.machine.clock.now() + 1_000_000);
          return false;
        },
        refresh() {},
      }),
    });
    executor.start([{ name: 'a', factory: 'ticker', data: null }]);
    executor.runFor(2_500_000);
    expect(clock.now()).toBe(2_500_000);
    expect(fired).toEqual([0, 1_000_000, 2_000_000]);
    executor.runFor(600_000);
    expect(clock.now()).toBe(3_100_000);
    expect(fired).toHaveLength(4);
  });

  it('a stalled agent takes no turn and acknowledges nothing until its time is over; others do', () => {
    const turns: [string, number][] = [];
    const got: unknown[] = [];
    const { executor, machine, clock } = createBench(['a', 'b'], {
      agent: (context: AgentContext) => ({
        step() {
          turns.push([context.name, context.machine.clock.now()]);
          return false;
        },
        refresh: (messages) => void got.push(...messages),
      }),
    });
    executor.start([
      { name: 'a', factory: 'agent', data: null },
      { name: 'b', factory: 'agent', data: null },
    ]);
    executor.runUntilIdle();
    turns.length = 0;
    executor.stall('a', 5_000_000);
    expect(() => executor.stall('a', Number.NaN)).toThrow(/a time in ns/);
    const end = clock.now() + 5_000_000;
    machine.board.wake(machine.agent('a'));
    machine.board.wake(machine.agent('b'));
    executor.runFor(1_000_000);
    expect(turns.map(([name]) => name)).toEqual(['b']);
    executor.post('a', 'late');
    executor.publish();
    expect(got).toEqual(['late']);
    expect(clock.now()).toBeGreaterThanOrEqual(end);
    expect(turns.filter(([name]) => name === 'a')).toEqual([['a', end]]);
  });
});
