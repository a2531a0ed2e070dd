/**
 * ChannelHostState: everything the host has to remember about a channel, where no guest can reach it.
 *
 *   line 0   delivery lock            host-to-guest ring, free sections, outstanding messages
 *   line 1   poll lock                guest-to-host ring, answers that wait for room
 *   line 2   phase, violations, what the guest has configured
 *   line 3   host-to-guest: write index, guest's read index as last checked; sections; serial number
 *   line 4   guest-to-host: read index, guest's write index as last checked; queue of waiting answers
 *   line 5.. violation counts by name
 *   then     free sections (a stack), next section of the same message, serial of the outstanding message
 *            that begins with a section (0 = none), who has a section on loan, loaned sections the guest is done
 *            with, sections with a header prepared, waiting answers, the multicast list (two words an address),
 *            counters (doubles)
 *
 * A new one is made each time the channel opens, so whoever still holds an old one finds it closed for ever.
 * Any processor, in any thread, works on it: the plain words under one of the two locks, the rest by Atomics.
 */

import { FATAL_VIOLATIONS, VMBUS_VIOLATIONS } from '../channel/violations.ts';
import { MAX_MULTICAST } from '../protocol/rndis-oids.ts';

export const PHASE_CLOSED = 0;
export const PHASE_HANDSHAKE = 1;
export const PHASE_OPEN = 2;
export const PHASE_CLOSING = 3;
export const PHASE_BROKEN = 4;

export const CHANNEL_PHASES = ['closed', 'handshake', 'open', 'closing', 'broken'] as const;
export type ChannelPhase = (typeof CHANNEL_PHASES)[number];

export const DELIVERY_LOCK = 0;
export const POLL_LOCK = 16;
const PHASE = 32;
const VIOLATIONS = 33;
const VIOLATION_LIMIT = 34;
export const PACKET_FILTER = 35;
export const RNDIS_READY = 36;
/** Addresses in the guest's multicast list. */
export const MULTICAST_COUNT = 37;
/** Number of the window in which a damaged message came last, and how many came in it since the last good one. */
const DAMAGE_WINDOW = 38;
const DAMAGE_RUN = 39;
export const OUT_WRITE = 48;
export const OUT_READ_SEEN = 49;
export const FREE_SECTIONS = 50;
export const SERIAL = 51;
export const OUTSTANDING = 52;
/** Sections on loan to an adapter, and how many of them wait in the list of those the guest is done with. */
export const LOANED_SECTIONS = 53;
export const RETURNED_SECTIONS = 54;
export const IN_READ = 64;
export const IN_WRITE_SEEN = 65;
export const ANSWERS_HEAD = 66;
export const ANSWERS_TAIL = 67;
const VIOLATION_COUNTS = 80;
const TABLES = 112;

/** Answers to the guest that can wait for room in the ring; then its messages wait. A power of two. */
export const MAX_ANSWERS = 256;
/** Words of a waiting answer: transaction low, high, NVSP status. */
export const ANSWER_WORDS = 3;

/** Tables with one word per section. */
const SECTION_TABLES = 6;

/** Who has a section on loan: nobody, the adapter, or the guest with a frame that the adapter put there. */
export const LOAN_NONE = 0;
export const LOAN_ADAPTER = 1;
export const LOAN_GUEST = 2;

/**
 * In the table of prepared sections: the RNDIS header of a frame without a tag stands in the section, all but its
 * lengths. Only the guest could have changed it, and only the guest reads it.
 */
export const PREPARED_PLAIN = 1;

export const COUNT_FRAMES_TO_GUEST = 0;
export const COUNT_BYTES_TO_GUEST = 1;
export const COUNT_MESSAGES_TO_GUEST = 2;
export const COUNT_FRAMES_FROM_GUEST = 3;
export const COUNT_BYTES_FROM_GUEST = 4;
export const COUNT_SIGNALS = 5;
const COUNTERS = 8;

/** 32-bit words in front of the counters. */
function stateWords(sectionCount: number): number {
  return TABLES + SECTION_TABLES * sectionCount + MAX_ANSWERS * ANSWER_WORDS + MAX_MULTICAST * 2;
}

/** Bytes of the state of a channel with room for so many sections. */
export function channelStateBytes(sectionCount: number): number {
  const words = stateWords(sectionCount);
  return ((words + 1) & ~1) * 4 + COUNTERS * 8;
}

/** A channel that nobody has opened yet; its serials and its queue of answers begin at `start`, an int32. */
export function createChannelState(
  sectionCount: number,
  violationLimit: number,
  start: number,
): SharedArrayBuffer {
  const state = new SharedArrayBuffer(channelStateBytes(sectionCount));
  const view = new Int32Array(state);
  view[VIOLATION_LIMIT] = violationLimit;
  view[SERIAL] = start;
  view[ANSWERS_HEAD] = start;
  view[ANSWERS_TAIL] = start;
  return state;
}

/** Makes sections 0..count-1 free; once, when the guest has named its receive buffer. */
export function stockSections(state: ChannelState, count: number): void {
  // Section 0 is on top, so a quiet channel uses the first few and they stay in cache.
  for (let i = 0; i < count; i++) state.words[state.free + i] = count - 1 - i;
  state.words[FREE_SECTIONS] = count;
}

/** One thread's view of a channel's host state. */
export class ChannelState {
  readonly words: Int32Array;
  /** Word index of the stack of free sections. */
  readonly free: number;
  /** Word index of the chains: next section of the same message, -1 = last. */
  readonly next: number;
  /** Word index of the serials of outstanding messages, by their first section. */
  readonly serials: number;
  /** Word index of the table of loans: LOAN_… of each section. */
  readonly loans: number;
  /** Word index of the list of loaned sections the guest is done with. */
  readonly returned: number;
  /** Word index of the table of prepared sections: {@link PREPARED_PLAIN} or 0. */
  readonly prepared: number;
  /** Word index of the ring of waiting answers. */
  readonly answers: number;
  /** Word index of the multicast list: bytes 0 to 3, bytes 4 and 5 of each address, first byte lowest. */
  readonly multicast: number;
  readonly counters: Float64Array;

  constructor(state: SharedArrayBuffer, sectionCount: number) {
    const words = stateWords(sectionCount);
    this.words = new Int32Array(state, 0, words);
    this.free = TABLES;
    this.next = TABLES + sectionCount;
    this.serials = TABLES + 2 * sectionCount;
    this.loans = TABLES + 3 * sectionCount;
    this.returned = TABLES + 4 * sectionCount;
    this.prepared = TABLES + 5 * sectionCount;
    this.answers = TABLES + SECTION_TABLES * sectionCount;
    this.multicast = this.answers + MAX_ANSWERS * ANSWER_WORDS;
    this.counters = new Float64Array(state, ((words + 1) & ~1) * 4, COUNTERS);
  }

  get phase(): number {
    return Atomics.load(this.words, PHASE);
  }

  /**
   * A plain look at the phase, for the data paths: frames that meet the end of a channel may get there or not. Who
   * ends it publishes before the memory behind it is another's.
   */
  looksIn(phase: number): boolean {
    return this.words[PHASE] === phase;
  }

  /** Moves from one phase to another; false if some other thread has moved it elsewhere. */
  advance(from: number, to: number): boolean {
    return Atomics.compareExchange(this.words, PHASE, from, to) === from;
  }

  setPhase(phase: number): void {
    Atomics.store(this.words, PHASE, phase);
  }

  get violations(): number {
    return Atomics.load(this.words, VIOLATIONS) >>> 0;
  }

  violationCount(kind: number): number {
    return Atomics.load(this.words, VIOLATION_COUNTS + kind) >>> 0;
  }

  /**
   * Counts a violation in the window of this number (any numbers that differ from one window to the next); true if it has
   * broken the channel, now or before.
   */
  violate(kind: number, window: number): boolean {
    const words = this.words;
    Atomics.add(words, VIOLATION_COUNTS + kind, 1);
    Atomics.add(words, VIOLATIONS, 1);
    if (words[DAMAGE_WINDOW] !== (window | 0)) {
      words[DAMAGE_WINDOW] = window;
      words[DAMAGE_RUN] = 0;
    }
    const run = words[DAMAGE_RUN] + 1;
    words[DAMAGE_RUN] = run;
    if (kind < FATAL_VIOLATIONS || run > words[VIOLATION_LIMIT]) {
      // A channel that is closed already stays closed.
      if (!this.advance(PHASE_OPEN, PHASE_BROKEN)) this.advance(PHASE_HANDSHAKE, PHASE_BROKEN);
    }
    return this.phase === PHASE_BROKEN;
  }

  /** Something good has come: what was damaged before is forgiven. Poll lock held. */
  noteGood(): void {
    if (this.words[DAMAGE_RUN] !== 0) this.words[DAMAGE_RUN] = 0;
  }

  /** Damaged messages in one window, with nothing good among them, that the channel survives from now on. */
  limitViolations(limit: number): void {
    Atomics.store(this.words, VIOLATION_LIMIT, limit);
    Atomics.store(this.words, DAMAGE_RUN, 0);
  }

  /** Violations by name, those that occurred. */
  violationsByName(): Record<string, number> {
    const found: Record<string, number> = {};
    VMBUS_VIOLATIONS.forEach((name, kind) => {
      const count = this.violationCount(kind);
      if (count !== 0) found[name] = count;
    });
    return found;
  }

  tryLock(lock: number): boolean {
    return Atomics.compareExchange(this.words, lock, 0, 1) === 0;
  }

  /** Takes a lock that is only ever held for a few hundred instructions, by code that calls nobody. */
  lock(lock: number): void {
    for (let spins = 0; Atomics.compareExchange(this.words, lock, 0, 1) !== 0; spins++) {
      // Its holder may have lost its core: give ours away, in short naps since nobody notifies.
      if (spins > 1000) Atomics.wait(this.words, lock, 1, 0.05);
    }
  }

  unlock(lock: number): void {
    Atomics.store(this.words, lock, 0);
  }
}
