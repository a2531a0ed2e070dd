/**
 * What a poll of a guest's channel brings: frames copied into free send buffers of the host, an entry each.
 *
 *   buffers   | free | free | free |   the channel takes the last one
 *   entry     word  0 byte offset in host memory   1 length   2 TCI that the guest asked for   3 unused
 */

/** log2 of the words of an entry. */
export const GUEST_ENTRY_SHIFT = 2;
export const GUEST_ENTRY_AT = 0;
export const GUEST_ENTRY_LENGTH = 1;
export const GUEST_ENTRY_TCI = 2;

export class GuestFrameBatch {
  /** Byte offsets of free buffers in host memory; the first `bufferCount` are there. */
  buffers: Int32Array = new Int32Array(0);
  bufferCount = 0;
  readonly entries: Int32Array;
  /** Entries filled. */
  count = 0;
  /** A frame stayed in the guest's ring for want of a buffer. */
  starved = false;

  constructor(frames: number) {
    this.entries = new Int32Array(frames << GUEST_ENTRY_SHIFT);
  }

  get isFull(): boolean {
    return this.count << GUEST_ENTRY_SHIFT === this.entries.length;
  }

  /** The frame in the last free buffer, which is taken by it. */
  add(length: number, tci: number): void {
    const at = this.count++ << GUEST_ENTRY_SHIFT;
    this.entries[at + GUEST_ENTRY_AT] = this.buffers[--this.bufferCount];
    this.entries[at + GUEST_ENTRY_LENGTH] = length;
    this.entries[at + GUEST_ENTRY_TCI] = tci;
  }
}
