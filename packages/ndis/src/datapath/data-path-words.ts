/**
 * The words that an adapter's control path and its data paths share.
 *
 *   word 0    send gate     1 = Running: sends go down; 0 = they complete NDIS_STATUS_PAUSED
 *   word 1    receive gate  1 = Restarting or Running and a binding Running: receives go up
 *   word 2    filter gate   1 = the filter modules are Running: receives go to them
 *   word 16 on    a bit for each of the 65,536 queue ids: frames may be indicated on that queue. It is Running, or what
 *                 the miniport is handling makes it so; the default queue always is
 *   per processor, one cache line, written by that processor only, free-running int32
 *      +0 indicated   NBLs that went up and are to come back
 *      +1 returned    of those, NBLs that came back
 *      +2 sent        NBLs that went down
 *      +3 completed   of those, NBLs that were completed
 *      +4 misplaced   NBLs indicated on a queue without its bit
 *      +5             the last such queue
 */
const LINE = 16;
/** First word of the queues' bits, and their number. */
export const QUEUE_BITS = 16;
const QUEUE_WORDS = 0x1_0000 / 32;
const SEND_GATE = 0;
const RECEIVE_GATE = 1;
const FILTER_GATE = 2;

export const INDICATED = 0;
export const RETURNED = 1;
export const SENT = 2;
export const COMPLETED = 3;
export const MISPLACED = 4;
export const MISPLACED_QUEUE = 5;

export interface OutstandingNbls {
  /** Indicated and not returned. */
  readonly receives: number;
  /** Sent and not completed. */
  readonly sends: number;
}

export class DataPathWords {
  readonly words: Int32Array;
  readonly #processors: number;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.#processors = (this.words.length - QUEUE_WORDS) / LINE - 1;
  }

  static create(processors: number): DataPathWords {
    const words = new DataPathWords(new SharedArrayBuffer(((processors + 1) * LINE + QUEUE_WORDS) * 4));
    words.allowQueue(0, true);
    return words;
  }

  get buffer(): SharedArrayBuffer {
    return this.words.buffer as SharedArrayBuffer;
  }

  /** Index of a processor's first word. */
  line(processor: number): number {
    return LINE + QUEUE_WORDS + processor * LINE;
  }

  /** Whether frames may be indicated on a queue. */
  allowQueue(queueId: number, allowed: boolean): void {
    const at = QUEUE_BITS + (queueId >>> 5);
    const bit = 1 << (queueId & 31);
    if (allowed) Atomics.or(this.words, at, bit);
    else Atomics.and(this.words, at, ~bit);
  }

  /** NBLs that a processor has indicated on queues that do not run, ever (as an int32), and the last such queue. */
  misplaced(processor: number): { readonly count: number; readonly queueId: number } {
    const at = this.line(processor);
    return {
      count: Atomics.load(this.words, at + MISPLACED),
      queueId: Atomics.load(this.words, at + MISPLACED_QUEUE),
    };
  }

  setSendGate(open: boolean): void {
    Atomics.store(this.words, SEND_GATE, open ? 1 : 0);
  }

  setReceiveGate(open: boolean): void {
    Atomics.store(this.words, RECEIVE_GATE, open ? 1 : 0);
  }

  setFilterGate(open: boolean): void {
    Atomics.store(this.words, FILTER_GATE, open ? 1 : 0);
  }

  get sendGateOpen(): boolean {
    return Atomics.load(this.words, SEND_GATE) !== 0;
  }

  get receiveGateOpen(): boolean {
    return Atomics.load(this.words, RECEIVE_GATE) !== 0;
  }

  outstanding(): OutstandingNbls {
    let receives = 0;
    let sends = 0;
    for (let processor = 0; processor < this.#processors; processor++) {
      const at = this.line(processor);
      receives += (Atomics.load(this.words, at + INDICATED) - Atomics.load(this.words, at + RETURNED)) | 0;
      sends += (Atomics.load(this.words, at + SENT) - Atomics.load(this.words, at + COMPLETED)) | 0;
    }
    return { receives, sends };
  }
}
