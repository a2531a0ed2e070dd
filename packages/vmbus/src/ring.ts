/**
 * A VMBus ring: packets in a circle of bytes, one direction, in the guest's memory.
 *
 *   header page    +0  write_index       byte offset in the data area where the producer writes next
 *                  +4  read_index        byte offset where the consumer reads next
 *                  +8  interrupt_mask    1 = the consumer looks by itself, do not signal
 *                  +12 pending_send_sz   bytes a blocked producer waits for; the consumer signals when free
 *                  +64 feature_bits      bit 0: pending_send_sz is honoured
 *   data area      multiple of 8 bytes; packets start at multiples of 8
 *
 *        0          read          write        dataBytes
 *        |··free····|###packets###|···free·····|          used = (write - read) mod dataBytes
 *                                                         write == read means empty, so a producer
 *                                                         never fills the last 8 bytes
 *
 * Each index has one writer. It is stored once per batch, after the bytes it covers. These classes move words
 * and know nothing of trust: the host keeps its own indices elsewhere and checks the peer's before use.
 */
import { type MemorySegment, PAGE_SIZE } from '@vmq/machine';
import type { RingPlace } from './channel-image.ts';

export const RING_WRITE_INDEX = 0;
export const RING_READ_INDEX = 1;
export const RING_INTERRUPT_MASK = 2;
export const RING_PENDING_SEND_SIZE = 3;
export const RING_FEATURE_BITS = 16;
export const RING_HEADER_BYTES: number = PAGE_SIZE;

/** One ring as words. `at` is where the next word goes or comes from, in words of the data area. */
export class RingWords {
  readonly words: Int32Array;
  /** Word index of the header. */
  readonly header: number;
  readonly dataBytes: number;
  at = 0;
  /** Word index of the data area. */
  readonly data: number;
  readonly #size: number;

  constructor(segment: MemorySegment, place: RingPlace) {
    const { offset, dataBytes } = place;
    if (offset % PAGE_SIZE !== 0 || dataBytes % 8 !== 0 || dataBytes < 256) {
      throw new RangeError(`ring: offset ${offset} (pages), ${dataBytes} bytes (a multiple of 8, >= 256)`);
    }
    if (offset < 0 || offset + PAGE_SIZE + dataBytes > segment.byteLength) {
      throw new RangeError(
        `ring: ${offset} + ${PAGE_SIZE} + ${dataBytes} is outside segment ${segment.name}`,
      );
    }
    this.words = segment.i32;
    this.header = offset >>> 2;
    this.dataBytes = dataBytes;
    this.data = (offset + PAGE_SIZE) >>> 2;
    this.#size = dataBytes >>> 2;
  }

  /** Goes to a byte offset of the data area. */
  seek(byteOffset: number): void {
    this.at = byteOffset >>> 2;
  }

  /** Byte offset of the next word. */
  get position(): number {
    return this.at << 2;
  }

  put(value: number): void {
    const at = this.at;
    this.words[this.data + at] = value;
    this.at = at + 1 === this.#size ? 0 : at + 1;
  }

  /** Two words where a pair begins: packets start at multiples of 8 bytes, and no pair is cut by the ring's end. */
  putPair(first: number, second: number): void {
    const at = this.at;
    const words = this.words;
    const index = this.data + at;
    words[index] = first;
    words[index + 1] = second;
    this.at = at + 2 === this.#size ? 0 : at + 2;
  }

  /** The next `count` words, into the beginning of `target`. */
  takeInto(target: Int32Array, count: number): void {
    const at = this.at;
    if (at + count >= this.#size) {
      for (let i = 0; i < count; i++) target[i] = this.take();
      return;
    }
    const words = this.words;
    const index = this.data + at;
    for (let i = 0; i < count; i++) target[i] = words[index + i] as number;
    this.at = at + count;
  }

  take(): number {
    const at = this.at;
    const value = this.words[this.data + at] as number;
    this.at = at + 1 === this.#size ? 0 : at + 1;
    return value;
  }

  /** Moves `bytes` (a multiple of 4, at most the ring's size) ahead. */
  skip(bytes: number): void {
    const at = this.at + (bytes >>> 2);
    this.at = at >= this.#size ? at - this.#size : at;
  }

  /** Bytes between two indices, going up from `from` to `to`. */
  distance(from: number, to: number): number {
    return to >= from ? to - from : to - from + this.dataBytes;
  }

  /** True for a number that can be an index of this ring. Indices come from words the peer can write. */
  isIndex(value: number): boolean {
    return value >= 0 && value < this.dataBytes && (value & 7) === 0;
  }

  /** A plain load: one's own index, or a hint that may be old. */
  peekHeader(word: number): number {
    return this.words[this.header + word] as number;
  }

  loadHeader(word: number): number {
    return Atomics.load(this.words, this.header + word);
  }

  storeHeader(word: number, value: number): void {
    Atomics.store(this.words, this.header + word, value);
  }

  /**
   * Writes a packet's descriptor and goes on with the payload. The caller writes exactly
   * `payloadBytes` (padded to 8) and then {@link endPacket}. `dataOffset` and `length` in bytes.
   */
  beginPacket(
    type: number,
    dataOffset: number,
    length: number,
    flags: number,
    transactionLow: number,
    transactionHigh: number,
  ): void {
    this.putPair(type | ((dataOffset >>> 3) << 16), (length >>> 3) | (flags << 16));
    this.putPair(transactionLow, transactionHigh);
  }

  /** The trailer: where the packet began. */
  endPacket(start: number): void {
    this.putPair(0, start);
  }
}

/** Bytes a packet of `length` bytes (descriptor and padded payload) takes in the ring. */
export function ringBytes(length: number): number {
  return length + 8;
}
