/**
 * The threads executor: agents spread over worker threads, really in parallel, over the same shared memory.
 *
 * Each worker takes the turns of its agents round-robin while any is pending, spins for a little, then sleeps
 * until woken. The control half stays in the caller's thread and waits without returning to the event loop.
 */
import { Worker } from 'node:worker_threads';
import type { Executor } from './executor.ts';
import type { Machine, MachineImage } from './machine.ts';

/** One agent of a worker: which factory (by name, resolved by the worker's entry file) and its data. */
export interface AgentAssignment {
  readonly name: string;
  readonly factory: string;
  readonly data: unknown;
}

/** What a worker is started with. */
export interface WorkerStart {
  readonly machine: MachineImage;
  readonly worker: number;
  /** Milliseconds of the process-wide monotonic clock at power-on. */
  readonly originMs: number;
  readonly agents: readonly AgentAssignment[];
  /** Empty turns to spin before sleeping. */
  readonly spin: number;
}

export interface ThreadsOptions {
  /** The file the workers run; it calls `runWorker` with the factories it knows. */
  readonly entry: URL;
  /** The agents of each worker. */
  readonly workers: readonly (readonly AgentAssignment[])[];
  readonly originMs: number;
  /** Empty turns to spin before sleeping; default 200. */
  readonly spin?: number;
  /** Longest time in ms that `runUntil` waits without any agent making progress; default 30 000. */
  readonly patienceMs?: number;
}

export function createThreadsExecutor(machine: Machine, options: ThreadsOptions): Executor {
  const board = machine.board;
  const patience = options.patienceMs ?? 30_000;
  const agents: number[] = [];
  let failure: Error | null = null;
  let stopped = false;

  options.workers.forEach((list, worker) => {
    for (const { name } of list) {
      const agent = machine.agent(name);
      board.assignWorker(agent, worker);
      agents.push(agent);
    }
  });
  const image = machine.image();
  const workers = options.workers.map((list, worker) => {
    const start: WorkerStart = {
      machine: image,
      worker,
      originMs: options.originMs,
      agents: list,
      spin: options.spin ?? 200,
    };
    const thread = new Worker(options.entry, { workerData: start });
    thread.on('error', (error: Error) => {
      failure ??= error;
      board.reportFailure(worker);
    });
    return thread;
  });

  // The caller's thread has nothing to spin on that is worth its core: it naps between looks.
  const nap = new Int32Array(new SharedArrayBuffer(4));
  const checkFailed = (): void => {
    for (let worker = 0; worker < workers.length; worker++) {
      if (board.hasFailed(worker)) {
        throw new Error(`worker ${worker} (${options.workers[worker]?.map((a) => a.name).join(', ')}) failed`, {
          cause: failure ?? undefined,
        });
      }
    }
  };

  /** True if there was an instant at which every worker was asleep without a deadline. */
  const atRest = (): boolean => {
    const before = workers.map((_, worker) => board.runs(worker));
    for (let worker = 0; worker < workers.length; worker++) if (!board.isAsleep(worker)) return false;
    for (const agent of agents) if (board.isPending(agent)) return false;
    for (let worker = 0; worker < workers.length; worker++) {
      if (!board.isAsleep(worker) || board.runs(worker) !== before[worker]) return false;
    }
    return true;
  };

  const wait = (done: () => boolean, orRest: boolean): boolean => {
    const started = performance.now();
    for (let look = 0; ; look++) {
      if (done()) return true;
      if (orRest && atRest()) return done();
      if (look > 50) {
        Atomics.wait(nap, 0, 0, look > 500 ? 1 : 0.05);
        checkFailed();
        if (performance.now() - started > patience) {
          throw new Error(`threads executor: no end after ${patience} ms; pending: ${describePending()}`);
        }
      }
    }
  };

  const describePending = (): string =>
    agents
      .filter((agent) => board.isPending(agent))
      .map((agent) => machine.agentNames[agent])
      .join(', ') || 'nobody';

  const publish = (): void => {
    const epoch = board.advanceEpoch();
    for (const agent of agents) board.wake(agent);
    wait(() => agents.every((agent) => ((board.seenEpoch(agent) - epoch) | 0) >= 0), false);
  };

  return {
    kind: 'threads',
    runUntil: (done) => wait(done, true),
    runUntilIdle() {
      wait(() => false, true);
    },
    publish,
    async stop() {
      if (stopped) return;
      stopped = true;
      workers.forEach((_, worker) => {
        board.requestStop(worker);
      });
      await Promise.all(
        workers.map((thread) => new Promise<void>((resolve) => thread.once('exit', () => resolve()))),
      );
      if (failure !== null) throw failure;
    },
  };
}
