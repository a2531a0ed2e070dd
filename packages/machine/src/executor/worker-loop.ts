/** What a worker thread of the threads executor does: builds its agents and takes their turns. */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { SegmentImage } from '../memory/memory.ts';
import { type Clock, createRealClock } from '../processor/clock.ts';
import { Timers } from '../processor/timers.ts';
import type { AgentAssignment, AgentFactories, AgentFactory } from './agent.ts';
import { AgentRunner, createConfinedContext } from './executor.ts';
import { attachMachine, type Machine } from './machine.ts';
import { originOf, type WorkerMessage, type WorkerStart } from './worker-start.ts';

/**
 * Runs this worker thread until it is told to stop. Call it once, from the entry file, with every factory the
 * host may name. What an agent throws ends the thread and reaches the caller of the executor.
 */
export function runWorker(factories: AgentFactories): void {
  const loop = new WorkerLoop(workerData as WorkerStart, factories);
  try {
    loop.run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`agent '${loop.current}': ${reason}`, { cause: error });
  } finally {
    loop.close();
  }
}

class WorkerLoop {
  /** Name of the agent that is being built, or whose turn it is. */
  current = '';
  readonly #start: WorkerStart;
  readonly #factories: AgentFactories;
  readonly #clock: Clock;
  readonly #machine: Machine;
  readonly #timers = new Timers();
  readonly #runners: AgentRunner[] = [];

  constructor(start: WorkerStart, factories: AgentFactories) {
    this.#start = start;
    this.#factories = factories;
    // performance.now() is cheaper than hrtime and runs alike, from a zero point of each thread's own.
    // (timeOrigin would not do: it is read from the wall clock, which may have been set between two threads' starts.)
    const threadZero = originOf(() => performance.now());
    this.#clock = createRealClock(start.originMs, () => threadZero + performance.now());
    this.#machine = attachMachine(start.machine, this.#clock);
  }

  run(): void {
    const { agents, confinements, epoch, worker, spin, cores } = this.#start;
    const { board } = this.#machine;
    agents.forEach((agent, i) => {
      this.#build(agent, confinements[i] ?? null, epoch);
    });
    let idle = 0;
    while (!board.mustStop(worker)) {
      if (this.#hasTimer() && this.#timers.next <= this.#clock.now())
        this.#timers.fire(this.#clock.now(), board);
      if (this.#turns()) {
        idle = 0;
        continue;
      }
      // Spinning spares a sleep and a waking, where there is a core for it: who has work goes first.
      const isCrowded = (idle & 15) === 0 && board.awakeWorkers() > cores;
      if (++idle < spin && !isCrowded) continue;
      idle = 0;
      this.#sleep();
    }
  }

  close(): void {
    this.#start.port.close();
  }

  #build(
    { name, factory, data }: AgentAssignment,
    images: readonly SegmentImage[] | null,
    epoch: number,
  ): void {
    this.current = name;
    const make = this.#factories[factory] as AgentFactory<unknown> | undefined;
    if (make === undefined) throw new Error(`no agent factory '${factory}'`);
    const id = this.#machine.agent(name);
    const wakeAt = (agent: number, time: number): void => this.#timers.set(agent, time);
    const confined = createConfinedContext(this.#machine, id, wakeAt, images);
    this.#machine.board.wake(id);
    this.#runners.push(new AgentRunner(confined, make(confined.context, data), epoch));
  }

  /** A turn of each agent that is pending; false if none was. */
  #turns(): boolean {
    const { board, agentNames } = this.#machine;
    let worked = false;
    for (const runner of this.#runners) {
      if (!board.looksPending(runner.id)) continue;
      board.takePending(runner.id);
      worked = true;
      this.current = agentNames[runner.id];
      if (runner.turn(this.#collect)) board.wake(runner.id);
    }
    return worked;
  }

  /** Reads what the executor has sent. */
  readonly #collect = (): void => {
    const { port } = this.#start;
    for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port))
      this.#obey(got.message as WorkerMessage);
  };

  #obey(message: WorkerMessage): void {
    const runnerOf = (agent: number): AgentRunner | undefined => this.#runners.find(({ id }) => id === agent);
    switch (message.kind) {
      case 'segment':
        this.#machine.memory.adopt(message.image);
        return;
      case 'start':
        this.#build(message.agent, message.images, message.epoch);
        return;
      case 'confine':
        runnerOf(message.agent)?.confine(message.images);
        return;
      case 'stall':
        runnerOf(message.agent)?.stall(message.nanoseconds);
        return;
      default:
        runnerOf(message.agent)?.inbox.push(message.message);
    }
  }

  #hasTimer(): boolean {
    return this.#timers.next !== Number.POSITIVE_INFINITY;
  }

  #hasWork(): boolean {
    const { board } = this.#machine;
    return board.mustStop(this.#start.worker) || this.#runners.some(({ id }) => board.isPending(id));
  }

  /** Announce, look once more, sleep, leave: the argument stands in board.ts. */
  #sleep(): void {
    const { board } = this.#machine;
    const { worker } = this.#start;
    const hasTimer = this.#hasTimer();
    board.announceSleep(worker, hasTimer);
    if (!this.#hasWork()) {
      const limit = hasTimer ? (this.#timers.next - this.#clock.now()) / 1e6 : Number.POSITIVE_INFINITY;
      if (limit > 0) board.sleep(worker, limit);
    }
    board.leaveSleep(worker);
  }
}
