/** What a worker thread of the threads executor does: builds its agents and takes their turns. */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { SegmentImage } from '../memory/memory.ts';
import { createRealClock } from '../processor/clock.ts';
import { Timers } from '../processor/timers.ts';
import type { AgentAssignment, AgentFactories, AgentFactory } from './agent.ts';
import { AgentRunner, createConfinedContext } from './executor.ts';
import { attachMachine } from './machine.ts';
import { originOf, type WorkerMessage, type WorkerStart } from './worker-start.ts';

/**
 * Runs this worker thread until it is told to stop. Call it once, from the entry file, with every factory the
 * host may name. What an agent throws ends the thread and reaches the caller of the executor.
 */
export function runWorker(factories: AgentFactories): void {
  const start = workerData as WorkerStart;
  // performance.now() is cheaper than hrtime and runs alike, from a zero point of each thread's own.
  // (timeOrigin would not do: it is read from the wall clock, which may have been set between two threads' starts.)
  const threadZero = originOf(() => performance.now());
  const clock = createRealClock(start.originMs, () => threadZero + performance.now());
  const machine = attachMachine(start.machine, clock);
  const board = machine.board;
  const worker = start.worker;
  const timers = new Timers();
  let current = '';

  const build = (
    { name, factory, data }: AgentAssignment,
    images: readonly SegmentImage[] | null,
    epoch: number,
  ): AgentRunner => {
    current = name;
    const make = factories[factory] as AgentFactory<unknown> | undefined;
    if (make === undefined) throw new Error(`no agent factory '${factory}'`);
    const id = machine.agent(name);
    const wakeAt = (agent: number, time: number): void => timers.set(agent, time);
    const confined = createConfinedContext(machine, id, wakeAt, images);
    board.wake(id);
    return new AgentRunner(confined, make(confined.context, data), epoch);
  };

  const run = (runners: AgentRunner[]): void => {
    const runnerOf = (agent: number): AgentRunner | undefined => runners.find(({ id }) => id === agent);
    const collect = (): void => {
      for (let got = receiveMessageOnPort(start.port); got; got = receiveMessageOnPort(start.port)) {
        const message = got.message as WorkerMessage;
        if (message.kind === 'segment') machine.memory.adopt(message.image);
        else if (message.kind === 'start') runners.push(build(message.agent, message.images, message.epoch));
        else if (message.kind === 'confine') runnerOf(message.agent)?.confine(message.images);
        else if (message.kind === 'stall') runnerOf(message.agent)?.stall(message.nanoseconds);
        else runnerOf(message.agent)?.inbox.push(message.message);
      }
    };
    const turns = (): boolean => {
      let worked = false;
      for (const runner of runners) {
        if (!board.looksPending(runner.id)) continue;
        board.takePending(runner.id);
        worked = true;
        current = machine.agentNames[runner.id];
        if (runner.turn(collect)) board.wake(runner.id);
      }
      return worked;
    };
    const hasWork = (): boolean =>
      board.mustStop(worker) || runners.some((runner) => board.isPending(runner.id));

    let idle = 0;
    while (!board.mustStop(worker)) {
      if (timers.next !== Number.POSITIVE_INFINITY && timers.next <= clock.now())
        timers.fire(clock.now(), board);
      if (turns()) {
        idle = 0;
        continue;
      }
      // Spinning spares a sleep and a waking, where there is a core for it: who has work goes first.
      const isCrowded = (idle & 15) === 0 && board.awakeWorkers() > start.cores;
      if (++idle < start.spin && !isCrowded) continue;
      idle = 0;
      // Announce, look once more, sleep, leave: the argument stands in board.ts.
      const hasTimer = timers.next !== Number.POSITIVE_INFINITY;
      board.announceSleep(worker, hasTimer);
      if (!hasWork()) {
        const limit = hasTimer ? (timers.next - clock.now()) / 1e6 : Number.POSITIVE_INFINITY;
        if (limit > 0) board.sleep(worker, limit);
      }
      board.leaveSleep(worker);
    }
  };

  try {
    run(start.agents.map((agent, i) => build(agent, start.confinements[i] ?? null, start.epoch)));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`agent '${current}': ${reason}`, { cause: error });
  } finally {
    start.port.close();
  }
}
