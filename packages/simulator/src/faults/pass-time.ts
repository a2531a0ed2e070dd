/** Lets the machine's time go by, with everything that waits for it. */
import type { FaultHost } from './fault-host.ts';

/**
 * Runs the host for `nanoseconds` of its own time: agents take their turns, and NDIS's timers and checks for hang come
 * when they are due.
 */
export function passTime(host: Pick<FaultHost, 'machine' | 'executor' | 'ndis'>, nanoseconds: number): void {
  const { machine, executor, ndis } = host;
  const end = machine.clock.now() + nanoseconds;
  for (let now = machine.clock.now(); now < end; now = machine.clock.now()) {
    // A timer that is overdue fires in `poll`; one that sets itself anew is never due at once.
    const next = Math.min(end, Math.max(ndis.nextTimer, now));
    executor.runFor(next - now);
    ndis.poll();
    if (machine.clock.now() === now && next === now && ndis.nextTimer <= now)
      throw new Error(`a timer of NDIS is due at ${ndis.nextTimer} again and again`);
  }
}
