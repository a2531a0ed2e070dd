/**
 * A message that lies in pages of the guest's own (VM_PKT_DATA_USING_GPA_DIRECT), put together in the host's memory: how
 * Linux sends all control messages, and every frame that is not copied into the send buffer.
 *
 *   packet   16  0        | 20  ranges |  24  bytes | 28  offset | 32  page, page … |  next range …
 *   message  | send section's part, if it names one | range 0 | range 1 | …
 *
 * The ring's words are read once and then judged; a page is one of the guest's memory or the message is refused. What is
 * copied is the host's: it does not change any more.
 */
import { copyBytes, type MemorySegment, type MemoryViews, PAGE_SHIFT, PAGE_SIZE } from '@vmq/machine';
import type { RingWords } from './ring.ts';
import { PACKET_DESCRIPTOR_BYTES } from './vmbus-packet.ts';

/** Ranges of one packet; Linux uses 32 of a page each, or one of many pages. */
const MAX_RANGES = 64;

export class GpaGather {
  /** The message's first bytes. */
  readonly memory: MemoryViews;
  /** Bytes of the message, of which {@link memory} has as many as fit. */
  length = 0;
  readonly #guest: MemorySegment;
  readonly #capacity: number;

  /** Keeps up to `capacity` bytes of a message, a multiple of 8. */
  constructor(guest: MemorySegment, capacity: number) {
    this.#guest = guest;
    this.#capacity = capacity;
    const buffer = new ArrayBuffer(capacity);
    this.memory = {
      u8: new Uint8Array(buffer),
      i32: new Int32Array(buffer),
      u64: new BigUint64Array(buffer),
    };
  }

  /** Begins with `bytes` bytes of a send section, from byte `offset` of the guest's memory on. */
  begin(offset: number, bytes: number): void {
    this.length = 0;
    this.#append(offset, bytes);
  }

  /**
   * Appends the ranges of the packet at byte `packet` of the ring, whose descriptor has `descriptorBytes` bytes. False for
   * ranges that make no sense.
   */
  ranges(ring: RingWords, packet: number, descriptorBytes: number): boolean {
    let left = descriptorBytes - PACKET_DESCRIPTOR_BYTES - 8;
    if (left < 0) return false;
    ring.seek(packet);
    ring.skip(PACKET_DESCRIPTOR_BYTES + 4);
    const count = ring.take();
    if (count < 1 || count > MAX_RANGES) return false;
    for (let range = 0; range < count; range++) {
      left -= 8;
      if (left < 0) return false;
      const bytes = ring.take() >>> 0;
      const offset = ring.take() >>> 0;
      const pages = Math.ceil((offset + bytes) / PAGE_SIZE);
      left -= 8 * pages;
      if (bytes === 0 || offset >= PAGE_SIZE || left < 0) return false;
      if (!this.#range(ring, bytes, offset, pages)) return false;
    }
    return true;
  }

  /** One range, whose page numbers the ring stands before. */
  #range(ring: RingWords, bytes: number, offset: number, pages: number): boolean {
    const memoryPages = this.#guest.byteLength >>> PAGE_SHIFT;
    let left = bytes;
    let within = offset;
    for (let i = 0; i < pages; i++) {
      const low = ring.take();
      const high = ring.take();
      if (high !== 0 || low >>> 0 >= memoryPages) return false;
      const part = Math.min(left, PAGE_SIZE - within);
      this.#append(low * PAGE_SIZE + within, part);
      left -= part;
      within = 0;
    }
    return true;
  }

  #append(offset: number, bytes: number): void {
    const kept = Math.min(bytes, this.#capacity - this.length);
    if (kept > 0) copyBytes(this.#guest, offset, this.memory, this.length, kept);
    this.length += bytes;
  }
}
