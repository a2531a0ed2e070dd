/**
 * How long a frame may be: the one rule of every layer that has a limit (SW-28).
 *
 *   | 6 destination | 6 source | tag 4 | tag 4 | type … |          limit counts all bytes but those of the tags
 *
 * A limit is meant without frame check sequence and without tags (IEEE 802.3 3.2.7), wherever they are: in the frame, or
 * beside it until the card puts them in. Two are the most that one network gives a frame, a provider's and a customer's
 * (IEEE 802.1Q 9.5); what looks like a third is counted as data. So a buffer for frames of n bytes has room for n +
 * {@link MOST_TAG_BYTES}.
 */

const TAG_BYTES = 4;
/** Most bytes by which a frame may be longer than a limit says. */
export const MOST_TAG_BYTES: number = 2 * TAG_BYTES;
/** Bytes of the addresses in front of a tag. */
const ADDRESSES = 12;

/**
 * Bytes that a limit counts of the frame of `length` bytes at `offset`. `hasTagBeside`: its outermost tag is beside it, and
 * makes it one of two.
 */
export function countedLength(
  bytes: Uint8Array,
  offset: number,
  length: number,
  hasTagBeside: boolean,
): number {
  if (!isTagAt(bytes, offset + ADDRESSES, offset + length)) return length;
  if (hasTagBeside || !isTagAt(bytes, offset + ADDRESSES + TAG_BYTES, offset + length))
    return length - TAG_BYTES;
  return length - 2 * TAG_BYTES;
}

/** Whether a frame is longer than `limit` allows. */
export function isFrameTooLong(
  bytes: Uint8Array,
  offset: number,
  length: number,
  limit: number,
  hasTagBeside: boolean,
): boolean {
  return length > limit && countedLength(bytes, offset, length, hasTagBeside) > limit;
}

/** Whether a whole customer's (81-00) or provider's (88-A8) tag stands at `at`. */
function isTagAt(bytes: Uint8Array, at: number, end: number): boolean {
  if (at + TAG_BYTES > end) return false;
  const type = (bytes[at] << 8) | bytes[at + 1];
  return type === 0x8100 || type === 0x88a8;
}
