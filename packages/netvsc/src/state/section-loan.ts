/**
 * Loaning part of a guest's receive buffer to an adapter, which then puts frames there itself (NDIS 6.20: the
 * post-lookahead data of a VM queue).
 *
 *   receive buffer   | section 0 | … |  first  … loaned …  last | … |     the loan begins on a page and covers
 *   pages            |       |       |       |       |       |          whole pages: no other section shares them
 *
 *   free stack ──loan──> with the adapter ──commit, endBatch──> with the guest ──completion──> with the adapter
 *        ^                      │ end                                     │ end
 *        └──────────────────────┘<────────────── completion ──────────────┘
 *
 * A loan may end while the guest still has some of the sections: those are free when the guest completes them.
 */
import { PAGE_SIZE } from '@vmq/machine';
import type { SectionBuffer } from '@vmq/vmbus';
import {
  type ChannelState,
  DELIVERY_LOCK,
  FREE_SECTIONS,
  LOAN_ADAPTER,
  LOAN_GUEST,
  LOAN_NONE,
  LOANED_SECTIONS,
  RETURNED_SECTIONS,
} from './channel-state.ts';

/** Sections on loan. */
export interface SectionLoan {
  /** Segment id of the guest's memory. */
  readonly segment: number;
  /** Byte offset of the first section there, a multiple of 4096. */
  readonly offset: number;
  readonly firstSection: number;
  readonly sections: number;
  /** Takes the sections back. Whoever the adapter is must have stopped writing to them. Once. */
  end(): void;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/**
 * Lends enough free sections in a row for `bytes` bytes from a page boundary on, the highest there are: a quiet
 * channel uses the lowest. Null if there are not as many, or it were more than half of the buffer: what the switch
 * copies itself, broadcasts and other VMs' frames, needs room too.
 */
export function loanSections(
  state: ChannelState,
  segment: number,
  buffer: SectionBuffer,
  bytes: number,
): SectionLoan | null {
  const { sectionSize, sectionCount } = buffer;
  const pageBytes = Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
  const sections = Math.ceil(pageBytes / sectionSize);
  const { words } = state;
  if (!(bytes > 0) || sections > (sectionCount - words[LOANED_SECTIONS]) / 2) return null;
  // Sections from one that begins on a page to the next one that does.
  const step = PAGE_SIZE / gcd(sectionSize, PAGE_SIZE);
  state.lock(DELIVERY_LOCK);
  const first = findFree(state, sectionCount, sections, step);
  if (first >= 0) {
    const stack = words.subarray(state.free, state.free + words[FREE_SECTIONS]);
    const kept = stack.filter((section) => section < first || section >= first + sections);
    stack.set(kept);
    words[FREE_SECTIONS] = kept.length;
    words.fill(0, state.prepared + first, state.prepared + first + sections);
    words.fill(LOAN_ADAPTER, state.loans + first, state.loans + first + sections);
    words[LOANED_SECTIONS] = words[LOANED_SECTIONS] + sections;
  }
  state.unlock(DELIVERY_LOCK);
  if (first < 0) return null;
  return {
    segment,
    offset: buffer.offset + first * sectionSize,
    firstSection: first,
    sections,
    end: () => endLease(state, first, sections),
  };
}

/** Lent sections that the guest has, or has completed and nobody has taken yet. */
export function countHeld({ words, loans }: ChannelState, sectionCount: number): number {
  if (words[LOANED_SECTIONS] === 0) return 0;
  let held = words[RETURNED_SECTIONS];
  for (let at = loans; at < loans + sectionCount; at++) if (words[at] === LOAN_GUEST) held++;
  return held;
}

/** First of `count` free sections in a row at a multiple of `step`, -1 = none. Lock held. */
function findFree(state: ChannelState, sectionCount: number, count: number, step: number): number {
  const { words } = state;
  const free = new Uint8Array(sectionCount);
  for (let i = 0; i < words[FREE_SECTIONS]; i++) free[words[state.free + i]] = 1;
  for (let first = Math.floor((sectionCount - count) / step) * step; first >= 0; first -= step) {
    if (free.subarray(first, first + count).every((is) => is === 1)) return first;
  }
  return -1;
}

function endLease(state: ChannelState, first: number, sections: number): void {
  const { words } = state;
  const isMine = (section: number): boolean => section >= first && section < first + sections;
  state.lock(DELIVERY_LOCK);
  const returned = words.subarray(state.returned, state.returned + words[RETURNED_SECTIONS]);
  const others = returned.filter((section) => !isMine(section));
  returned.set(others);
  words[RETURNED_SECTIONS] = others.length;
  let free = words[FREE_SECTIONS];
  for (let section = first + sections - 1; section >= first; section--) {
    // With the guest: free when it completes the message, like any other.
    if (words[state.loans + section] === LOAN_ADAPTER) words[state.free + free++] = section;
    words[state.loans + section] = LOAN_NONE;
    words[state.prepared + section] = 0; // the adapter may have written over the header
  }
  words[FREE_SECTIONS] = free;
  words[LOANED_SECTIONS] = words[LOANED_SECTIONS] - sections;
  state.unlock(DELIVERY_LOCK);
}
