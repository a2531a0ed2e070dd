/**
 * The open batch of a channel on the host's side: free sections, and frames committed to them and to sections on loan. See
 * channel-host.ts for the calls.
 *
 *   free sections ──beginBatch──> taken for the batch ──commit──> committed ──endBatch──> outstanding
 *         ^                            │ endBatch (unused)          │ endBatch (no room)      │
 *         └────────────────────────────┴────────────────────────────┴──── guest's completion ─┘
 *
 * A section on loan to an adapter (section-loan.ts) is in no stack: the adapter has put a frame there, `commit` puts it into the
 * batch, and the guest's completion leads to `takeReturned` instead of the stack.
 */
import { MOST_TAG_BYTES } from '@vmq/machine';
import {
  VMBUS_DROP_NO_SECTION,
  VMBUS_DROP_NOT_OPEN,
  VMBUS_DROP_PACKET_FILTER,
} from '../channel/channel-drop-reasons.ts';
import type { ChannelImage } from '../channel/channel-image.ts';
import {
  ENTRY_LENGTH,
  ENTRY_SECTION,
  ENTRY_SHIFT,
  ENTRY_STAMP,
  ENTRY_TCI_SHIFT,
} from '../channel/delivery-entries.ts';
import {
  DELIVERY_LOCK,
  FREE_SECTIONS,
  LOAN_ADAPTER,
  PACKET_FILTER,
  PHASE_OPEN,
  RETURNED_SECTIONS,
} from '../state/channel-state.ts';
import { type ChannelContext, HostRing } from './host-ring.ts';

/** Sections taken in one go when the batch has no free one left. */
const REFILL = 32;

export class HostBatch extends HostRing {
  /** Why the last call fell short. */
  refusal = 0;
  readonly sectionCount: number;
  readonly sectionSize: number;
  readonly entries: Int32Array;
  readonly sections: Int32Array;
  freeFirst = 0;
  freeEnd = 0;
  /** Frames committed: entries 0 to `committed` - 1. */
  committed = 0;
  /** How many of them lie in sections on loan. */
  protected committedLoaned = 0;
  /** Byte offset of section 0 in the guest's segment. */
  protected readonly sectionsAt: number;

  constructor(context: ChannelContext, image: ChannelImage) {
    super(context, image);
    const { sectionCount, sectionSize, offset } = image.receive;
    this.sectionCount = sectionCount;
    this.sectionSize = sectionSize;
    this.sectionsAt = offset;
    this.entries = new Int32Array(sectionCount << ENTRY_SHIFT);
    this.sections = new Int32Array(sectionCount);
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
      this.refusal = VMBUS_DROP_NOT_OPEN;
      return false;
    }
    if (this.state.words[PACKET_FILTER] === 0) {
      this.refusal = VMBUS_DROP_PACKET_FILTER;
      return false;
    }
    if (expected > 0) this.#fetch(expected);
    return true;
  }

  nextSection(): number {
    if (this.freeFirst === this.freeEnd && !this.takeSections()) return -1;
    return this.sections[this.freeFirst];
  }

  takeSections(): boolean {
    this.#fetch(REFILL);
    if (this.freeFirst !== this.freeEnd) return true;
    this.refusal = VMBUS_DROP_NO_SECTION;
    return false;
  }

  frameOffset(section: number): number {
    return this.sectionsAt + Math.imul(section, this.sectionSize) + 64;
  }

  commit(section: number, length: number, tci: number, stamp: number = 0): void {
    if (length > this.maxFrameBytes + MOST_TAG_BYTES || length < 0)
      throw new RangeError(
        `channel ${this.channel}: frame of ${length} bytes, at most ${this.maxFrameBytes} and ${MOST_TAG_BYTES} of tags`,
      );
    const isLoaned = this.state.words[this.state.loans + section] === LOAN_ADAPTER;
    const isNext = this.freeFirst !== this.freeEnd && this.sections[this.freeFirst] === section;
    if (!isLoaned && !isNext)
      throw new Error(`channel ${this.channel}: section ${section} is neither the next free one nor on loan`);
    const at = this.committed << ENTRY_SHIFT;
    this.entries[at + ENTRY_SECTION] = section;
    this.entries[at + ENTRY_LENGTH] = length | (tci << ENTRY_TCI_SHIFT);
    this.entries[at + ENTRY_STAMP] = stamp;
    this.commitEntries(this.committed + 1, this.freeFirst + (isNext ? 1 : 0));
  }

  commitEntries(end: number, freeFirst: number): void {
    if (freeFirst > this.freeEnd || freeFirst - this.freeFirst > end - this.committed)
      throw new Error(`channel ${this.channel}: commitEntries(${end}) with more sections than it has taken`);
    this.committedLoaned += end - this.committed - (freeFirst - this.freeFirst);
    this.freeFirst = freeFirst;
    this.committed = end;
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

  /** Takes up to `count` free sections more for this batch. */
  #fetch(count: number): void {
    const { state, sections } = this;
    const { words, free: stack } = state;
    // Used ones make room: no more than all sections have ever been taken and not committed.
    if (this.freeFirst === this.freeEnd) this.freeFirst = this.freeEnd = 0;
    state.lock(DELIVERY_LOCK);
    let free = words[FREE_SECTIONS];
    const taken = Math.min(count, free, this.sectionCount - this.freeEnd);
    for (let i = 0; i < taken; i++) sections[this.freeEnd + i] = words[stack + --free];
    words[FREE_SECTIONS] = free;
    state.unlock(DELIVERY_LOCK);
    this.freeEnd += taken;
  }

  /** Puts back what the batch leaves of its sections: those not used, and those of frames from `sent` on. Lock held. */
  protected giveBack(sent: number): void {
    const { state, entries, sections } = this;
    const { words } = state;
    let free = words[FREE_SECTIONS];
    // In reverse, so that the next batch takes them in the same order.
    for (let i = this.freeEnd - 1; i >= this.freeFirst; i--) words[state.free + free++] = sections[i];
    // Those on loan have no place there, and their holder knows from what endBatch returns that the guest has not got them.
    for (let i = this.committed - 1; i >= sent; i--) {
      const section = entries[(i << ENTRY_SHIFT) + ENTRY_SECTION];
      if (words[state.loans + section] === 0) words[state.free + free++] = section;
    }
    words[FREE_SECTIONS] = free;
    this.committed = 0;
    this.committedLoaned = 0;
    this.freeFirst = 0;
    this.freeEnd = 0;
  }
}
