/**
 * The threads executor: agents spread over worker threads, really in parallel, over the same shared memory.
 *
 * Each worker takes the turns of its agents round-robin while any is pending, spins for a little, then sleeps
 * until woken. It sleeps at once where more workers are awake than there are cores: somebody has work and waits for
 * the core it spins on. The control path stays in the caller's thread and waits without returning to the event loop.
 */
import type { ResourceLimits } from 'node:worker_threads';
import { imagesOf } from '../memory/memory.ts';
import type { AgentId } from '../processor/board.ts';
import type { AgentAssignment } from './agent.ts';
import { availableCores } from './cores.ts';
import type { Executor } from './executor.ts';
import type { Machine } from './machine.ts';
import { type WorkerThread, WorkerThreads } from './worker-threads.ts';

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
  readonly timeoutMs?: number;
  /** Milliseconds by which that time is measured; default `performance.now`. For tests that do not depend on speed. */
  readonly now?: () => number;
  /** Limits of each worker's JavaScript memory, as Node's workers take them; default: Node's. */
  readonly resourceLimits?: ResourceLimits;
}

/** Looks that the caller takes at once, and those after which it naps longer. */
const EAGER_LOOKS = 50;
const PATIENT_LOOKS = 500;

/**
 * An executor over worker threads. The machine should have been made with a real clock
 * (`createRealClock`); the workers' clocks go on from what it shows.
 */
export function createThreadsExecutor(machine: Machine, options: ThreadsOptions): Executor {
  return new ThreadsExecutor(machine, options);
}

class ThreadsExecutor implements Executor {
  readonly kind = 'threads';
  readonly #machine: Machine;
  readonly #threads: WorkerThreads;
  readonly #placement: readonly (readonly string[])[];
  readonly #timeoutMs: number;
  readonly #now: () => number;
  readonly #agents: AgentId[] = [];
  /** Worker of each group that has one. */
  readonly #workerOfGroup = new Map<number, number>();
  /** The caller's thread has nothing to spin on that is worth its core: it naps between looks. */
  readonly #nap = new Int32Array(new SharedArrayBuffer(4));
  readonly #everyAgent = (): readonly AgentId[] => this.#agents;
  #stopped: Promise<void> | null = null;

  constructor(machine: Machine, options: ThreadsOptions) {
    const { entry, execArgv, resourceLimits, spin = 2000, cores = availableCores() } = options;
    this.#machine = machine;
    this.#placement = options.placement ?? [];
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#now = options.now ?? (() => performance.now());
    this.#threads = new WorkerThreads(machine, {
      entry,
      spin,
      cores,
      ...(execArgv ? { execArgv } : {}),
      ...(resourceLimits ? { resourceLimits } : {}),
    });
  }

  get timeout(): number {
    return this.#timeoutMs * 1e6;
  }

  start(list: readonly AgentAssignment[]): void {
    this.#checkRuns();
    const machine = this.#machine;
    const ids = list.map(({ name }) => machine.agent(name));
    ids.forEach((id, i) => {
      if (this.#agents.includes(id) || ids.indexOf(id) !== i)
        throw new Error(`agent '${machine.agentNames[id]}' was started before`);
    });
    this.#startThread(list.filter(({ name }) => this.#groupOf(name) < 0));
    this.#placement.forEach((_, group) => {
      const members = list.filter(({ name }) => this.#groupOf(name) === group);
      const worker = this.#workerOfGroup.get(group);
      if (worker !== undefined) for (const agent of members) this.#join(worker, agent);
      else if (members.length > 0) {
        this.#workerOfGroup.set(group, this.#threads.list.length);
        this.#startThread(members);
      }
    });
  }

  #groupOf(name: string): number {
    return this.#placement.findIndex((group) => group.includes(name));
  }

  #startThread(list: readonly AgentAssignment[]): void {
    if (list.length > 0) this.#agents.push(...this.#threads.start(list));
  }

  /** Gives a worker that runs one more agent. */
  #join(worker: number, agent: AgentAssignment): void {
    const { board, memory } = this.#machine;
    const thread = this.#threads.list[worker];
    const id = this.#machine.agent(agent.name);
    const images = agent.segments === undefined ? null : imagesOf(memory, agent.segments);
    if (thread.segments === null && images === null)
      throw new Error(
        `agent '${agent.name}' sees all memory; its worker was started without (${thread.names})`,
      );
    this.#threads.sendSegments(thread);
    this.#threads.send(thread, { kind: 'start', agent, images, epoch: board.epoch });
    board.assignWorker(id, worker);
    thread.agents.push(id);
    thread.names.push(agent.name);
    if (images !== null) this.#threads.confined.add(id);
    this.#agents.push(id);
    // The worker looks at its port when an agent of it finds something published.
    board.advanceEpoch();
    board.wake(thread.agents[0]);
  }

  #checkRuns(): void {
    if (this.#stopped !== null) throw new Error('threads executor: it has been stopped');
    this.#threads.check(true);
  }

  #workerOf(agent: string): WorkerThread {
    this.#threads.check(true);
    const worker = this.#threads.list[this.#machine.board.workerOf(this.#machine.agent(agent))];
    if (worker === undefined) throw new Error(`agent '${agent}' has not been started`);
    return worker;
  }

  post(agent: string, message: unknown): void {
    this.#threads.send(this.#workerOf(agent), { kind: 'post', agent: this.#machine.agent(agent), message });
  }

  confine(agent: string, segments: readonly number[]): void {
    const id = this.#machine.agent(agent);
    const worker = this.#workerOf(agent);
    if (!this.#threads.confined.has(id))
      throw new Error(`agent '${agent}' sees all memory; it was not started confined`);
    const images = imagesOf(this.#machine.memory, segments);
    this.#threads.send(worker, { kind: 'confine', agent: id, images });
  }

  stall(agent: string, nanoseconds: number): void {
    const { board } = this.#machine;
    const id = this.#machine.agent(agent);
    this.#threads.send(this.#workerOf(agent), { kind: 'stall', agent: id, nanoseconds });
    // The worker looks at its port when something was published; nobody waits for it.
    board.advanceEpoch();
    board.wake(id);
  }

  runUntil(done: () => boolean): boolean {
    return this.#wait(done, true, this.#everyAgent);
  }

  runUntilIdle(): void {
    this.#wait(() => false, true, this.#everyAgent);
  }

  runFor(nanoseconds: number): void {
    const { clock } = this.#machine;
    const end = clock.now() + nanoseconds;
    this.#wait(() => clock.now() >= end, false, null);
  }

  publish(): void {
    const { board } = this.#machine;
    for (const thread of this.#threads.list) this.#threads.sendSegments(thread);
    const epoch = board.advanceEpoch();
    for (const agent of this.#agents) board.wake(agent);
    const isLate = (agent: AgentId): boolean => ((board.seenEpoch(agent) - epoch) | 0) < 0;
    // Others may be busy for ever: only who is late can show that it is not stuck.
    this.#wait(
      () => !this.#agents.some(isLate),
      false,
      () => this.#agents.filter(isLate),
    );
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#threads.end(this.#timeoutMs);
    return this.#stopped;
  }

  /**
   * Naps until `done` (true), or, with `orRest`, until nobody has anything left to do (false). `awaited`: those whose
   * turns show that there is progress; null = it takes as long as it takes.
   */
  #wait(done: () => boolean, orRest: boolean, awaited: (() => readonly AgentId[]) | null): boolean {
    this.#checkRuns();
    let since = this.#now();
    let turns = awaited === null ? 0 : this.#turnsTaken(awaited());
    for (let look = 0; ; look++) {
      if (done()) return true;
      if (orRest && this.#isAtRest()) {
        // What the control path does inside `done` (it answers a guest, say) may wake somebody again, who may have
        // taken his turn and be at rest before the next look: only without a turn since was `done` the last word.
        const before = this.#turnsTaken(this.#agents);
        if (done()) return true;
        if (this.#isAtRest() && this.#turnsTaken(this.#agents) === before) {
          this.#threads.check(true); // who is gone rests, too
          return false;
        }
      }
      if (look < EAGER_LOOKS) continue;
      Atomics.wait(this.#nap, 0, 0, look > PATIENT_LOOKS ? 1 : 0.05);
      this.#threads.check(true);
      if (awaited === null) continue;
      const time = this.#now();
      if (time - since < this.#timeoutMs) continue;
      const taken = this.#turnsTaken(awaited());
      if (taken === turns)
        throw new Error(`threads executor: no turn in ${this.#timeoutMs} ms; ${this.#describeWorkers()}`);
      turns = taken;
      since = time;
    }
  }

  #isAtRest(): boolean {
    return this.#machine.board.atRest(this.#threads.list.length, this.#agents);
  }

  /** Modulo 2^32. */
  #turnsTaken(agents: readonly AgentId[]): number {
    const { board } = this.#machine;
    return agents.reduce((sum, agent) => (sum + board.turnsOf(agent)) | 0, 0);
  }

  #describeWorkers(): string {
    const { board, agentNames } = this.#machine;
    return this.#threads.list
      .map((thread, worker) => {
        const begun = board.runs(worker) !== 0 || thread.agents.some((agent) => board.turnsOf(agent) !== 0);
        const state = board.isParked(worker) ? 'asleep' : begun ? 'awake' : 'not begun';
        const pending = thread.agents.filter((agent) => board.isPending(agent));
        const names = pending.map((agent) => agentNames[agent]).join(', ') || 'nobody';
        return `worker ${worker} (${thread.names.join(', ')}) is ${state}, ${names} pending`;
      })
      .join('; ');
  }
}
