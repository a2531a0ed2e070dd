/**
 * Timers of the control path (NdisSetTimerObject), on the machine's clock.
 *
 * Nothing interrupts the control thread: what has come due becomes a work item when somebody looks, that is in `poll`
 * and while a control call waits. There are two kinds. A wait with the machine at rest lets time pass up to an awaited
 * timer, for something is to come of it. A background timer recurs forever, and nobody waits for it.
 */
import type { Clock } from '@vmq/machine';
import type { WorkItems } from './work-items.ts';

interface Entry {
  readonly at: number;
  readonly action: () => void;
  readonly isAwaited: boolean;
}

export class NdisTimers {
  /** When the first timer comes due, in ns of the machine's clock; infinite if there is none. */
  next: number = Number.POSITIVE_INFINITY;
  readonly #clock: Clock;
  readonly #work: WorkItems;
  #entries: Entry[] = [];

  constructor(clock: Clock, work: WorkItems) {
    this.#clock = clock;
    this.#work = work;
  }

  /** Runs `action` once, `nanoseconds` from now. Returns what cancels it (NdisCancelTimerObject). */
  set(nanoseconds: number, action: () => void, isAwaited: boolean): () => void {
    const entry: Entry = { at: this.#clock.now() + nanoseconds, action, isAwaited };
    this.#entries.push(entry);
    this.#entries.sort((one, other) => one.at - other.at);
    this.#look();
    return () => {
      this.#entries = this.#entries.filter((other) => other !== entry);
      this.#look();
    };
  }

  /** When the first awaited timer comes due. */
  get nextAwaited(): number {
    return this.#entries.find(({ isAwaited }) => isAwaited)?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Queues what is due, in its order, as work items. */
  fire(): void {
    if (this.#clock.now() < this.next) return;
    const now = this.#clock.now();
    const due = this.#entries.filter(({ at }) => at <= now);
    this.#entries = this.#entries.filter(({ at }) => at > now);
    this.#look();
    for (const { action } of due) this.#work.queue(action);
  }

  #look(): void {
    this.next = this.#entries[0]?.at ?? Number.POSITIVE_INFINITY;
  }
}
