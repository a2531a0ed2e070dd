/*
 * Toeplitz hash of receive side scaling: the 32-bit window of the key is XORed in for each set input bit, the window
 * moving one bit to the right per input bit.
 *
 * https://learn.microsoft.com/windows-hardware/drivers/network/rss-hashing-functions
 */

/** Bytes of an RSS secret key: enough for the longest input, two IPv6 addresses and two ports. */
export const RSS_KEY_LENGTH = 40;

/** Readable version, bit by bit; `key` must have four bytes more than the input. Unsigned. */
export function toeplitzHash(key: Uint8Array, bytes: Uint8Array, offset: number, length: number): number {
  if (key.length < length + 4) {
    throw new RangeError(
      `key: expected at least ${length + 4} bytes for ${length} of input, found ${key.length}`,
    );
  }
  let hash = 0;
  let window = (key[0]! << 24) | (key[1]! << 16) | (key[2]! << 8) | key[3]!;
  for (let i = 0; i < length; i++) {
    for (let bit = 7; bit >= 0; bit--) {
      if (((bytes[offset + i]! >>> bit) & 1) !== 0) hash ^= window;
      window = (window << 1) | ((key[i + 4]! >>> bit) & 1);
    }
  }
  return hash >>> 0;
}

/**
 * The hash for one key, one table look-up per input byte.
 *
 * XOR does not care about order, so an input whose parts lie apart (addresses here, ports there) is hashed part by part:
 *
 * ```text
 *   hash = table.part(bytes, ipOffset + 12, 8, 0)     source and destination address
 *        ^ table.part(bytes, tcpOffset, 4, 8)         source and destination port, at input position 8
 * ```
 */
export class ToeplitzTable {
  /** Longest input, in bytes. */
  readonly inputLength: number;
  readonly #table: Int32Array;

  /** `key`: at least 5 bytes; 40 for RSS. It is read once, later changes have no effect. */
  constructor(key: Uint8Array) {
    const inputLength = key.length - 4;
    if (inputLength < 1) throw new RangeError(`key: expected at least 5 bytes, found ${key.length}`);
    const table = new Int32Array(inputLength * 256);
    const input = new Uint8Array(1);
    for (let position = 0; position < inputLength; position++) {
      const window = key.subarray(position, position + 5);
      for (let value = 0; value < 256; value++) {
        input[0] = value;
        table[position * 256 + value] = toeplitzHash(window, input, 0, 1);
      }
    }
    this.inputLength = inputLength;
    this.#table = table;
  }

  /**
   * Share of `length` input bytes that stand at `position` of the input. Signed: XOR the parts, then `>>> 0`.
   * Bytes past `inputLength` have no share.
   */
  part(bytes: Uint8Array, offset: number, length: number, position: number): number {
    const table = this.#table;
    let hash = 0;
    let row = position << 8;
    for (let at = offset | 0, end = (offset + length) | 0; at < end; at++, row += 256) {
      hash ^= table[row + bytes[at]!]!;
    }
    return hash;
  }

  /** Hash of an input in one piece. Unsigned. */
  hash(bytes: Uint8Array, offset: number, length: number): number {
    return this.part(bytes, offset, length, 0) >>> 0;
  }
}
