/**
 * Split frames that stay where they are (SW-13): the rest lies in the guest's section already, and only the front is copied
 * before it. What is asked stands in the frame's record (frame-batch.ts): no NBL is looked at a second time.
 */
import type { NetBufferList } from '@vmq/ddi';
import { copyFrame, type MemorySegment } from '@vmq/machine';
import { LOAN_ADAPTER } from '@vmq/netvsc';
import {
  type FrameBatch,
  NOTE_LEFT_WITH_GUEST,
  RECORD_AT,
  RECORD_ENTRY,
  RECORD_FRONT,
  RECORD_SHIFT,
  RECORD_TAG,
} from '../model/frame-batch.ts';
import type { LoanedFrames } from './loaned-frames.ts';
import type { PortOutput } from './port-output.ts';

export interface LeftFrames {
  /** Frames may be left with guests: not while the binding pauses, or it would never have all NBLs. */
  mayLeave: boolean;
  /** The NBLs of the chain are the switch's until it returns them. */
  mayKeep: boolean;
  /** Frames of the batch that stay: {@link NOTE_LEFT_WITH_GUEST}. */
  count: number;
  /** Begins the frames for the port of `output`, whose channel's batch is open; false if none of them may stay. */
  begin(output: PortOutput): boolean;
  /**
   * Leaves the rest of split frame `i` in the section on loan in which it lies, if it lies there as it should, and copies the front
   * before it. Returns the section, or -1: then it is to be copied.
   */
  leave(i: number): number;
}

/** For frames of `batch`, in `host` memory. `loaned` is by port, null where frames are not left with the guest. */
export function createLeftFrames(
  batch: FrameBatch,
  host: MemorySegment,
  loaned: readonly (LoanedFrames | null)[],
): LeftFrames {
  const { records, splitFrames } = batch;
  const left: LeftFrames = { mayLeave: false, mayKeep: false, count: 0, begin, leave };
  // Of the port that was begun.
  let guest: MemorySegment = host;
  let frames: LoanedFrames | null = null;
  let loans: Int32Array = new Int32Array(0);
  let loansAt = 0;
  let framesAt = 0;
  let sectionSize = 0;
  let sectionCount = 0;
  return left;

  function begin(output: PortOutput): boolean {
    frames = loaned[output.port];
    const { channel } = output;
    if (frames === null || channel === null || output.guest === null) return false;
    if (!left.mayLeave || !left.mayKeep || output.port !== batch.queuePort) return false;
    guest = output.guest;
    ({ loans, loansAt, sectionSize, sectionCount } = channel);
    framesAt = channel.frameOffset(0);
    return true;
  }

  function leave(i: number): number {
    const record = i << RECORD_SHIFT;
    if (frames === null || records[record + RECORD_FRONT] >>> 16 !== guest.id) return -1;
    const front = records[record + RECORD_FRONT] & 0xffff;
    const start = records[record + RECORD_ENTRY] - front - framesAt;
    const section = Math.floor(start / sectionSize);
    if (section < 0 || section >= sectionCount || loans[loansAt + section] !== LOAN_ADAPTER) return -1;
    if (start !== Math.imul(section, sectionSize) || frames.isHeld(section)) return -1;
    copyFrame(host, records[record + RECORD_AT], guest, framesAt + start, front);
    frames.hold(section, splitFrames[i] as NetBufferList);
    records[record + RECORD_TAG] |= NOTE_LEFT_WITH_GUEST;
    left.count++;
    return section;
  }
}
