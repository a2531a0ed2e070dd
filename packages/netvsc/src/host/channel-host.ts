/**
 * The host's data path of a channel, as the switch uses it on each of its processors.
 *
 *   deliver   beginBatch ─> { nextSection ─> (copy the frame) ─> commit }* ─> endBatch
 *   poll      guest's frames ─> (copied out of guest memory, into free buffers) ─> entries of a batch
 *
 * Several processors may deliver to one channel at once. The channel's lock is held only inside `beginBatch`
 * (to take free sections) and `endBatch` (to write the message), never while the caller copies: so processors
 * copy to one guest in parallel, and a caller may have batches open on any number of channels, in any order,
 * without a deadlock.
 */

import type { GuestFrameBatch } from '../channel/guest-frame-batch.ts';

export interface ChannelHost {
  /** Number of the channel. */
  readonly channel: number;
  /** Segment id of the guest's memory; the offsets of `frameOffset` are in it. */
  readonly segment: number;
  /** Longest frame of the channel, in bytes; its tags do not count (SW-28), and a section has room for two. */
  readonly maxFrameBytes: number;
  /**
   * NDIS packet filter the guest has set (OID_GEN_CURRENT_PACKET_FILTER bits), 0 before and after. With 0 nothing is
   * delivered; to obey the bits of another one is the caller's.
   */
  readonly packetFilter: number;
  /**
   * Whether the address is in the guest's multicast list: what counts where the filter has MULTICAST and not
   * ALL_MULTICAST. `a` is bytes 0 to 3 and `b` bytes 4 and 5, first byte lowest.
   */
  wantsMulticast(a: number, b: number): boolean;
  /** True while frames pass: negotiated, not closing, not broken. */
  readonly isOpen: boolean;
  /** Why the last `beginBatch`, `nextSection`, `takeSections` or `endBatch` fell short: index into VMBUS_DROP_REASONS. */
  readonly refusal: number;

  /**
   * Begins a delivery and takes up to `expected` free sections; false if the channel is not open or its
   * packet filter is 0.
   * `expected` is a hint, more are fetched when needed.
   */
  beginBatch(expected: number): boolean;
  /**
   * A free section for the next frame, the same again until it is committed; -1 if the guest has none. More are fetched when
   * those of the batch are used up.
   */
  nextSection(): number;
  /** Byte offset in the guest's segment, 64-byte aligned, of a section's frame. Room: `maxFrameBytes` and two tags. */
  frameOffset(section: number): number;
  /**
   * A frame of `length` bytes lies at {@link frameOffset} of `section`, which is {@link nextSection} or one on loan to an adapter that
   * the guest does not have. `tci` goes to the guest as per-packet information, 0 = none; `stamp` is for the trace only. A frame in a
   * section on loan is the guest's once `endBatch` has counted it, until {@link takeReturned} names it.
   */
  commit(section: number, length: number, tci: number, stamp?: number): void;

  /**
   * The batch as a table (`delivery-entries.ts`), for who fills many entries at a time: give each entry a section, the
   * next of {@link sections} or one on loan, set its other words, then {@link commitEntries}.
   */
  readonly entries: Int32Array;
  /** Free sections that the batch has taken: those at `freeFirst` to `freeEnd` - 1 have no frame yet. */
  readonly sections: Int32Array;
  readonly freeFirst: number;
  readonly freeEnd: number;
  /** Fetches more free sections, when none of the batch's is left; false if the guest has none. */
  takeSections(): boolean;
  /** Bytes from one section to the next. */
  readonly sectionSize: number;
  /**
   * Entries before `end` hold frames, none longer than a section has room for; the next free section is the one at `freeFirst`
   * now. Each section is one entry's.
   */
  commitEntries(end: number, freeFirst: number): void;
  /** Word `loansAt` + section is {@link LOAN_ADAPTER} while an adapter has the section and the guest has not. */
  readonly loans: Int32Array;
  readonly loansAt: number;
  /**
   * Sections on loan that the guest is done with since the last call, at most as many as fit; returns how many. For the
   * one processor that polls the channel.
   */
  takeReturned(sections: Int32Array): number;
  /** Sections of the guest's receive buffer. */
  readonly sectionCount: number;
  /** Frames committed in the batch so far. */
  readonly committed: number;
  /**
   * Sends the committed frames: as few messages as possible, one index store, at most one signal. Returns how
   * many were delivered: the first n of the batch. The rest found no room in the ring (see `refusal`) and
   * their sections are free again. Where several processors deliver and somebody wants to know the order, `numbers[at]`
   * counts the frames of all of them, under the lock that also orders the messages; {@link firstNumber} is what it was.
   */
  endBatch(numbers?: Int32Array, at?: number): number;
  /** What stood in `numbers[at]` before the last `endBatch` that sent something added to it. */
  readonly firstNumber: number;

  /**
   * Reads up to `budget` packets of the guest: copies its frames into free buffers of `frames`, with an entry each, answers its
   * requests, gets back the sections it has completed. A copied frame is the host's: the guest cannot change it any more (SEC-06).
   * True if there is more to do now: the budget ran out, or `frames` has no room (then call again when it has). Any
   * processor; if one polls already, returns false at once.
   */
  poll(frames: GuestFrameBatch, budget: number): boolean;
}
