/**
 * The worker threads of a threads executor: how each is started, how the caller learns that one has failed or is gone,
 * and how all are ended.
 */
import { MessageChannel, type MessagePort, type ResourceLimits, Worker } from 'node:worker_threads';
import { imagesOf } from '../memory/memory.ts';
import { type AgentId, MAX_WORKERS } from '../processor/board.ts';
import type { AgentAssignment } from './agent.ts';
import { createFailureReport, readFailureReport } from './failure-report.ts';
import { LifeLine } from './life-line.ts';
import type { Machine } from './machine.ts';
import { originOf, type WorkerMessage, type WorkerStart } from './worker-start.ts';

/** Milliseconds between two looks whether the threads live, while the caller waits. */
const LIFE_INTERVAL_MS = 2;
const ENDED_SILENTLY = 'the thread is gone without a word: it was terminated, or ran out of memory';

export interface WorkerThread {
  readonly thread: Worker;
  readonly port: MessagePort;
  readonly agents: AgentId[];
  readonly names: string[];
  readonly failure: SharedArrayBuffer;
  readonly lifeLine: LifeLine;
  /** Resolves when the thread has ended; listened to from the start, for it may end before `stop()`. */
  readonly ended: Promise<void>;
  /** Memory segments it has been told of; null if it is to know none but its agents' own. */
  segments: number | null;
}

/** What every thread is started with. */
export interface ThreadSettings {
  readonly entry: URL;
  readonly execArgv?: readonly string[];
  readonly resourceLimits?: ResourceLimits;
  readonly spin: number;
  readonly cores: number;
}

export class WorkerThreads {
  readonly list: WorkerThread[] = [];
  /** Agents that see some segments alone, and were started so. */
  readonly confined: Set<AgentId> = new Set();
  readonly #machine: Machine;
  readonly #settings: ThreadSettings;
  readonly #originMs: number;
  #failure: Error | null = null;
  #isEnding = false;
  #lookedAtLives = 0;

  constructor(machine: Machine, settings: ThreadSettings) {
    this.#machine = machine;
    this.#settings = settings;
    this.#originMs = originOf(() => machine.clock.now() / 1e6);
  }

  /**
   * Starts a thread for `agents`, which nobody runs yet. Returns their numbers. Throws, with nothing begun, if the agents'
   * data cannot be cloned or there are as many threads as the board has words for.
   */
  start(agents: readonly AgentAssignment[]): readonly AgentId[] {
    const machine = this.#machine;
    const worker = this.list.length;
    if (worker >= MAX_WORKERS) throw new RangeError(`threads executor: at most ${MAX_WORKERS} workers`);
    const ids = agents.map(({ name }) => machine.agent(name));
    const { port1, port2 } = new MessageChannel();
    const lifeLine = new LifeLine();
    const data = this.#startData(agents, worker, port2, lifeLine.workerEnd);
    // Before the thread runs: whoever wakes one of these agents must find whom to rouse.
    for (const id of ids) machine.board.assignWorker(id, worker);
    let thread: Worker;
    try {
      thread = this.#spawn(data);
    } catch (error) {
      // Data that cannot be cloned: nothing has begun.
      for (const id of ids) machine.board.assignWorker(id, -1);
      port1.close();
      lifeLine.close();
      throw error;
    }
    // A process that has nothing else to do ends, whether its threads were stopped or not.
    port1.unref();
    thread.unref();
    machine.board.countWorkers(worker + 1);
    this.list.push({
      thread,
      port: port1,
      agents: [...ids],
      names: agents.map(({ name }) => name),
      failure: data.failure,
      lifeLine,
      ended: new Promise((resolve) => thread.once('exit', () => resolve())),
      segments: data.confinements.every((images) => images !== null) ? null : machine.memory.segments.length,
    });
    ids.forEach((id, i) => {
      if (data.confinements[i] !== null) this.confined.add(id);
    });
    this.#listen(thread, worker, data.failure);
    return ids;
  }

  #startData(
    agents: readonly AgentAssignment[],
    worker: number,
    port: MessagePort,
    lifeLine: MessagePort,
  ): WorkerStart {
    const machine = this.#machine;
    const confinements = agents.map(({ segments }) =>
      segments === undefined ? null : imagesOf(machine.memory, segments),
    );
    // What a thread has not got, no agent on it can reach.
    const isConfined = confinements.every((images) => images !== null);
    return {
      machine: isConfined ? { ...machine.image(), segments: [] } : machine.image(),
      confinements,
      worker,
      originMs: this.#originMs,
      agents,
      epoch: machine.board.epoch,
      port,
      stopWord: machine.board.stopWord(worker),
      lifeLine,
      spin: this.#settings.spin,
      cores: this.#settings.cores,
      entry: this.#settings.entry.href,
      failure: createFailureReport(),
    };
  }

  #spawn(workerData: WorkerStart): Worker {
    const { execArgv, resourceLimits } = this.#settings;
    return new Worker(new URL('../../worker-bootstrap.mjs', import.meta.url), {
      workerData,
      transferList: [workerData.port, workerData.lifeLine],
      ...(execArgv ? { execArgv: [...execArgv] } : {}),
      ...(resourceLimits ? { resourceLimits } : {}),
    });
  }

  /** For what the worker cannot write down itself, such as running out of memory. */
  #listen(thread: Worker, worker: number, report: SharedArrayBuffer): void {
    thread.on('error', (error: Error) => {
      this.#fail(worker, readFailureReport(report) ?? error.stack ?? error.message);
    });
    thread.once('exit', (code) => {
      if (!this.#isEnding)
        this.#fail(worker, readFailureReport(report) ?? `${ENDED_SILENTLY} (code ${code})`);
    });
  }

  send(worker: WorkerThread, message: WorkerMessage): void {
    worker.port.postMessage(message);
  }

  /** Tells a worker of segments made since it was last told. */
  sendSegments(worker: WorkerThread): void {
    if (worker.segments === null) return;
    const images = this.#machine.memory.images();
    for (; worker.segments < images.length; worker.segments++)
      this.send(worker, { kind: 'segment', image: images[worker.segments] });
  }

  /** Throws the failure of a thread that has failed or is gone. `often`: lives are looked at now and then only. */
  check(often: boolean): void {
    if (this.#failure === null) this.#findFailed(often);
    if (this.#failure !== null) throw this.#failure;
  }

  #findFailed(often: boolean): void {
    const time = performance.now();
    const looksAtLives = !often || time - this.#lookedAtLives >= LIFE_INTERVAL_MS;
    if (looksAtLives) this.#lookedAtLives = time;
    this.list.forEach((thread, worker) => {
      // Before the report is read: who is gone has written it.
      const isGone = looksAtLives && thread.lifeLine.isCut();
      const text = readFailureReport(thread.failure);
      if (text !== null) this.#fail(worker, text);
      else if (isGone) this.#fail(worker, ENDED_SILENTLY);
    });
  }

  /** The first failure is the one that is thrown. */
  #fail(worker: number, text: string): void {
    const cause = new Error(text);
    cause.stack = text; // the stack that matters is the worker's
    const reason = text.split('\n', 1)[0].replace(/^Error: /, '');
    const names = this.list[worker]?.names.join(', ');
    this.#failure ??= new Error(`worker ${worker} (${names}) failed: ${reason}`, { cause });
  }

  /** Ends all threads, by force after `timeoutMs`. Rejects with the failure of one, also if it failed only now. */
  async end(timeoutMs: number): Promise<void> {
    this.#isEnding = true;
    this.#findFailed(false);
    this.list.forEach(({ thread }, worker) => {
      thread.ref();
      this.#machine.board.requestStop(worker);
    });
    const late = setTimeout(() => {
      this.list.forEach(({ thread, names }, worker) => {
        if (thread.threadId < 0) return; // has ended
        this.#fail(worker, `${names.join(', ')}: no end of a turn ${timeoutMs} ms after stop()`);
        void thread.terminate();
      });
    }, timeoutMs);
    await Promise.all(this.list.map(({ ended }) => ended));
    clearTimeout(late);
    this.list.forEach(({ lifeLine, port, failure: report }, worker) => {
      lifeLine.close();
      port.close();
      const text = readFailureReport(report);
      if (text !== null) this.#fail(worker, text);
    });
    if (this.#failure !== null) throw this.#failure;
  }
}
