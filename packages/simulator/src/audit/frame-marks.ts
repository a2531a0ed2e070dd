/**
 * Marked frames: every word of the payload says who sent it, who may see it and in which VLAN, so that a single word
 * found where it should not be is enough.
 *
 *   0        6        12       14      16     20         24     28       32 …
 *   | dst    | src    | type   | 0 0   | mark | sequence | mark | length | mark | mark | …     (tag taken out)
 *
 *   mark   31..24 magic 0xE7   23..16 audience   15..8 source   7..6 VLAN number   5..0 check, 1 to 62
 *   tail   a frame's last 1 to 3 bytes, those of its mark with 63 as check
 *
 * A tail shares its word of memory with what an older frame left there; with the check that no mark has the two do not
 * make up a mark of their own (seed 4733 at cd850fe). Nor do zeros that pad a frame, and what they leave of an older word.
 *
 * Words are little-endian at offsets that are multiples of 4 wherever a frame may lie, so memory is searched by words.
 */
const MAGIC = 0xe7;
/** Check of tails. */
const NO_CHECK = 63;

/** Audience of a frame that is for nobody in particular; unknown to every switch. */
export const NOBODY = 255;
/** Audience of broadcast and of multicast frames: all VMs of the VLAN. */
export const EVERYBODY = 254;
/** Source of frames that come from outside. */
export const OUTSIDE = 253;
/** Source of those among them that are for a VM's address in a VLAN that is not its own: it may never get them, unless
 *  it comes to be in that VLAN while they are under way. */
export const ASTRAY = 252;

export const MARK_AT = 16;
export const SEQUENCE_AT = 20;
export const LENGTH_AT = 28;
/** Bytes of a frame that tells its sequence and its length. */
export const WHOLE_HEADER = 32;
/** IEEE 802 local experimental EtherType 1. */
export const MARKED_TYPE = 0x88b5;

/** EtherType, or what else stands in two bytes. */
export const typeAt = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

/** Bytes of the tags that lie in a frame's data: what is above stands so much further behind. */
export function tagBytes(bytes: Uint8Array, offset: number, length: number): number {
  let tags = 0;
  while (length >= 18 + tags && typeAt(bytes, offset + 12 + tags) === 0x8100) tags += 4;
  return tags;
}

export function markOf(source: number, audience: number, vlan: number): number {
  const low = (audience << 16) | (source << 8) | (vlan << 6);
  return (MAGIC << 24) | low | checkOf(low);
}

function checkOf(low: number): number {
  const mixed = Math.imul(low >>> 6, 0x9e3779b1);
  return 1 + ((mixed >>> 26) % (NO_CHECK - 1));
}

/** Byte `index`, 0 to 2, of the tail of a frame with this mark. */
export function tailByteOf(mark: number, index: number): number {
  return ((mark | NO_CHECK) >>> (8 * index)) & 0xff;
}

/** True for a word that some frame of this world may have: VMs are numbered from 1. */
export function isMark(word: number): boolean {
  return word >>> 24 === MAGIC && sourceOf(word) !== 0 && checkOf(word & 0xffffc0) === (word & 0x3f);
}

export const audienceOf = (mark: number): number => (mark >>> 16) & 0xff;
export const sourceOf = (mark: number): number => (mark >>> 8) & 0xff;
export const isFromOutside = (mark: number): boolean => sourceOf(mark) >= ASTRAY;
export const vlanOfMark = (mark: number): number => (mark >>> 6) & 3;

/** A frame under construction; one buffer for all, as the wire and the guests copy. */
export class FrameWriter {
  readonly bytes: Uint8Array = new Uint8Array(16_384);
  readonly #words: Int32Array = new Int32Array(this.bytes.buffer);

  /** Writes a frame of `length` bytes without a tag; addresses as 6 bytes at `to` and `from`. */
  write(length: number, to: Uint8Array, from: Uint8Array, mark: number, sequence: number): void {
    const { bytes } = this;
    const words = this.#words;
    const end = length >> 2;
    for (let i = MARK_AT >> 2; i < end; i++) words[i] = mark;
    words[end] = mark | NO_CHECK;
    if (length >= SEQUENCE_AT + 4) words[SEQUENCE_AT >> 2] = sequence;
    if (length >= LENGTH_AT + 4) words[LENGTH_AT >> 2] = length;
    bytes.set(to, 0);
    bytes.set(from, 6);
    bytes[12] = MARKED_TYPE >> 8;
    bytes[13] = MARKED_TYPE & 0xff;
    bytes[14] = 0;
    bytes[15] = 0;
  }

  /** The same frame with an 802.1Q tag; its new length. */
  insertTag(length: number, tci: number): number {
    const { bytes } = this;
    bytes.copyWithin(16, 12, length);
    bytes[12] = 0x81;
    bytes[13] = 0;
    bytes[14] = tci >> 8;
    bytes[15] = tci & 0xff;
    return length + 4;
  }
}

/** The 32-bit word at a byte offset that need not be a multiple of 4. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
