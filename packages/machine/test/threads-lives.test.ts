// Worker threads that end without throwing, for real: the caller's thread, which does not return to its event loop, hears
// of it all the same.
import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createMachine,
  createRealClock,
  createThreadsExecutor,
  type Executor,
  type Machine,
} from '../src/index.ts';

const running: Executor[] = [];
const threads: Worker[] = [];
const note = (message: unknown): void => {
  threads.push((message as { worker: Worker }).worker);
};
afterEach(async () => {
  for (const executor of running.splice(0)) await executor.stop().catch(() => {});
  threads.length = 0;
});

const shared = (words: number): SharedArrayBuffer => new SharedArrayBuffer(words * 4);

/** A worker with two agents, one of which can end it, beside one that never rests; a patience that no test waits for. */
function createBench(): { machine: Machine; executor: Executor } {
  const machine = createMachine({
    hostMemoryBytes: 4096,
    processors: 1,
    agents: ['mortal', 'beside', 'busy'],
    dropReasons: [],
    clock: createRealClock(performance.now(), () => performance.now()),
  });
  const executor = createThreadsExecutor(machine, {
    entry: new URL('./fixtures/agents.mjs', import.meta.url),
    timeoutMs: 3_600_000,
    resourceLimits: { maxOldGenerationSizeMb: 24 },
  });
  running.push(executor);
  subscribe('worker_threads', note);
  executor.start([
    { name: 'mortal', factory: 'mortal', data: null },
    { name: 'beside', factory: 'listener', data: { words: shared(3) } },
  ]);
  executor.start([{ name: 'busy', factory: 'busy', data: { table: shared(1), used: shared(16) } }]);
  unsubscribe('worker_threads', note);
  executor.publish();
  return { machine, executor };
}

const GONE = {
  exit: /worker 0 \(mortal, beside\) failed: the thread ended with code 7 before it was told to/,
  memory: /worker 0 \(mortal, beside\) failed: (the thread is gone without a word|.*memory)/,
  terminate: /worker 0 \(mortal, beside\) failed: the thread is gone without a word/,
};

describe.each(['exit', 'memory', 'terminate'] as const)('a worker that ends by %s', (how) => {
  /** From now on its thread is on the way out. */
  const end = (executor: Executor): void => {
    if (how === 'terminate') void threads[0]?.terminate();
    else executor.post('mortal', how);
  };

  it('ends the publication that waits for it, although another agent never rests, and every call after', async () => {
    const { executor } = createBench();
    end(executor);
    // One that is terminated may have acknowledged once more before it is gone.
    expect(() => {
      for (;;) executor.publish();
    }).toThrow(GONE[how]);
    expect(() => executor.publish()).toThrow(GONE[how]);
    expect(() => executor.runUntil(() => false)).toThrow(GONE[how]);
    expect(() => executor.runUntilIdle()).toThrow(GONE[how]);
    expect(() => executor.runFor(1)).toThrow(GONE[how]);
    expect(() => executor.post('busy', 1)).toThrow(GONE[how]);
    expect(() => executor.post('mortal', 1)).toThrow(GONE[how]);
    expect(() => executor.stall('busy', 1)).toThrow(GONE[how]);
    expect(() => executor.start([])).toThrow(GONE[how]);
    await expect(executor.stop()).rejects.toThrow(GONE[how]);
    await expect(executor.stop()).rejects.toThrow(GONE[how]);
  });

  it('is known to stop(), if nobody has called anything since', async () => {
    const { machine, executor } = createBench();
    end(executor);
    if (how !== 'terminate') {
      machine.board.advanceEpoch();
      machine.board.wake(machine.agent('mortal'));
    }
    await new Promise((resolve) => threads[0]?.once('exit', resolve));
    await expect(executor.stop()).rejects.toThrow(GONE[how]);
  });

  it('ends a wait for something that it will never do', () => {
    const { machine, executor } = createBench();
    end(executor);
    if (how !== 'terminate') {
      machine.board.advanceEpoch();
      machine.board.wake(machine.agent('mortal'));
    }
    expect(() => executor.runUntil(() => false)).toThrow(GONE[how]);
  });
});

it('a process whose executor was never stopped ends when it has nothing else to do', async () => {
  const script = fileURLToPath(new URL('./fixtures/never-stopped.mjs', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  expect([code, output]).toEqual([0, 'published\n']);
});
