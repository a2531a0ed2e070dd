/**
 * Finds the frame in an RNDIS_PACKET_MSG that a guest wrote, in one of its send sections or where the host has put it
 * together.
 *
 * Each word is read once. Whatever stands there, the frame found lies inside the message, and nothing outside
 * of it is read.
 */

import {
  VIOLATION_RNDIS_DATA_RANGE,
  VIOLATION_RNDIS_FRAME_LENGTH,
  VIOLATION_RNDIS_MESSAGE_LENGTH,
  VIOLATION_RNDIS_PER_PACKET_INFO,
  VIOLATION_RNDIS_TYPE,
} from '../channel/violations.ts';
import { tciFrom8021qInfo } from './rndis.ts';

/** Per-packet information elements looked at in one message. */
const MAX_INFOS = 8;
/** Bytes of an Ethernet header. */
const LEAST_FRAME = 14;

export class RndisFrameParser {
  /** Byte offset of the frame in the memory it was looked for in, after a successful {@link parse}. */
  frameOffset = 0;
  frameLength = 0;
  /** 802.1Q TCI the guest asked for, 0 = none. */
  tci = 0;
  readonly #maxFrame: number;

  /** Finds frames of up to `maxFrameBytes` bytes, tags included. */
  constructor(maxFrameBytes: number) {
    this.#maxFrame = maxFrameBytes;
  }

  /**
   * `section` is the message's byte offset in `words`, `size` the bytes the guest says it has, at most those of the
   * section. Returns 0, or the violation.
   */
  parse(words: Int32Array, section: number, size: number): number {
    const at = section >>> 2;
    if (size < 44) return VIOLATION_RNDIS_MESSAGE_LENGTH;
    if (words[at] !== 1) return VIOLATION_RNDIS_TYPE;
    const messageLength = words[at + 1] >>> 0;
    const dataOffset = words[at + 2] >>> 0;
    const dataLength = words[at + 3] >>> 0;
    const infoOffset = words[at + 7] >>> 0;
    const infoLength = words[at + 8] >>> 0;
    if (messageLength < 44 || messageLength > size) return VIOLATION_RNDIS_MESSAGE_LENGTH;
    // No sum below can wrap: each term has been bounded by the section's size first.
    if (dataOffset > messageLength || dataLength > messageLength) return VIOLATION_RNDIS_DATA_RANGE;
    const start = 8 + dataOffset;
    if (start < 44 || start + dataLength > messageLength) return VIOLATION_RNDIS_DATA_RANGE;
    if (dataLength < LEAST_FRAME || dataLength > this.#maxFrame) return VIOLATION_RNDIS_FRAME_LENGTH;
    this.tci = 0;
    if (infoLength !== 0 && !this.#infos(words, at, infoOffset, infoLength, messageLength))
      return VIOLATION_RNDIS_PER_PACKET_INFO;
    this.frameOffset = section + start;
    this.frameLength = dataLength;
    return 0;
  }

  #infos(
    words: Int32Array,
    at: number,
    infoOffset: number,
    infoLength: number,
    messageLength: number,
  ): boolean {
    if (infoOffset > messageLength || infoLength > messageLength) return false;
    let here = 8 + infoOffset;
    const end = here + infoLength;
    if (here < 44 || (here & 3) !== 0 || end > messageLength) return false;
    for (let n = 0; n < MAX_INFOS && here + 12 <= end; n++) {
      const word = at + (here >>> 2);
      const size = words[word] >>> 0;
      const valueOffset = words[word + 2] >>> 0;
      if (size < 12 || (size & 3) !== 0 || size > end - here) return false;
      if (words[word + 1] === 6) {
        if (valueOffset < 12 || (valueOffset & 3) !== 0 || valueOffset > size - 4) return false;
        this.tci = tciFrom8021qInfo(words[word + (valueOffset >>> 2)]);
      }
      here += size;
    }
    return here === end || end - here < 12;
  }
}
