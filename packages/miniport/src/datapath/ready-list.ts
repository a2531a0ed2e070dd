/**
 * The receive queues of one processor that have work for its next DPC, in the order in which they get it.
 *
 *   interrupt ──add──> | a b c |  ──DPC: a, b, rest of the budget for c──>  | c · · |  c first; behind it whoever has had
 *                                                                                     its turn and has frames again
 *
 * So the work of a DPC and of an interrupt is that of the queues with frames, however many there are (RX-19).
 */
import type { ReceiveQueue } from './receive-queue.ts';

export class DueQueues {
  // Places behind the count keep what stood there: shortening an array gives its memory back each time.
  #due: ReceiveQueue[] = [];
  #count = 0;
  /** Those of the DPC before; the two take turns. */
  #served: ReceiveQueue[] = [];
  /** Of the DPC under way: those that have had their turn and have frames again. */
  #again: ReceiveQueue[] = [];

  add(queue: ReceiveQueue): void {
    if (queue.isDue) return;
    queue.isDue = true;
    this.#due[this.#count++] = queue;
  }

  /** A queue that moves on, or is freed: nothing here refers to it any more. */
  remove(queue: ReceiveQueue): void {
    const due = this.#due.slice(0, this.#count).filter((other) => other !== queue);
    this.clear();
    this.#due = due;
    this.#count = due.length;
    queue.isDue = false;
  }

  clear(): void {
    this.#due = [];
    this.#served = [];
    this.#again = [];
    this.#count = 0;
  }

  /**
   * Serves the queues that are due until `budget` frames are indicated; true if frames are left. The next DPC begins with
   * the queue for which the rest was not enough. One that used all of it up alone has had its turn.
   *
   * A queue is due from its interrupt on until it was found empty and armed: nobody else touches its registers.
   */
  serve(budget: number): boolean {
    const queues = this.#due;
    const count = this.#count;
    const due = this.#served;
    this.#due = due;
    this.#served = queues;
    let left = budget;
    let next = 0;
    let again = 0;
    for (let i = 0; i < count; i++) {
      const queue = queues[i];
      // Without a budget, too, it takes in buffers that have come back elsewhere.
      const indicated = queue.indicate(left);
      left -= indicated;
      if (queue.looksEmpty) {
        queue.isDue = false;
        queue.arm();
      } else if (indicated !== 0 && (left !== 0 || i === 0)) this.#again[again++] = queue;
      // Of a queue with frames left no interrupt is wanted: the DPC comes back by itself.
      else due[next++] = queue;
    }
    for (let i = 0; i < again; i++) due[next++] = this.#again[i];
    this.#count = next;
    return next !== 0;
  }
}
