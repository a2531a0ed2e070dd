/**
 * The threads executor: agents spread over worker threads, really in parallel, over the same shared memory.
 *
 * Each worker takes the turns of its agents round-robin while any is pending, spins for a little, then sleeps
 * until woken. It sleeps at once where more workers are awake than there are cores: somebody has work and waits for
 * the core it spins on. The control half stays in the caller's thread and waits without returning to the event loop.
 */
import { MessageChannel, type MessagePort, type ResourceLimits, Worker } from 'node:worker_threads';
import { imagesOf } from '../memory/memory.ts';
import { type AgentId, MAX_WORKERS } from '../processor/board.ts';
import type { AgentAssignment } from './agent.ts';
import { availableCores } from './cores.ts';
import type { Executor } from './executor.ts';
import { createFailureReport, readFailureReport } from './failure-report.ts';
import { LifeLine } from './life-line.ts';
import type { Machine } from './machine.ts';
import { originOf, type WorkerMessage, type WorkerStart } from './worker-start.ts';

export interface ThreadsOptions {
  /** The file the workers run; it calls `runWorker` with the factories it knows. */
  readonly entry: URL;
  /** Node options of the worker threads; default: this process's own. */
  readonly execArgv?: readonly string[];
  /** Empty looks for work before a worker sleeps; default 2000, which take about as long as waking a sleeper does. */
  readonly spin?: number;
  /** Cores that the workers share; with more of them awake, none spins. Default: the processors of this machine. */
  readonly cores?: number;
  /**
   * Groups of agents, by name, that share a worker, whenever they are started. An agent of no group shares one with
   * those it is started with. A guest that shares a worker with others is kept to its own memory by its context alone,
   * not by what its thread has got.
   */
  readonly placement?: readonly (readonly string[])[];
  /**
   * Longest time in ms that the executor waits without a turn of those it waits for before it throws; default 30 000.
   * Also how long `stop()` lets a turn last before it ends the thread by force.
   */
  readonly patienceMs?: number;
  /** Milliseconds by which patience is measured; default `performance.now`. For tests that do not depend on speed. */
  readonly now?: () => number;
  /** Limits of each worker's JavaScript memory, as Node's workers take them; default: Node's. */
  readonly resourceLimits?: ResourceLimits;
}

/** Milliseconds between two looks whether the threads live, while the caller waits. */
const LIFE_INTERVAL_MS = 2;
const ENDED_SILENTLY = 'the thread is gone without a word: it was terminated, or ran out of memory';

interface WorkerThread {
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

/**
 * An executor over worker threads. The machine should have been made with a real clock
 * (`createRealClock`); the workers' clocks go on from what it shows.
 */
export function createThreadsExecutor(machine: Machine, options: ThreadsOptions): Executor {
  const board = machine.board;
  const patience = options.patienceMs ?? 30_000;
  const now = options.now ?? (() => performance.now());
  const originMs = originOf(() => machine.clock.now() / 1e6);
  const agents: AgentId[] = [];
  const confinedAgents = new Set<AgentId>();
  const workers: WorkerThread[] = [];
  let failure: Error | null = null;
  let stopped: Promise<void> | null = null;

  const fail = (worker: number, text: string): Error => {
    const cause = new Error(text);
    cause.stack = text; // the stack that matters is the worker's
    const reason = text.split('\n', 1)[0].replace(/^Error: /, '');
    failure ??= new Error(`worker ${worker} (${workers[worker]?.names.join(', ')}) failed: ${reason}`, {
      cause,
    });
    return failure;
  };

  let lookedAtLives = 0;
  /** Notes workers that have failed or are gone. `often` = looked a moment ago: lives are looked at now and then. */
  const findFailed = (often: boolean): void => {
    const time = performance.now();
    const looksAtLives = !often || time - lookedAtLives >= LIFE_INTERVAL_MS;
    if (looksAtLives) lookedAtLives = time;
    workers.forEach((thread, worker) => {
      // Before the report is read: who is gone has written it.
      const isGone = looksAtLives && thread.lifeLine.isCut();
      const text = readFailureReport(thread.failure);
      if (text !== null) fail(worker, text);
      else if (isGone) fail(worker, ENDED_SILENTLY);
    });
  };
  const checkFailed = (often: boolean): void => {
    if (failure === null) findFailed(often);
    if (failure !== null) throw failure;
  };

  const groupOf = (name: string): number =>
    options.placement?.findIndex((group) => group.includes(name)) ?? -1;
  /** Worker of each group that has one. */
  const workerOfGroup = new Map<number, number>();

  const start = (list: readonly AgentAssignment[]): void => {
    if (stopped !== null) throw new Error('threads executor: it has been stopped');
    checkFailed(true);
    const ids = list.map(({ name }) => machine.agent(name));
    ids.forEach((id, i) => {
      if (agents.includes(id) || ids.indexOf(id) !== i)
        throw new Error(`agent '${machine.agentNames[id]}' was started before`);
    });
    startWorker(list.filter(({ name }) => groupOf(name) < 0));
    options.placement?.forEach((_, group) => {
      const members = list.filter(({ name }) => groupOf(name) === group);
      const worker = workerOfGroup.get(group);
      if (worker !== undefined) for (const agent of members) join(worker, agent);
      else if (members.length > 0) {
        workerOfGroup.set(group, workers.length);
        startWorker(members);
      }
    });
  };

  /** Gives a worker that runs one more agent. */
  const join = (worker: number, agent: AgentAssignment): void => {
    const thread = workers[worker];
    const id = machine.agent(agent.name);
    const images = agent.segments === undefined ? null : imagesOf(machine.memory, agent.segments);
    if (thread.segments === null && images === null)
      throw new Error(
        `agent '${agent.name}' sees all memory; its worker was started without (${thread.names})`,
      );
    sendSegments(thread);
    send(thread.port, { kind: 'start', agent, images, epoch: board.epoch });
    board.assignWorker(id, worker);
    thread.agents.push(id);
    thread.names.push(agent.name);
    if (images !== null) confinedAgents.add(id);
    agents.push(id);
    // The worker looks at its port when an agent of it finds something published.
    board.advanceEpoch();
    board.wake(thread.agents[0]);
  };

  const startWorker = (list: readonly AgentAssignment[]): void => {
    if (list.length === 0) return;
    const worker = workers.length;
    if (worker >= MAX_WORKERS) throw new RangeError(`threads executor: at most ${MAX_WORKERS} workers`);
    const ids = list.map(({ name }) => machine.agent(name));
    const { port1, port2 } = new MessageChannel();
    const report = createFailureReport();
    const lifeLine = new LifeLine();
    const confinements = list.map(({ segments }) =>
      segments === undefined ? null : imagesOf(machine.memory, segments),
    );
    // What a thread has not got, no agent on it can reach.
    const isConfined = confinements.every((images) => images !== null);
    const workerData: WorkerStart = {
      machine: isConfined ? { ...machine.image(), segments: [] } : machine.image(),
      confinements,
      worker,
      originMs,
      agents: list,
      epoch: board.epoch,
      port: port2,
      stopWord: board.stopWord(worker),
      lifeLine: lifeLine.workerEnd,
      spin: options.spin ?? 2000,
      cores: options.cores ?? availableCores(),
      entry: options.entry.href,
      failure: report,
    };
    // Before the thread runs: whoever wakes one of these agents must find whom to rouse.
    for (const id of ids) board.assignWorker(id, worker);
    const bootstrap = new URL('../../worker-bootstrap.mjs', import.meta.url);
    let thread: Worker;
    try {
      const { execArgv, resourceLimits } = options;
      thread = new Worker(bootstrap, {
        workerData,
        transferList: [port2, lifeLine.workerEnd],
        ...(execArgv ? { execArgv: [...execArgv] } : {}),
        ...(resourceLimits ? { resourceLimits } : {}),
      });
    } catch (error) {
      // Data that cannot be cloned: nothing has begun.
      for (const id of ids) board.assignWorker(id, -1);
      port1.close();
      lifeLine.close();
      throw error;
    }
    // A process that has nothing else to do ends, whether its threads were stopped or not.
    port1.unref();
    thread.unref();
    board.countWorkers(worker + 1);
    workers.push({
      thread,
      port: port1,
      agents: ids,
      names: list.map(({ name }) => name),
      failure: report,
      lifeLine,
      ended: new Promise((resolve) => thread.once('exit', () => resolve())),
      segments: isConfined ? null : machine.memory.segments.length,
    });
    ids.forEach((id, i) => {
      if (confinements[i] !== null) confinedAgents.add(id);
    });
    agents.push(...ids);
    // For what the worker cannot write down itself, such as running out of memory.
    thread.on('error', (error: Error) => {
      fail(worker, readFailureReport(report) ?? error.stack ?? error.message);
    });
    thread.once('exit', (code) => {
      if (stopped === null) fail(worker, readFailureReport(report) ?? `${ENDED_SILENTLY} (code ${code})`);
    });
  };

  const turnsTaken = (of: readonly AgentId[] = agents): number =>
    of.reduce((sum, agent) => (sum + board.turnsOf(agent)) | 0, 0);

  // The caller's thread has nothing to spin on that is worth its core: it naps between looks.
  const nap = new Int32Array(new SharedArrayBuffer(4));
  /** `awaited`: those whose turns show that there is progress; null = it takes as long as it takes. */
  const wait = (
    done: () => boolean,
    orRest: boolean,
    awaited: (() => readonly AgentId[]) | null = () => agents,
  ): boolean => {
    if (stopped !== null) throw new Error('threads executor: it has been stopped');
    checkFailed(true);
    let since = now();
    let turns = awaited === null ? 0 : turnsTaken(awaited());
    for (let look = 0; ; look++) {
      if (done()) return true;
      if (orRest && board.atRest(workers.length, agents)) {
        // What the control half does inside `done` (it answers a guest, say) may wake somebody again, who may have
        // taken his turn and be at rest before the next look: only without a turn since was `done` the last word.
        const before = turnsTaken();
        if (done()) return true;
        if (board.atRest(workers.length, agents) && turnsTaken() === before) {
          checkFailed(true); // who is gone rests, too
          return false;
        }
      }
      if (look < 50) continue;
      Atomics.wait(nap, 0, 0, look > 500 ? 1 : 0.05);
      checkFailed(true);
      if (awaited === null) continue;
      const time = now();
      if (time - since < patience) continue;
      const taken = turnsTaken(awaited());
      if (taken === turns)
        throw new Error(`threads executor: no turn in ${patience} ms; ${describeWorkers()}`);
      turns = taken;
      since = time;
    }
  };

  const describeWorkers = (): string =>
    workers
      .map((thread, worker) => {
        const begun = board.runs(worker) !== 0 || thread.agents.some((agent) => board.turnsOf(agent) !== 0);
        const state = board.isParked(worker) ? 'asleep' : begun ? 'awake' : 'not begun';
        const pending = thread.agents.filter((agent) => board.isPending(agent));
        const names = pending.map((agent) => machine.agentNames[agent]).join(', ') || 'nobody';
        return `worker ${worker} (${thread.names.join(', ')}) is ${state}, ${names} pending`;
      })
      .join('; ');

  const workerOf = (agent: string): WorkerThread => {
    checkFailed(true);
    const worker = workers[board.workerOf(machine.agent(agent))];
    if (worker === undefined) throw new Error(`agent '${agent}' has not been started`);
    return worker;
  };

  const send = (port: MessagePort, message: WorkerMessage): void => port.postMessage(message);

  /** Tells a worker of segments made since it was last told. */
  const sendSegments = (worker: WorkerThread): void => {
    if (worker.segments === null) return;
    const images = machine.memory.images();
    for (; worker.segments < images.length; worker.segments++) {
      send(worker.port, { kind: 'segment', image: images[worker.segments] });
    }
  };

  const publish = (): void => {
    workers.forEach(sendSegments);
    const epoch = board.advanceEpoch();
    for (const agent of agents) board.wake(agent);
    const isLate = (agent: AgentId): boolean => ((board.seenEpoch(agent) - epoch) | 0) < 0;
    // Others may be busy for ever: only who is late can show that it is not stuck.
    wait(
      () => !agents.some(isLate),
      false,
      () => agents.filter(isLate),
    );
  };

  const end = async (): Promise<void> => {
    findFailed(false);
    workers.forEach(({ thread }, worker) => {
      thread.ref();
      board.requestStop(worker);
    });
    const late = setTimeout(() => {
      workers.forEach(({ thread, names }, worker) => {
        if (thread.threadId < 0) return; // has ended
        fail(worker, `${names.join(', ')}: no end of a turn ${patience} ms after stop()`);
        void thread.terminate();
      });
    }, patience);
    await Promise.all(workers.map(({ ended }) => ended));
    clearTimeout(late);
    workers.forEach(({ lifeLine, port, failure: report }, worker) => {
      lifeLine.close();
      port.close();
      const text = readFailureReport(report);
      if (text !== null) fail(worker, text);
    });
    if (failure !== null) throw failure;
  };

  return {
    kind: 'threads',
    patience: patience * 1e6,
    start,
    post(agent, message) {
      send(workerOf(agent).port, { kind: 'post', agent: machine.agent(agent), message });
    },
    confine(agent, segments) {
      const id = machine.agent(agent);
      const worker = workerOf(agent);
      if (!confinedAgents.has(id))
        throw new Error(`agent '${agent}' sees all memory; it was not started confined`);
      send(worker.port, { kind: 'confine', agent: id, images: imagesOf(machine.memory, segments) });
    },
    runUntil: (done) => wait(done, true),
    runUntilIdle() {
      wait(() => false, true);
    },
    runFor(nanoseconds) {
      const end = machine.clock.now() + nanoseconds;
      wait(() => machine.clock.now() >= end, false, null);
    },
    stall(agent, nanoseconds) {
      const id = machine.agent(agent);
      send(workerOf(agent).port, { kind: 'stall', agent: id, nanoseconds });
      // The worker looks at its port when something was published; nobody waits for it.
      board.advanceEpoch();
      board.wake(id);
    },
    publish,
    stop() {
      stopped ??= end();
      return stopped;
    },
  };
}
