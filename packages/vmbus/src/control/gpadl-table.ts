/**
 * The memory that a guest has given to its channel, as GPADLs (guest physical address descriptor lists): pieces of its
 * partition, whole pages, by a handle of the guest's choice. What the host writes into the guest it writes here.
 *
 *   rings     │ header │ guest-to-host data │ header │ host-to-guest data │      one GPADL, given with OPENCHANNEL
 *             0                             downstream                     length
 *   buffers   │ section 0 │ section 1 │ ...                           rest │      one GPADL each, receive and send
 *
 * Numbers come from the guest: each is checked once, here, and the copy that was checked is what is used.
 */
import { PAGE_SIZE } from '@vmq/machine';
import { RING_HEADER_BYTES } from '../ring/ring.ts';
import type { RingPlace } from '../ring/ring-place.ts';

/** GPADLs one channel may have at a time. */
const MAX_GPADLS = 16;
const LEAST_RING = 4096;

interface Gpadl {
  readonly offset: number;
  readonly length: number;
}

/** A buffer cut into sections of one size. */
export interface SectionBuffer {
  /** Byte offset of section 0 in the guest's segment; a multiple of 4096. */
  readonly offset: number;
  /** Bytes from one section to the next; a multiple of 64. */
  readonly sectionSize: number;
  readonly sectionCount: number;
}

/** Where the two rings of a channel lie. */
export interface RingPlaces {
  readonly toHost: RingPlace;
  readonly toGuest: RingPlace;
}

export class GpadlTable {
  readonly #gpadls = new Map<number, Gpadl>();

  /** Takes up a piece of a segment of `segmentBytes` bytes; false if it is none, or the handle is in use. */
  add(handle: number, offset: number, length: number, segmentBytes: number): boolean {
    const good =
      handle !== 0 &&
      !this.#gpadls.has(handle) &&
      this.#gpadls.size < MAX_GPADLS &&
      offset % PAGE_SIZE === 0 &&
      length % PAGE_SIZE === 0 &&
      length !== 0 &&
      offset + length <= segmentBytes;
    if (good) this.#gpadls.set(handle, { offset, length });
    return good;
  }

  has(handle: number): boolean {
    return this.#gpadls.has(handle);
  }

  remove(handle: number): void {
    this.#gpadls.delete(handle);
  }

  clear(): void {
    this.#gpadls.clear();
  }

  /** The guest's outgoing ring comes first, the host's at `downstream`; null if one of them cannot be. */
  rings(handle: number, downstream: number): RingPlaces | null {
    const gpadl = this.#gpadls.get(handle);
    if (gpadl === undefined) return null;
    const { offset, length } = gpadl;
    const toHostBytes = downstream - RING_HEADER_BYTES;
    const toGuestBytes = length - downstream - RING_HEADER_BYTES;
    if (downstream % PAGE_SIZE !== 0 || toHostBytes < LEAST_RING || toGuestBytes < LEAST_RING) return null;
    return {
      toHost: { offset, dataBytes: toHostBytes },
      toGuest: { offset: offset + downstream, dataBytes: toGuestBytes },
    };
  }

  /** Cut into at most `most` sections of `sectionSize` bytes; null if there is no such GPADL. */
  sections(handle: number, sectionSize: number, most: number): SectionBuffer | null {
    const gpadl = this.#gpadls.get(handle);
    if (gpadl === undefined) return null;
    const sectionCount = Math.min(most, Math.floor(gpadl.length / sectionSize));
    return { offset: gpadl.offset, sectionSize, sectionCount };
  }
}
