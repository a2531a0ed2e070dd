/**
 * The threads executor: agents spread over worker threads, really in parallel, over the same shared memory.
 *
 * Each worker takes the turns of its agents round-robin while any is pending, spins for a little, then sleeps
 * until woken. The control half stays in the caller's thread and waits without returning to the event loop.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { AgentAssignment } from './agent.ts';
import type { Executor } from './executor.ts';
import type { Machine, MachineImage } from './machine.ts';
import type { SegmentImage } from './memory.ts';

/** What a worker is started with. */
export interface WorkerStart {
  readonly machine: MachineImage;
  readonly worker: number;
  /** Milliseconds of the process-wide monotonic clock at power-on. */
  readonly originMs: number;
  readonly agents: readonly AgentAssignment[];
  /** Where messages and new segments arrive; read without the event loop. */
  readonly port: MessagePort;
  /** Empty turns to spin before sleeping. */
  readonly spin: number;
}

/** What travels to a worker between publications. */
export type WorkerMessage =
  | { readonly kind: 'segment'; readonly image: SegmentImage }
  | { readonly kind: 'post'; readonly agent: number; readonly message: unknown };

export interface ThreadsOptions {
  /** The file the workers run; it calls `runWorker` with the factories it knows. */
  readonly entry: URL;
  /** The process-wide monotonic clock at power-on, in ms. */
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
  const workers: { thread: Worker; port: MessagePort; names: string; segments: number }[] = [];
  let failure: Error | null = null;
  let stopped = false;

  const start = (list: readonly AgentAssignment[]): void => {
    const worker = workers.length;
    for (const { name } of list) {
      const agent = machine.agent(name);
      board.assignWorker(agent, worker);
      agents.push(agent);
    }
    const { port1, port2 } = new MessageChannel();
    const workerData: WorkerStart = {
      machine: machine.image(),
      worker,
      originMs: options.originMs,
      agents: list,
      port: port2,
      spin: options.spin ?? 200,
    };
    const thread = new Worker(options.entry, { workerData, transferList: [port2] });
    thread.on('error', (error: Error) => {
      failure ??= error;
      board.reportFailure(worker);
    });
    port1.unref();
    workers.push({
      thread,
      port: port1,
      names: list.map(({ name }) => name).join(', '),
      segments: machine.memory.segments.length,
    });
  };

  // The caller's thread has nothing to spin on that is worth its core: it naps between looks.
  const nap = new Int32Array(new SharedArrayBuffer(4));
  const checkFailed = (): void => {
    for (let worker = 0; worker < workers.length; worker++) {
      if (board.hasFailed(worker)) {
        throw new Error(`worker ${worker} (${workers[worker]?.names}) failed`, {
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

  const send = (port: MessagePort, message: WorkerMessage): void => port.postMessage(message);

  const describePending = (): string =>
    agents
      .filter((agent) => board.isPending(agent))
      .map((agent) => machine.agentNames[agent])
      .join(', ') || 'nobody';

  const publish = (): void => {
    const images = machine.memory.images();
    for (const worker of workers) {
      for (; worker.segments < images.length; worker.segments++) {
        send(worker.port, { kind: 'segment', image: images[worker.segments] as SegmentImage });
      }
    }
    const epoch = board.advanceEpoch();
    for (const agent of agents) board.wake(agent);
    wait(() => agents.every((agent) => ((board.seenEpoch(agent) - epoch) | 0) >= 0), false);
  };

  return {
    kind: 'threads',
    start,
    post(agent, message) {
      const id = machine.agent(agent);
      const worker = workers[board.workerOf(id)];
      if (worker === undefined) throw new Error(`agent '${agent}' has not been started`);
      send(worker.port, { kind: 'post', agent: id, message });
    },
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
        workers.map(({ thread }) => new Promise<void>((resolve) => thread.once('exit', () => resolve()))),
      );
      if (failure !== null) throw failure;
    },
  };
}
