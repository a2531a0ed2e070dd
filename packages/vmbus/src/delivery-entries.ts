/**
 * The open batch of a channel as a table: what the switch decides about each frame, for `ChannelHost.commitEntries` to
 * take as it stands. One array for all of it, since in a loop each further one costs more than an entry's words.
 *
 *   word   0        1       2     3      4        5       6           7
 *   frame  section  length  tci   stamp  whoever fills    free
 *                                        the table        section
 *
 * Words 0 to 5 of entry k are about the batch's k-th frame. Word 6 is another list, with a length of its own: the free
 * sections that the batch has taken.
 */

/** log2 of the words of an entry. */
export const ENTRY_SHIFT = 3;
/** Number of the section; its frame begins at `frameOffset(section)`. */
export const ENTRY_SECTION = 0;
/** Bytes of the frame. */
export const ENTRY_LENGTH = 1;
/** 802.1Q tag for the guest, 0 = none. */
export const ENTRY_TCI = 2;
/** For the trace only. */
export const ENTRY_STAMP = 3;
/** Two words for whoever fills the table. */
export const ENTRY_OWN = 4;
/** In entry i: the i-th free section that the batch has taken. */
export const ENTRY_FREE = 6;
