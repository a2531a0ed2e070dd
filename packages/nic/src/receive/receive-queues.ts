/**
 * The receive queues as the port finds them: descriptors, waiting for one, and which queues a batch has touched.
 */
import { DMA_READ, DMA_WRITE } from '@vmq/machine';
import { COMPLETION_BYTES, DESCRIPTOR_BYTES } from '../registers/descriptors.ts';
import {
  QSTS_ENABLED,
  QSTS_STARVED,
  REG,
  RX_QUEUE_STRIDE,
  RXCTL_DROPEN,
  RXCTL_ENABLE,
} from '../registers/register-constants.ts';
import {
  type DeviceState,
  Q_COMPLETIONS,
  Q_FLAGS,
  Q_HEAD,
  Q_LIMIT,
  Q_LONGEST,
  Q_MASK,
  Q_PUBLISHED,
  Q_RING,
  Q_SHIFT,
  Q_STATUS,
  Q_TAIL,
} from '../state/device-state.ts';
import {
  DROP_BUFFER_TOO_SMALL,
  DROP_DMA_FAULT,
  DROP_NO_DESCRIPTOR,
  DROP_QUEUE_STOPPED,
} from '../state/drop-reasons.ts';

/** What {@link ReceiveQueues.open} finds, beside drop codes. */
export const QUEUE_OPEN = -1;
export const QUEUE_WAITS = -2;

const RDT = REG.RDT >> 2;
const QUEUE_WORDS: number = RX_QUEUE_STRIDE >> 2;

export class ReceiveQueues {
  readonly #state: DeviceState;
  /** Queues that got a frame since the last publication. */
  readonly touched: Int32Array;
  #touchedCount: number = 0;
  /** By queue: 1 if {@link touched} names it. */
  readonly #isTouched: Uint8Array;
  /** Queue the port waits for, or -1. */
  #starved: number = -1;

  constructor(state: DeviceState) {
    this.#state = state;
    this.touched = new Int32Array(state.queueCount);
    this.#isTouched = new Uint8Array(state.queueCount);
  }

  reset(): void {
    this.#starved = -1;
  }

  get touchedCount(): number {
    return this.#touchedCount;
  }

  /** Begins a new batch; returns how many queues {@link touched} names. */
  takeTouched(): number {
    const count = this.#touchedCount;
    this.#touchedCount = 0;
    for (let k = 0; k < count; k++) this.#isTouched[this.touched[k]] = 0;
    return count;
  }

  /**
   * Looks for descriptors of a queue that the loop knows no more of, for a frame of `bytes` bytes: {@link QUEUE_OPEN},
   * {@link QUEUE_WAITS}, or the drop code of the frame. Once open, the loop uses what is posted up to Q_LIMIT without
   * asking again in this batch. `isHurried`: nobody can wait for a descriptor now.
   */
  open(queue: number, bytes: number, isHurried: boolean): number {
    const { rxq } = this.#state;
    const q = queue << Q_SHIFT;
    const flags = rxq[q + Q_FLAGS];
    const head = rxq[q + Q_HEAD];
    if ((flags & RXCTL_ENABLE) === 0) return DROP_QUEUE_STOPPED;
    if (head === rxq[q + Q_TAIL] && !this.findDescriptor(queue)) {
      if ((flags & RXCTL_DROPEN) !== 0 || isHurried) return DROP_NO_DESCRIPTOR;
      this.starve(queue);
      if (head === rxq[q + Q_TAIL]) return QUEUE_WAITS;
    }
    if (bytes > rxq[q + Q_LONGEST]) return DROP_BUFFER_TOO_SMALL;
    if (head === rxq[q + Q_PUBLISHED] && !this.touch(queue)) return DROP_DMA_FAULT;
    rxq[q + Q_LIMIT] = rxq[q + Q_TAIL];
    return QUEUE_OPEN;
  }

  /** Reads the tail register; false if there still is no descriptor. */
  findDescriptor(queue: number): boolean {
    const { words, rxq } = this.#state;
    const q = queue << Q_SHIFT;
    const head = rxq[q + Q_HEAD];
    let tail = Atomics.load(words, RDT + queue * QUEUE_WORDS);
    // More than the ring holds cannot have been posted.
    const size = rxq[q + Q_MASK] + 1;
    if ((tail - head) >>> 0 > size) tail = (head + size) | 0;
    rxq[q + Q_TAIL] = tail;
    if (head === tail) return false;
    if (this.#starved === queue) this.#endStarvation();
    return true;
  }

  /** Says so in RXSTS, then looks once more: the driver writes the tail, then looks at RXSTS. */
  starve(queue: number): void {
    if (this.#starved === queue) return;
    this.#endStarvation();
    this.#starved = queue;
    Atomics.or(this.#state.words, (REG.RXSTS >> 2) + queue * QUEUE_WORDS, QSTS_STARVED);
    this.findDescriptor(queue);
  }

  #endStarvation(): void {
    if (this.#starved < 0) return;
    const at = (REG.RXSTS >> 2) + this.#starved * QUEUE_WORDS;
    this.#starved = -1;
    Atomics.and(this.#state.words, at, ~QSTS_STARVED);
  }

  /** First frame of a batch for this queue: notes it, and checks that its rings are still granted. */
  touch(queue: number): boolean {
    const state = this.#state;
    const { rxq } = state;
    const q = queue << Q_SHIFT;
    const entries = rxq[q + Q_MASK] + 1;
    const permitted =
      state.permits(0, rxq[q + Q_RING] * 4, entries * DESCRIPTOR_BYTES, DMA_READ) &&
      state.permits(0, rxq[q + Q_COMPLETIONS] * 4, entries * COMPLETION_BYTES, DMA_WRITE) &&
      state.permits(0, rxq[q + Q_STATUS] * 4, 4, DMA_WRITE);
    // Twice only after a frame of this batch was refused for its buffer.
    if (permitted && this.#isTouched[queue] === 0) {
      this.#isTouched[queue] = 1;
      this.touched[this.#touchedCount++] = queue;
    }
    return permitted;
  }

  /** A queue was disabled or reset. */
  forget(queue: number): void {
    if (this.#starved === queue) this.#starved = -1;
    Atomics.store(this.#state.words, (REG.RXSTS >> 2) + queue * QUEUE_WORDS, 0);
  }

  /** A queue was enabled. */
  begin(queue: number): void {
    Atomics.store(this.#state.words, (REG.RXSTS >> 2) + queue * QUEUE_WORDS, QSTS_ENABLED);
  }
}
