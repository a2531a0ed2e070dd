/**
 * The words that an adapter's control half and its data paths share.
 *
 *   word 0    send gate     1 = Running: sends go down; 0 = they complete NDIS_STATUS_PAUSED
 *   word 1    receive gate  1 = Restarting or Running and a binding Running: receives go up
 *   word 2    filter gate   1 = the filter modules are Running: receives go to them
 *   per processor, one cache line, written by that processor only, free-running int32
 *      +0 indicated   NBLs that went up and are to come back
 *      +1 returned    of those, NBLs that came back
 *      +2 sent        NBLs that went down
 *      +3 completed   of those, NBLs that were completed
 */
const LINE = 16;
const SEND_GATE = 0;
const RECEIVE_GATE = 1;
const FILTER_GATE = 2;

export const INDICATED = 0;
export const RETURNED = 1;
export const SENT = 2;
export const COMPLETED = 3;

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
    this.#processors = this.words.length / LINE - 1;
  }

  static create(processors: number): DataPathWords {
    return new DataPathWords(new SharedArrayBuffer((processors + 1) * LINE * 4));
  }

  get buffer(): SharedArrayBuffer {
    return this.words.buffer as SharedArrayBuffer;
  }

  /** Index of a processor's first word. */
  line(processor: number): number {
    return (processor + 1) * LINE;
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
