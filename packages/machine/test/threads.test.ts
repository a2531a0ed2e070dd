// The threads executor over real worker threads. A lost wake-up or a false rest would show as an error of the
// executor's patience or as missing work; nothing here measures time.
import { afterEach, describe, expect, it } from 'vitest';
import {
  createMachine,
  createRealClock,
  createThreadsExecutor,
  type Executor,
  type Machine,
  type ThreadsOptions,
} from '../src/index.ts';

const running: Executor[] = [];
afterEach(async () => {
  for (const executor of running.splice(0)) await executor.stop().catch(() => {});
});

function createBench(names: readonly string[], more: Partial<ThreadsOptions> = {}): [Machine, Executor] {
  const origin = performance.now();
  const machine = createMachine({
    hostMemoryBytes: 4096,
    processors: 1,
    agents: names,
    dropReasons: [],
    clock: createRealClock(origin, () => performance.now()),
  });
  const entry = new URL('./fixtures/agents.mjs', import.meta.url);
  const executor = createThreadsExecutor(machine, { entry, ...more });
  running.push(executor);
  return [machine, executor];
}

const shared = (words: number): SharedArrayBuffer => new SharedArrayBuffer(words * 4);

/** Two agents on two threads that pass a token `rounds` times. */
function startPingPong(machine: Machine, executor: Executor, words: SharedArrayBuffer, rounds: number): void {
  const [a, b] = [machine.agent('a'), machine.agent('b')];
  new Int32Array(words)[0] = a;
  executor.start([{ name: 'a', factory: 'pingPong', data: { self: a, peer: b, words, rounds } }]);
  executor.start([{ name: 'b', factory: 'pingPong', data: { self: b, peer: a, words, rounds } }]);
}

describe('threads executor', () => {
  it.each([
    [1, 2],
    [20, 2],
    [2000, 2],
    [2000, 1],
  ])(
    'loses no wake-up in 100 000 ping-pongs between threads that spin %i times, on %i cores',
    (spin, cores) => {
      const [machine, executor] = createBench(['a', 'b'], { spin, cores });
      const words = shared(2);
      startPingPong(machine, executor, words, 100_000);
      executor.runUntilIdle();
      expect(new Int32Array(words)[1]).toBe(100_000);
    },
  );

  it('is idle only at rest: after each of 2000 bursts all of its work is done', () => {
    const [machine, executor] = createBench(['a', 'b'], { spin: 1 });
    const words = shared(2);
    const state = new Int32Array(words);
    startPingPong(machine, executor, words, 0x7fffffff);
    // A burst is five hops between the threads: the count ends at its bound.
    for (let burst = 1; burst <= 2000; burst++) {
      Atomics.store(state, 0, machine.agent('a'));
      state[1] = 0x7fffffff - 5;
      machine.board.wake(machine.agent('a'));
      executor.runUntilIdle();
      if (state[1] !== 0x7fffffff)
        throw new Error(`burst ${burst}: idle with ${0x7fffffff - state[1]} to go`);
    }
  });

  it('a stalled agent passes nothing on until its time is over, and runFor waits for as long as it is told', () => {
    const [machine, executor] = createBench(['a', 'b']);
    const words = shared(2);
    const state = new Int32Array(words);
    startPingPong(machine, executor, words, 10);
    executor.runUntilIdle();
    const end = machine.clock.now() + 100e6;
    executor.stall('b', 100e6);
    executor.runFor(20e6);
    state[1] = 0;
    Atomics.store(state, 0, machine.agent('a'));
    machine.board.wake(machine.agent('a'));
    executor.runUntilIdle();
    expect(state[1]).toBe(10);
    expect(machine.clock.now()).toBeGreaterThanOrEqual(end - 20e6);
  });

  it('runUntil is true when the condition holds and false at rest', () => {
    const [machine, executor] = createBench(['a', 'b']);
    const words = shared(2);
    const state = new Int32Array(words);
    startPingPong(machine, executor, words, 5000);
    expect(executor.runUntil(() => Atomics.load(state, 1) > 100)).toBe(true);
    expect(executor.runUntil(() => Atomics.load(state, 1) > 5000)).toBe(false);
    expect(state[1]).toBe(5000);
  });

  it('an agent with a timer is not at rest; timers never fire early', () => {
    const [, executor] = createBench(['a', 'b']);
    const words = [shared(2), shared(2)] as const;
    executor.start([
      { name: 'a', factory: 'ticker', data: { words: words[0], count: 20, every: 1_500_000 } },
      { name: 'b', factory: 'ticker', data: { words: words[1], count: 7, every: 4_000_000 } },
    ]);
    executor.runUntilIdle();
    expect(words.map((buffer) => [...new Int32Array(buffer)])).toEqual([
      [20, 0],
      [7, 0],
    ]);
  });

  it('publish is a barrier: when it returns, no batch of any busy agent uses the old table', () => {
    const names = ['a', 'b', 'c'];
    const [machine, executor] = createBench(names);
    const table = shared(1);
    const used = shared(16);
    const data = { table, used };
    executor.start(['a', 'b'].map((name) => ({ name, factory: 'busy', data })));
    executor.start([{ name: 'c', factory: 'busy', data }]);
    const report = new Int32Array(used);
    for (let version = 1; version <= 200; version++) {
      new Int32Array(table)[0] = version;
      executor.publish();
      for (const name of names) {
        const agent = machine.agent(name);
        Atomics.store(report, agent, 0);
        executor.runUntil(() => Atomics.load(report, agent) !== 0);
        if (report[agent] !== version) throw new Error(`version ${version}: ${name} used ${report[agent]}`);
      }
    }
  });

  it('publish waits for an agent that takes long to refresh', () => {
    const [, executor] = createBench(['a', 'b']);
    const words = [shared(3), shared(3)] as const;
    executor.start(['a', 'b'].map((name, i) => ({ name, factory: 'listener', data: { words: words[i] } })));
    executor.post('b', { op: 'nap', ms: 60 });
    executor.publish();
    expect(words.map((buffer) => new Int32Array(buffer)[0])).toEqual([1, 1]);
  });

  it('messages come in order with the next publication; new segments are there; shared buffers stay shared', () => {
    const [machine, executor] = createBench(['a', 'b']);
    const words = [shared(3), shared(3)] as const;
    executor.start(['a', 'b'].map((name, i) => ({ name, factory: 'listener', data: { words: words[i] } })));
    const [a, b] = words.map((buffer) => new Int32Array(buffer)) as [Int32Array, Int32Array];
    for (let n = 1; n <= 1000; n++) {
      executor.post('a', { op: 'number', n });
      if (n % 100 === 0) {
        executor.publish();
        expect([...a]).toEqual([n / 100, n, 0]);
      }
    }
    executor.post('b', { op: 'number', n: 1 });
    executor.runUntilIdle();
    expect([...b]).toEqual([10, 0, 0]); // posted, not published
    const segment = machine.memory.addSegment('vm', 4096);
    const buffer = shared(1);
    executor.post('b', { op: 'segment', id: segment.id, value: 42 });
    executor.post('b', { op: 'share', buffer });
    executor.publish();
    expect([...b]).toEqual([11, 1, 0]);
    expect(segment.i32[3]).toBe(42);
    expect(new Int32Array(buffer)[0]).toBe(machine.agent('b'));
  });

  it('an agent started after a publication gets what is posted to it with the next one, not before', () => {
    const [, executor] = createBench(['a', 'b']);
    const words = [shared(3), shared(3)] as const;
    executor.start([{ name: 'a', factory: 'listener', data: { words: words[0] } }]);
    executor.publish();
    executor.start([{ name: 'b', factory: 'listener', data: { words: words[1] } }]);
    executor.post('b', { op: 'number', n: 1 });
    executor.runUntilIdle();
    expect([...new Int32Array(words[1])]).toEqual([0, 0, 0]);
    executor.publish();
    expect([...new Int32Array(words[1])]).toEqual([1, 1, 0]);
  });

  it('all threads read one clock, the machine’s', () => {
    const [machine, executor] = createBench(['a', 'b']);
    const words = new SharedArrayBuffer(8 * 8);
    const times = new Float64Array(words);
    const before = machine.clock.now();
    executor.start([{ name: 'a', factory: 'clock', data: { words } }]);
    executor.runUntilIdle();
    const between = machine.clock.now();
    executor.start([{ name: 'b', factory: 'clock', data: { words } }]);
    executor.runUntilIdle();
    const after = machine.clock.now();
    const [a, b] = ['a', 'b'].map((name) => times[machine.agent(name)]) as [number, number];
    const slack = 1e6; // ns; threads' zero points lie tens of milliseconds apart
    expect(a).toBeGreaterThan(before - slack);
    expect(a).toBeLessThan(between + slack);
    expect(b).toBeGreaterThan(between - slack);
    expect(b).toBeLessThan(after + slack);
  });
});

describe('threads executor, when something is wrong', () => {
  const listener = (name: string) => ({ name, factory: 'listener', data: { words: shared(3) } });

  it('what an agent throws reaches the blocked caller, with the names of the worker’s agents, and stop()', async () => {
    const [, executor] = createBench(['a', 'b', 'c']);
    executor.start([listener('a'), listener('b')]);
    executor.start([listener('c')]);
    executor.post('b', { op: 'defused' });
    const failing = /worker 0 \(a, b\) failed: agent 'b': bomb defused/;
    expect(() => executor.publish()).toThrow(failing);
    expect(() => executor.runUntilIdle()).toThrow(failing);
    await new Promise((resolve) => setTimeout(resolve, 50)); // the thread's end may be reported before stop()
    await expect(executor.stop()).rejects.toThrow(failing);
    const error = await executor.stop().catch((reason: Error) => reason);
    expect((error as Error & { cause: Error }).cause.stack).toMatch(/agents\.mjs/);
  });

  it.each([
    ['an agent that cannot be built', { factory: 'bomb' }, {}, /\(a\) failed: agent 'a': cannot be built/],
    ['a factory nobody knows', { factory: 'x' }, {}, /\(a\) failed: agent 'a': no agent factory 'x'/],
    [
      'an entry file that does not load',
      {},
      { entry: new URL('./fixtures/broken-entry.mjs', import.meta.url) },
      /\(a\) failed: .*does-not-exist\.mjs/,
    ],
    [
      'an entry file that is not there',
      {},
      { entry: new URL('./fixtures/nowhere.mjs', import.meta.url) },
      /\(a\) failed: .*nowhere\.mjs/,
    ],
    [
      'an entry file that does not run a worker',
      {},
      { entry: new URL('./fixtures/silent-entry.mjs', import.meta.url) },
      /worker 0 \(a\) failed: the thread ended with code 0 before it was told to/,
    ],
  ])('tells of %s', (_, agent, options, expected) => {
    const [, executor] = createBench(['a'], options);
    executor.start([{ ...listener('a'), ...agent }]);
    expect(() => executor.runUntilIdle()).toThrow(expected);
  });

  it('tells of a turn that does not end, and ends its thread by force on stop', async () => {
    const words = shared(1);
    // Time goes by once both threads are where they are to be, so that none is late on a busy machine.
    let time = 0;
    const now = (): number => {
      const isReady = Atomics.load(new Int32Array(words), 0) === 1 && machine.board.isParked(1);
      time += isReady ? 100 : 0;
      return time;
    };
    const [machine, executor] = createBench(['a', 'b'], { timeoutMs: 300, now });
    executor.start([{ name: 'a', factory: 'stuck', data: { words } }]);
    executor.start([listener('b')]);
    expect(() => executor.runUntilIdle()).toThrow(
      /no turn in 300 ms; worker 0 \(a\) is awake.*worker 1 \(b\) is asleep/,
    );
    await expect(executor.stop()).rejects.toThrow(/a: no end of a turn/);
  });

  it('tells of an agent that is stuck although another never rests', () => {
    const words = shared(1);
    const [, executor] = createBench(['a', 'b'], {
      timeoutMs: 300,
      now: () => (Atomics.load(new Int32Array(words), 0) === 1 ? performance.now() : 0),
    });
    executor.start([{ name: 'a', factory: 'stuck', data: { words } }]);
    executor.start([{ name: 'b', factory: 'busy', data: { table: shared(1), used: shared(16) } }]);
    // It gets stuck in its first turn, with which it has acknowledged what was published by then.
    expect(() => {
      for (;;) executor.publish();
    }).toThrow(/no turn in 300 ms; worker 0 \(a\) is awake/);
  });

  it('patience counts from the last turn, not from the first look', () => {
    const words = shared(2);
    // By this clock a turn takes 200 ms, whatever it takes by another.
    const now = (): number => 200 * Atomics.load(new Int32Array(words), 0);
    const [, executor] = createBench(['a'], { timeoutMs: 250, now });
    executor.start([{ name: 'a', factory: 'ticker', data: { words, count: 12, every: 2_000_000 } }]);
    executor.runUntilIdle();
    expect([...new Int32Array(words)]).toEqual([12, 0]);
  });

  it('refuses a second start of an agent, unknown names, data that cannot be cloned, and work after stop', async () => {
    const [machine, executor] = createBench(['a', 'b']);
    executor.start([listener('a')]);
    expect(() => executor.start([listener('a')])).toThrow(/'a' was started before/);
    expect(() => executor.start([listener('b'), listener('b')])).toThrow(/'b' was started before/);
    expect(() => executor.start([listener('x')])).toThrow(/no agent 'x'/);
    expect(() => executor.start([{ ...listener('b'), data: () => 1 }])).toThrow(/could not be cloned/);
    expect(machine.board.workerOf(machine.agent('b'))).toBe(-1);
    expect(() => executor.post('b', 1)).toThrow(/'b' has not been started/);
    executor.start([listener('b')]);
    executor.publish();
    await executor.stop();
    await executor.stop();
    expect(() => executor.publish()).toThrow(/stopped/);
    expect(() => executor.start([])).toThrow(/stopped/);
  });
});
