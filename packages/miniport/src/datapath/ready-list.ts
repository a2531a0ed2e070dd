/**
 * The receive queues of one processor that have work for its next DPC, in the order in which they get it.
 *
 *   interrupt ──add──> | a b c |  ──DPC: a, b, rest of the budget for c──>  | c · · |  c first; behind it whoever has had
 *                                                                                     its turn and has frames again
 *
 * So the work of a DPC and of an interrupt is that of the queues with frames, however many there are (RX-19).
 *
 * IRQL: DISPATCH_LEVEL.
 */
import type { ReceiveQueue } from './receive.ts';

export class ReadyList {
  // Entries behind the count keep what stood there: shortening an array gives its memory back each time.
  #ready: ReceiveQueue[] = [];
  #count = 0;
  /** Those of the DPC before; the two take turns. */
  #served: ReceiveQueue[] = [];
  /** Of the DPC under way: those that have had their turn and have frames again. */
  #again: ReceiveQueue[] = [];

  add(queue: ReceiveQueue): void {
    if (queue.isReady) return;
    queue.isReady = true;
    this.#ready[this.#count++] = queue;
  }

  /** A queue that moves on, or is freed: nothing here refers to it any more. */
  remove(queue: ReceiveQueue): void {
    const ready = this.#ready.slice(0, this.#count).filter((other) => other !== queue);
    this.clear();
    this.#ready = ready;
    this.#count = ready.length;
    queue.isReady = false;
  }

  clear(): void {
    this.#ready = [];
    this.#served = [];
    this.#again = [];
    this.#count = 0;
  }

  /**
   * Serves the queues until `budget` frames are indicated; true if frames are left. The next DPC begins with the queue for
   * which the rest was not enough. One that used all of it up alone has had its turn.
   *
   * A queue is in the list from its interrupt on until it was found empty and armed: nobody else touches its registers.
   */
  serve(budget: number): boolean {
    const queues = this.#ready;
    const count = this.#count;
    const ready = this.#served;
    this.#ready = ready;
    this.#served = queues;
    let left = budget;
    let next = 0;
    let again = 0;
    for (let i = 0; i < count; i++) {
      const queue = queues[i];
      // Without a budget, too, it collects remote returns.
      const received = queue.receive(left);
      left -= received;
      if (queue.looksEmpty) {
        queue.isReady = false;
        queue.arm();
      } else if (received !== 0 && (left !== 0 || i === 0)) this.#again[again++] = queue;
      // Of a queue with frames left no interrupt is wanted: the DPC comes back by itself.
      else ready[next++] = queue;
    }
    for (let i = 0; i < again; i++) ready[next++] = this.#again[i];
    this.#count = next;
    return next !== 0;
  }
}
