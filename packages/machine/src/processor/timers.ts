/** The wake-up times that the agents of one thread have asked for: the earliest of each agent counts. */
import { type AgentId, type Board, MAX_AGENTS } from './board.ts';

export class Timers {
  /** Earliest time asked for, in ns of the machine's clock; infinite if there is none. */
  next: number = Number.POSITIVE_INFINITY;
  readonly #times: Float64Array = new Float64Array(MAX_AGENTS).fill(Number.POSITIVE_INFINITY);

  /** Asks for `agent` to be woken at `nanoseconds`; a time in the past means at once. */
  set(agent: AgentId, nanoseconds: number): void {
    if (Number.isNaN(nanoseconds)) throw new RangeError(`agent ${agent}: wakeAt(NaN)`);
    if (nanoseconds >= this.#times[agent]) return;
    this.#times[agent] = nanoseconds;
    if (nanoseconds < this.next) this.next = nanoseconds;
  }

  /** Wakes every agent whose time has come. */
  fire(now: number, board: Board): void {
    const times = this.#times;
    let next = Number.POSITIVE_INFINITY;
    for (let agent = 0; agent < times.length; agent++) {
      const time = times[agent];
      if (time <= now) {
        times[agent] = Number.POSITIVE_INFINITY;
        board.wake(agent);
      } else if (time < next) next = time;
    }
    this.next = next;
  }
}
