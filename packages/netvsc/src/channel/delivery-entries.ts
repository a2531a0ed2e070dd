/**
 * The open batch of a channel as a table: what the switch decides about each frame, for `ChannelHost.commitEntries` to
 * take as it stands. One array for all of it, since in a loop each further one costs more than an entry's words.
 *
 *   word   0         1                    2        3
 *   frame  section   length | tci << 16   stamp    unused
 *
 * Entry k is about the batch's k-th frame. The words stay until the next batch begins, for who reads behind the loops.
 */

/** log2 of the words of an entry. */
export const ENTRY_SHIFT = 2;
/** Number of the section; its frame begins at `frameOffset(section)`. */
export const ENTRY_SECTION = 0;
/** Bytes of the frame in the low half; 802.1Q tag for the guest in the high half, 0 = none. */
export const ENTRY_LENGTH = 1;
export const ENTRY_LENGTH_MASK = 0xffff;
export const ENTRY_TCI_SHIFT = 16;
/** For the trace only: who traces nothing may leave it. */
export const ENTRY_STAMP = 2;
