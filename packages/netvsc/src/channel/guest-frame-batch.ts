/**
 * What a poll of a guest's channel brings: frames copied into free buffers of the host, an entry each.
 *
 *   buffers   | free | free | free |   the channel takes the last one
 *   entry     word  0 byte offset in host memory   1 length   2 TCI that the guest asked for   3 send section, -1 = in pages
 */

/** log2 of the words of an entry. */
export const GUEST_ENTRY_SHIFT = 2;
export const GUEST_ENTRY_AT = 0;
export const GUEST_ENTRY_LENGTH = 1;
export const GUEST_ENTRY_TCI = 2;
export const GUEST_ENTRY_SECTION = 3;

/** Made once by who polls; emptied by setting {@link count} to 0. */
export class GuestFrameBatch {
  /**
   * Byte offsets of free buffers in host memory (segment 0), multiples of 8, each with room for the channel's `maxFrameBytes` and two
   * tags; the first {@link bufferCount} are there.
   */
  buffers: Int32Array = new Int32Array(0);
  bufferCount = 0;
  readonly entries: Int32Array;
  /** Entries filled. */
  count = 0;
  /** A frame stayed in the guest's ring for want of a buffer. */
  starved = false;

  /** With room for so many frames. */
  constructor(frames: number) {
    this.entries = new Int32Array(frames << GUEST_ENTRY_SHIFT);
  }

  get isFull(): boolean {
    return this.count << GUEST_ENTRY_SHIFT === this.entries.length;
  }

  /** Byte offset of the buffer for the next frame, or -1: the table is full, or no buffer is free ({@link starved}). */
  nextBuffer(): number {
    if (this.isFull) return -1;
    if (this.bufferCount !== 0) return this.buffers[this.bufferCount - 1];
    this.starved = true;
    return -1;
  }

  /** The frame lies in {@link nextBuffer}, which is taken by it. */
  add(length: number, tci: number, section: number): void {
    const at = this.count++ << GUEST_ENTRY_SHIFT;
    this.entries[at + GUEST_ENTRY_AT] = this.buffers[--this.bufferCount];
    this.entries[at + GUEST_ENTRY_LENGTH] = length;
    this.entries[at + GUEST_ENTRY_TCI] = tci;
    this.entries[at + GUEST_ENTRY_SECTION] = section;
  }
}
