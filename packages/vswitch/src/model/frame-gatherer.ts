/**
 * Frames of unusual shape: over several MDLs, or not 8-byte aligned. They are gathered into scratch memory of
 * the processor, in slots that its owner numbers, and from there are like any other. Off the hot path, and its
 * memory is made when the first such frame comes.
 */

import type { Mdl, NetBuffer } from '@vmq/ddi';
import { attachSegment, type MemorySegment } from '@vmq/machine';

/** Bytes per slot; the longest frame that can be gathered. */
const SLOT_BYTES = 16384;

export class FrameGatherer {
  #scratch: MemorySegment | null = null;
  readonly #slots: number;
  /** Bytes gathered by the last call. */
  length = 0;

  /** `slots`: frames that are gathered before the first one is done with. */
  constructor(slots: number) {
    this.#slots = slots;
  }

  get segment(): MemorySegment {
    this.#scratch ??= attachSegment({
      // No segment of the machine: nobody but this processor ever sees it.
      id: -1,
      name: 'gathered frames',
      buffer: new SharedArrayBuffer(this.#slots * SLOT_BYTES),
    });
    return this.#scratch;
  }

  /** Where the frame in slot `slot` begins. */
  offsetOf(slot: number): number {
    return slot * SLOT_BYTES;
  }

  /** Copies a frame into slot `slot` of {@link segment}; returns its offset. {@link length} is what there was. */
  gather(nb: NetBuffer, slot: number): number {
    const target = this.segment.u8;
    const start = this.offsetOf(slot);
    const wanted = Math.min(nb.dataLength, SLOT_BYTES);
    let skip = nb.dataOffset;
    let at = start;
    for (let mdl: Mdl | null = nb.mdl; mdl !== null && at < start + wanted; mdl = mdl.next) {
      if (skip >= mdl.byteCount) {
        skip -= mdl.byteCount;
        continue;
      }
      const source = mdl.segment.u8;
      const end = mdl.byteOffset + mdl.byteCount;
      for (let from = mdl.byteOffset + skip; from < end && at < start + wanted; from++) {
        target[at++] = source[from];
      }
      skip = 0;
    }
    this.length = nb.dataLength > SLOT_BYTES ? nb.dataLength : at - start;
    return start;
  }
}
