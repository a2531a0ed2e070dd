/**
 * The open batch of a channel on the host's side: free sections, frames committed to them and to lent ones. See
 * channel-host.ts for the calls.
 *
 *   free sections ──beginBatch──> taken for the batch ──commitFrame──> committed ──endBatch──> outstanding
 *         ^                            │ endBatch (unused)          │ endBatch (no room)      │
 *         └────────────────────────────┴────────────────────────────┴──── guest's completion ─┘
 *
 * Sections lent to an adapter (section-lease.ts) are in no stack: the adapter has put a frame there, `commitLent`
 * puts it into the batch, and the guest's completion leads to `takeReturned` instead of the stack.
 */
import { MOST_TAG_BYTES } from '@vmq/machine';
import {
  VMBUS_DROP_NO_SECTION as DROP_NO_SECTION,
  VMBUS_DROP_NOT_OPEN as DROP_NOT_OPEN,
  VMBUS_DROP_PACKET_FILTER as DROP_PACKET_FILTER,
} from '../channel/channel-drop-reasons.ts';
import type { ChannelImage } from '../channel/channel-image.ts';
import {
  ENTRY_FREE,
  ENTRY_LENGTH,
  ENTRY_LENGTH_MASK,
  ENTRY_SECTION,
  ENTRY_SHIFT,
  ENTRY_STAMP,
  ENTRY_TCI_SHIFT,
} from '../channel/delivery-entries.ts';
import { VMBUS_TRACE } from '../channel/trace-kinds.ts';
import {
  DELIVERY_LOCK,
  FREE_SECTIONS,
  LOAN_ADAPTER,
  PACKET_FILTER,
  PHASE_OPEN,
  RETURNED_SECTIONS,
} from '../state/channel-state.ts';
import { type ChannelContext, HostRing } from './host-ring.ts';

const TRACE_FRAME = VMBUS_TRACE.FRAME_TO_GUEST;

/** Sections taken in one go when the batch has no free one left. */
const REFILL = 32;

export class HostBatch extends HostRing {
  /** Why the last call fell short. */
  refusal = 0;
  readonly sectionCount: number;
  readonly sectionSize: number;
  readonly sectionsAt: number;
  readonly entries: Int32Array;
  freeFirst = 0;
  freeEnd = 0;
  /** Frames committed: entries 0 to `committed` - 1. */
  committed = 0;
  /** How many of them lie in lent sections. */
  protected committedLent = 0;

  constructor(context: ChannelContext, image: ChannelImage) {
    super(context, image);
    const { sectionCount, sectionSize, offset } = image.receive;
    this.sectionCount = sectionCount;
    this.sectionSize = sectionSize;
    this.sectionsAt = offset;
    this.entries = new Int32Array(sectionCount << ENTRY_SHIFT);
  }

  get loans(): Int32Array {
    return this.state.words;
  }

  get loansAt(): number {
    return this.state.loans;
  }

  beginBatch(expected: number): boolean {
    if (this.committed !== 0 || this.freeEnd !== 0)
      throw new Error(`channel ${this.channel}: beginBatch inside a batch`);
    if (!this.state.looksIn(PHASE_OPEN)) {
      this.refusal = DROP_NOT_OPEN;
      return false;
    }
    if (this.state.words[PACKET_FILTER] === 0) {
      this.refusal = DROP_PACKET_FILTER;
      return false;
    }
    if (expected > 0) this.#takeSections(expected);
    return true;
  }

  reserveSection(): number {
    if (this.freeFirst === this.freeEnd) {
      this.#takeSections(REFILL);
      if (this.freeFirst === this.freeEnd) {
        this.refusal = DROP_NO_SECTION;
        return -1;
      }
    }
    return this.frameOffset(this.#firstFree());
  }

  #firstFree(): number {
    return this.entries[(this.freeFirst << ENTRY_SHIFT) + ENTRY_FREE];
  }

  commitFrame(length: number, tci: number, stamp: number = 0): void {
    if (this.freeFirst === this.freeEnd)
      throw new Error(`channel ${this.channel}: commitFrame without a section`);
    this.#commit(this.#firstFree(), length, tci, stamp);
    this.freeFirst++;
  }

  commitEntries(end: number, freeFirst: number): void {
    if (freeFirst > this.freeEnd || freeFirst - this.freeFirst > end - this.committed)
      throw new Error(`channel ${this.channel}: commitEntries(${end}) with more sections than it has taken`);
    this.committedLent += end - this.committed - (freeFirst - this.freeFirst);
    this.freeFirst = freeFirst;
    const trace = this.context.trace;
    if (trace !== null && trace.level !== 0)
      for (let i = this.committed; i < end; i++) this.#traceFrame(i << ENTRY_SHIFT);
    this.committed = end;
  }

  lentSection(offset: number): number {
    const at = offset - this.sectionsAt;
    if (at < 0) return -1;
    const section = Math.floor(at / this.sectionSize);
    if (section >= this.sectionCount) return -1;
    return this.state.words[this.state.loans + section] === LOAN_ADAPTER ? section : -1;
  }

  frameOffset(section: number): number {
    return this.sectionsAt + Math.imul(section, this.sectionSize) + 64;
  }

  commitLent(section: number, length: number, tci: number, stamp: number = 0): void {
    if (this.state.words[this.state.loans + section] !== LOAN_ADAPTER)
      throw new Error(`channel ${this.channel}: section ${section} is not on loan`);
    this.#commit(section, length, tci, stamp);
    this.committedLent++;
  }

  takeReturned(sections: Int32Array): number {
    const state = this.state;
    const words = state.words;
    if (words[RETURNED_SECTIONS] === 0) return 0;
    state.lock(DELIVERY_LOCK);
    const count = Math.min(words[RETURNED_SECTIONS], sections.length);
    const left = words[RETURNED_SECTIONS] - count;
    for (let i = 0; i < count; i++) sections[i] = words[state.returned + left + i];
    words[RETURNED_SECTIONS] = left;
    state.unlock(DELIVERY_LOCK);
    return count;
  }

  #commit(section: number, length: number, tci: number, stamp: number): void {
    if (length > this.maxFrameBytes + MOST_TAG_BYTES || length < 0) {
      throw new RangeError(
        `channel ${this.channel}: frame of ${length} bytes, at most ${this.maxFrameBytes} and ${MOST_TAG_BYTES} of tags`,
      );
    }
    const at = this.committed << ENTRY_SHIFT;
    this.entries[at + ENTRY_SECTION] = section;
    this.entries[at + ENTRY_LENGTH] = length | (tci << ENTRY_TCI_SHIFT);
    this.entries[at + ENTRY_STAMP] = stamp;
    this.committed++;
    const trace = this.context.trace;
    if (trace !== null && trace.level !== 0) this.#traceFrame(at);
  }

  #traceFrame(at: number): void {
    const { trace } = this.context;
    const { entries } = this;
    const stamp = entries[at + ENTRY_STAMP];
    if (trace?.wants(2, stamp) !== true) return;
    const section = entries[at + ENTRY_SECTION];
    const length = entries[at + ENTRY_LENGTH];
    trace.write(
      TRACE_FRAME,
      stamp,
      this.channel,
      section,
      length & ENTRY_LENGTH_MASK,
      length >>> ENTRY_TCI_SHIFT,
      0,
    );
  }

  /** Takes free sections for this batch. */
  #takeSections(count: number): void {
    const state = this.state;
    const words = state.words;
    const entries = this.entries;
    // Used ones make room: no more than all sections have ever been taken and not committed.
    if (this.freeFirst === this.freeEnd) this.freeFirst = this.freeEnd = 0;
    state.lock(DELIVERY_LOCK);
    let free = words[FREE_SECTIONS];
    const taken = Math.min(count, free, this.sectionCount - this.freeEnd);
    const stack = state.free;
    let at = (this.freeEnd << ENTRY_SHIFT) + ENTRY_FREE;
    for (const last = free - taken; free !== last; at += 1 << ENTRY_SHIFT)
      entries[at] = words[stack + --free];
    words[FREE_SECTIONS] = free;
    state.unlock(DELIVERY_LOCK);
    this.freeEnd += taken;
  }

  /** Puts back what the batch leaves of its sections: those not used, and those of frames from `sent` on. Lock held. */
  protected giveBack(sent: number): void {
    const state = this.state;
    const words = state.words;
    const entries = this.entries;
    let free = words[FREE_SECTIONS];
    // In reverse, so that the next batch takes them in the same order.
    for (let i = this.freeEnd - 1; i >= this.freeFirst; i--)
      words[state.free + free++] = entries[(i << ENTRY_SHIFT) + ENTRY_FREE];
    // Lent ones have no place there, and their lender knows from what endBatch returns that the guest has not got them.
    for (let i = this.committed - 1; i >= sent; i--) {
      const section = entries[(i << ENTRY_SHIFT) + ENTRY_SECTION];
      if (words[state.loans + section] === 0) words[state.free + free++] = section;
    }
    words[FREE_SECTIONS] = free;
    this.committed = 0;
    this.committedLent = 0;
    this.freeFirst = 0;
    this.freeEnd = 0;
  }
}
