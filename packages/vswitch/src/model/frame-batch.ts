/**
 * The frames a processor is switching at the moment: parallel arrays, refilled for every batch.
 *
 *   frame i   where its bytes lie (host memory), VLAN and priority, where it came from, and how it ended so far
 */
import type { MemorySegment } from '@vmq/machine';

/** Frames switched in one go. */
export const BATCH_FRAMES = 128;

/** It has gone nowhere yet; if that stays so, it ends in its `reason`. */
export const FATE_NONE = 0;
/** A VM has got it. */
export const FATE_DELIVERED = 1;
/** It is on its way to the wire: every delivery to a VM is a copy. */
export const FATE_WIRE = 2;

export class FrameBatch {
  count = 0;
  readonly segments: MemorySegment[];
  /** Byte offset of the frame in its segment, a multiple of 8. */
  readonly offset: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly length: Int32Array = new Int32Array(BATCH_FRAMES);
  /** Priority and CFI as bits 12 … 15 of a TCI. */
  readonly priority: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly vlan: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly stamp: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly source: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly queueId: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly filterSlot: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly fate: Uint8Array = new Uint8Array(BATCH_FRAMES);
  /** Why it goes nowhere: index of SWITCH_END_REASONS. */
  readonly reason: Int32Array = new Int32Array(BATCH_FRAMES);

  constructor(host: MemorySegment) {
    this.segments = new Array<MemorySegment>(BATCH_FRAMES).fill(host);
  }

  get isFull(): boolean {
    return this.count === BATCH_FRAMES;
  }

  /** Adds a frame; returns its index. Priority, VLAN, queue and stamp are the caller's to set. */
  add(segment: MemorySegment, offset: number, length: number, source: number): number {
    const i = this.count++;
    this.segments[i] = segment;
    this.offset[i] = offset;
    this.length[i] = length;
    this.source[i] = source;
    this.fate[i] = FATE_NONE;
    this.reason[i] = 0;
    return i;
  }

  /** First four bytes of the destination address. */
  destinationA(i: number): number {
    return this.segments[i].i32[this.offset[i] >> 2];
  }

  /** Last two bytes of it, no VLAN. */
  destinationB(i: number): number {
    return this.segments[i].i32[(this.offset[i] >> 2) + 1] & 0xffff;
  }
}
