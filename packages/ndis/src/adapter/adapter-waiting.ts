/** How NDIS waits for what an adapter's drivers do later: it lets the machine run, with work items and timers. */
import type { AdapterSetting } from './adapter-setting.ts';

/** Runs until `done()`. False if the machine rests with no timer to wait for, or if `nanoseconds` have gone by. */
export function runMachineUntil(
  { executor, machine, timers, work }: AdapterSetting,
  done: () => boolean,
  nanoseconds: number,
): boolean {
  const end = machine.clock.now() + nanoseconds;
  let isDone = false;
  const look = (): boolean => {
    timers.fire();
    work.run();
    isDone = done();
    return isDone || machine.clock.now() >= end;
  };
  while (!executor.runUntil(look)) {
    if (timers.nextAwaited >= end) return false;
    // With those that nobody awaits, as they come.
    executor.runFor(Math.max(0, timers.next - machine.clock.now()));
  }
  return isDone;
}
