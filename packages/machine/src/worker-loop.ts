/** What a worker thread of the threads executor does: builds its agents and takes their turns. */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { AgentFactories, AgentFactory } from './agent.ts';
import { createRealClock } from './clock.ts';
import { AgentRunner, createAgentContext } from './executor.ts';
import { attachMachine } from './machine.ts';
import type { WorkerMessage, WorkerStart } from './threads-executor.ts';

/**
 * Runs this worker thread until it is told to stop. Call it once, from the entry file, with every factory the
 * host may name.
 */
export function runWorker(factories: AgentFactories): void {
  const start = workerData as WorkerStart;
  // performance.timeOrigin differs per thread; the sum is one process-wide monotonic clock.
  const clock = createRealClock(start.originMs, () => performance.timeOrigin + performance.now());
  const machine = attachMachine(start.machine, clock);
  const board = machine.board;
  const worker = start.worker;
  let deadline = Number.POSITIVE_INFINITY;
  const timers = new Map<number, number>();
  const wakeAt = (agent: number, nanoseconds: number): void => {
    const earlier = timers.get(agent);
    if (earlier !== undefined && earlier <= nanoseconds) return;
    timers.set(agent, nanoseconds);
    if (nanoseconds < deadline) deadline = nanoseconds;
  };
  const fireTimers = (): void => {
    const now = clock.now();
    if (now < deadline) return;
    deadline = Number.POSITIVE_INFINITY;
    for (const [agent, time] of timers) {
      if (time <= now) {
        timers.delete(agent);
        board.wake(agent);
      } else if (time < deadline) deadline = time;
    }
  };

  try {
    const runners = start.agents.map(({ name, factory, data }) => {
      const make = factories[factory] as AgentFactory<unknown> | undefined;
      if (make === undefined) throw new Error(`no agent factory '${factory}'`);
      const context = createAgentContext(machine, machine.agent(name), wakeAt);
      board.wake(context.agent);
      return new AgentRunner(context, make(context, data));
    });
    const collect = (): void => {
      for (let got = receiveMessageOnPort(start.port); got; got = receiveMessageOnPort(start.port)) {
        const message = got.message as WorkerMessage;
        if (message.kind === 'segment') machine.memory.adopt(message.image);
        else runners.find((runner) => runner.id === message.agent)?.inbox.push(message.message);
      }
    };
    const turns = (): boolean => {
      let worked = false;
      for (const runner of runners) {
        if (!board.isPending(runner.id)) continue;
        board.takePending(runner.id);
        worked = true;
        if (runner.turn(collect)) board.wake(runner.id);
      }
      return worked;
    };
    let idle = 0;
    while (!board.mustStop(worker)) {
      if (deadline !== Number.POSITIVE_INFINITY) fireTimers();
      if (turns()) {
        idle = 0;
        continue;
      }
      if (++idle < start.spin) continue;
      board.announceSleep(worker, deadline !== Number.POSITIVE_INFINITY);
      if (runners.some((runner) => board.isPending(runner.id)) || board.mustStop(worker)) {
        board.cancelSleep(worker);
        continue;
      }
      const limit = deadline === Number.POSITIVE_INFINITY ? 1000 : (deadline - clock.now()) / 1e6;
      if (limit > 0) board.sleep(worker, limit);
      else board.cancelSleep(worker);
      idle = 0;
    }
  } catch (error) {
    board.reportFailure(worker);
    throw error;
  } finally {
    start.port.close();
  }
}
