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
import type { RingPlace } from './ring-place.ts';

export const RING_WRITE_INDEX = 0;
export const RING_READ_INDEX = 1;
export const RING_INTERRUPT_MASK = 2;
export const RING_PENDING_SEND_SIZE = 3;
export const RING_FEATURE_BITS = 16;
export const RING_HEADER_BYTES: number = PAGE_SIZE;

/** Bytes of a packet with an NVSP message in the ring: descriptor, message, trailer. */
export const NVSP_PACKET_BYTES: number = 16 + 32 + 8;
/** Its descriptor: where the payload begins, and the packet's length without the trailer, in units of 8 bytes. */
const NVSP_OFFSET = (16 >>> 3) << 16;
const NVSP_LENGTH = (16 + 32) >>> 3;

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

  take(): number {
    const at = this.at;
    const value = this.words[this.data + at];
    this.at = at + 1 === this.#size ? 0 : at + 1;
    return value;
  }

  /** Word index of the pair at a byte offset of the data area, and of the pair behind the one at a word index. */
  pairAt(byteOffset: number): number {
    return this.data + (byteOffset >>> 2);
  }

  pairBehind(index: number): number {
    return index + 2 === this.data + this.#size ? this.data : index + 2;
  }

  /** The byte offset `bytes` (less than the ring's size) behind another. */
  behind(byteOffset: number, bytes: number): number {
    const next = byteOffset + bytes;
    return next >= this.dataBytes ? next - this.dataBytes : next;
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
    return this.words[this.header + word];
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

  /**
   * A whole packet of {@link NVSP_PACKET_BYTES}: an NVSP message whose first four words are given and whose others are 0,
   * as it is or as a completion. Most packets are this one.
   */
  putNvspPacket(
    type: number,
    flags: number,
    transactionLow: number,
    transactionHigh: number,
    message: number,
    a: number,
    b: number,
    c: number,
  ): void {
    const start = this.at;
    const end = start + (NVSP_PACKET_BYTES >>> 2);
    if (end < this.#size) {
      const words = this.words;
      const at = this.data + start;
      words[at] = type | NVSP_OFFSET;
      words[at + 1] = NVSP_LENGTH | (flags << 16);
      words[at + 2] = transactionLow;
      words[at + 3] = transactionHigh;
      words[at + 4] = message;
      words[at + 5] = a;
      words[at + 6] = b;
      words[at + 7] = c;
      words[at + 8] = 0;
      words[at + 9] = 0;
      words[at + 10] = 0;
      words[at + 11] = 0;
      words[at + 12] = 0;
      words[at + 13] = start << 2;
      this.at = end;
      return;
    }
    this.putPair(type | NVSP_OFFSET, NVSP_LENGTH | (flags << 16));
    this.putPair(transactionLow, transactionHigh);
    this.putPair(message, a);
    this.putPair(b, c);
    this.putPair(0, 0);
    this.putPair(0, 0);
    this.endPacket(start << 2);
  }
}

/** Bytes a packet of `length` bytes (descriptor and padded payload) takes in the ring. */
export function ringBytes(length: number): number {
  return length + 8;
}
