/**
 * The frames that a processor switches in one go: a record each, which the loops write as they go and which counters,
 * trace and extensions read.
 *
 *   word  0 AT       byte offset of the frame, a multiple of 8, in host memory, or in scratch memory (NOTE_SCRATCH)
 *         1 LENGTH   bytes, tag beside the frame not counted
 *         2 TAG      low half: TCI, the VLAN that the frame counts for with its priority bits (the one asked for if the sender
 *                    may not use it); high half: NOTE_* bits
 *         3 STAMP    the NIC's stamp, or the switch's for a guest's frame
 *         4 VERDICT  where it goes, or why nowhere (verdict.ts)
 *         5 ORIGIN   from the wire: queue id << 16 | filter slot; from a guest: the TCI that it asked for
 *         6 ENTRY    place in the channel's batch; for a flooded frame its first pair in the destination list. Until it is
 *                    delivered, of a split frame the byte offset of its rest
 *         7 FRONT    of a split frame: bytes of its front, segment of its rest << 16; or FRONT_SHARED
 */
import type { NetBufferList } from '@vmq/ddi';
import { EXTERNAL_PORT } from './messages.ts';

/** Frames switched in one go. */
export const BATCH_FRAMES = 256;

/** log2 of the words of a record. */
export const RECORD_SHIFT = 3;
export const RECORD_AT = 0;
export const RECORD_LENGTH = 1;
export const RECORD_TAG = 2;
export const RECORD_STAMP = 3;
export const RECORD_VERDICT = 4;
export const RECORD_ORIGIN = 5;
export const RECORD_ENTRY = 6;
export const RECORD_FRONT = 7;
/** In {@link RECORD_FRONT}: the frame's NBL has others beside it, so that it cannot stay away for this one. */
export const FRONT_SHARED = -1;

/** TCI in {@link RECORD_TAG}. */
export const TCI_MASK = 0xffff;

/** The frame lies in the gatherer's scratch memory. */
export const NOTE_SCRATCH = 0x1_0000;
/** Its front lies in host memory, the rest in the second MDL of its NBL. */
export const NOTE_SPLIT = 0x2_0000;
/** Its source was news to the learned table. */
export const NOTE_LEARNED = 0x4_0000;
/** A guest's frame: its tag was in the data. */
export const NOTE_TAG_IN_DATA = 0x8_0000;
/** A guest's frame: its port is no member of the VLAN that it asked for. */
export const NOTE_NOT_MEMBER = 0x10_0000;
/** It went to the wire. */
export const NOTE_SENT = 0x20_0000;
/** The guest has it in place (SW-13): its NBL stays away. */
export const NOTE_LEFT_WITH_GUEST = 0x40_0000;

/** What an extension did to a frame on ingress: {@link FrameBatch.marks}. */
export const MARK_DROPPED = 1;
export const MARK_COPIED = 2;

export class FrameBatch {
  count = 0;
  /** Port that all frames came from. */
  source: number = EXTERNAL_PORT;
  /** Port of the VM queue that all frames came on, -1 = of the default queue or of a guest. */
  queuePort = -1;
  readonly records: Int32Array = new Int32Array(BATCH_FRAMES << RECORD_SHIFT);
  /** NBLs of split frames, by frame; of others whatever stood there. */
  readonly splitFrames: (NetBufferList | null)[] = new Array<NetBufferList | null>(BATCH_FRAMES).fill(null);
  /** MARK_* bits by frame, set by extensions on ingress; all zero without. */
  readonly marks: Uint8Array = new Uint8Array(BATCH_FRAMES);
  /** Length of the copy of a frame with MARK_COPIED, which lies in its slot of the scratch memory. */
  readonly copiedLength: Int32Array = new Int32Array(BATCH_FRAMES);
  /** True if any of {@link marks} is set. */
  isMarked = false;

  begin(source: number, queuePort: number): void {
    this.count = 0;
    this.source = source;
    this.queuePort = queuePort;
    if (!this.isMarked) return;
    this.marks.fill(0);
    this.isMarked = false;
  }
}
