/**
 * Time, in nanoseconds since the machine was switched on. A double holds 104 days of them exactly.
 * The deterministic executor moves a virtual clock; the threads executor shows the real one.
 */
export interface Clock {
  /** Nanoseconds since power-on; never goes back. */
  now(): number;
}

export interface VirtualClock extends Clock {
  advance(nanoseconds: number): void;
  advanceTo(nanoseconds: number): void;
}

export function createVirtualClock(start: number = 0): VirtualClock {
  // A variable of a closure would be a new number on the heap at each turn.
  const time = new Float64Array([start]);
  return {
    now: () => time[0],
    advance(nanoseconds) {
      time[0] = time[0] + nanoseconds;
    },
    advanceTo(nanoseconds) {
      if (nanoseconds > time[0]) time[0] = nanoseconds;
    },
  };
}

/** The machine's real time, counted from `originMs` of the process-wide monotonic time source. */
export function createRealClock(originMs: number, monotonicMs: () => number): Clock {
  return { now: () => (monotonicMs() - originMs) * 1e6 };
}
