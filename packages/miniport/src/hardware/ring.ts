/**
 * A descriptor ring as its driver sees it.
 *
 *      consumed                 head, written back by the device      posted             consumed + entries
 *   ──────┬────────────────────────┬─────────────────────────────────────┬────────────────────┬──────
 *         │ done: to be taken back │ the device's                        │ free               │
 *
 * Positions run freely through all int32 values, and wrap: the entry of a position is `position & mask`. The device
 * writes the head to memory over a bus on which a write may be damaged or lost, so a head that lies outside
 * `consumed`..`posted` is not believed; the head register has the device's own count.
 *
 * IRQL: any; one processor at a time uses a ring.
 */
import type { NicRegisters } from '@vmq/nic';
import { readHead } from './head-register.ts';

/** The position `by` entries behind `position`. The `| 0` here and in {@link distance} is the wrap. */
export function advance(position: number, by: number): number {
  return (position + by) | 0;
}

/** Entries from position `from` to position `to`; negative if `to` lies before it. */
export function distance(from: number, to: number): number {
  return (to - from) | 0;
}

/** Where a ring's head is, and how long it is. */
export interface RingShape {
  /** Entries; a power of two. */
  readonly entries: number;
  /** Byte offset in host memory of the word to which the device writes its head back. */
  readonly statusOffset: number;
  /** Byte offset of the head register (RDH, TDH) in the device's aperture. */
  readonly headRegister: number;
}

export class Ring {
  readonly entries: number;
  readonly mask: number;
  /** Position behind the last entry that the driver took back. */
  consumed: number = 0;
  /** Position behind the last entry that the device was given. */
  posted: number = 0;
  readonly #host: Int32Array;
  readonly #statusWord: number;
  readonly #registers: NicRegisters;
  readonly #headRegister: number;

  /** `host` is host memory, as words. */
  constructor(host: Int32Array, registers: NicRegisters, shape: RingShape) {
    this.entries = shape.entries;
    this.mask = shape.entries - 1;
    this.#host = host;
    this.#statusWord = shape.statusOffset >> 2;
    this.#registers = registers;
    this.#headRegister = shape.headRegister;
  }

  /** The ring is empty, and the device counts from `start` when it is enabled next. */
  restart(start: number): void {
    this.consumed = start;
    this.posted = start;
    // Whatever the word was used for before, or said before a reset.
    this.#host[this.#statusWord] = start;
  }

  /** Entries that were posted and not taken back. */
  get pending(): number {
    return distance(this.consumed, this.posted);
  }

  /** Entries that can be posted. */
  get free(): number {
    return this.entries - distance(this.consumed, this.posted);
  }

  /** The head in memory. */
  get head(): number {
    return Atomics.load(this.#host, this.#statusWord);
  }

  /** True if the head in memory says that nothing is done. A plain load, so it may be late. */
  get looksEmpty(): boolean {
    return this.#host[this.#statusWord] === this.consumed;
  }

  /** True if `head` is one that the device can have reached: from `consumed` to `posted`. */
  allows(head: number): boolean {
    return distance(this.consumed, head) >>> 0 <= distance(this.consumed, this.posted) >>> 0;
  }

  /** The device's own count; null if the card is gone. */
  get deviceHead(): number | null {
    return readHead(this.#registers, this.#headRegister);
  }

  /** Puts `head` where `shown` was read; false if the device has written another one meanwhile. */
  correctHead(shown: number, head: number): boolean {
    return Atomics.compareExchange(this.#host, this.#statusWord, shown, head) === shown;
  }
}
