import { readUint16, readUint32, writeUint16 } from '../view/network-order.ts';

/*
 * Internet checksum, RFC 1071 and RFC 1624.
 *
 * A *sum* here is an unfinished one: a plain non-negative number below 2^31, to which further ranges can be added as a seed
 * as long as every range but the last has an even length. `foldSum` makes 16 bits of it, `internetChecksum` the value for the
 * header field.
 */

/** So many 16-bit words cannot overflow 31 bits together with a folded seed. */
const WORDS_PER_FOLD = 0x4000;

/** One's complement sum of a sum, in 16 bits. */
export function foldSum(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** Adds the 16-bit words of a range to `seed`; an odd last byte counts as the upper half of a word. */
export function sumRange(bytes: Uint8Array, offset: number, length: number, seed = 0): number {
  let sum = foldSum(seed);
  let at = offset | 0;
  let words = length >>> 1;
  while (words > 0) {
    let block = Math.min(words, WORDS_PER_FOLD);
    words -= block;
    for (; block >= 4; block -= 4, at += 8) {
      sum +=
        ((bytes[at]! << 8) | bytes[at + 1]!) +
        ((bytes[at + 2]! << 8) | bytes[at + 3]!) +
        ((bytes[at + 4]! << 8) | bytes[at + 5]!) +
        ((bytes[at + 6]! << 8) | bytes[at + 7]!);
    }
    for (; block > 0; block--, at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
    sum = foldSum(sum);
  }
  if ((length & 1) !== 0) sum += bytes[at]! << 8;
  return sum;
}

/** Checksum of a range, as it stands in a header. Over a range that contains its own right checksum: 0. */
export function internetChecksum(bytes: Uint8Array, offset: number, length: number, seed = 0): number {
  return ~foldSum(sumRange(bytes, offset, length, seed)) & 0xffff;
}

/** Sum of an IPv4 pseudo-header. `length` is that of the transport header and its data. */
export function pseudoHeaderSumV4(
  source: number,
  destination: number,
  protocol: number,
  length: number,
): number {
  return foldSum(
    (source >>> 16) +
      (source & 0xffff) +
      (destination >>> 16) +
      (destination & 0xffff) +
      (protocol & 0xff) +
      (length & 0xffff) +
      (length >>> 16),
  );
}

/** Sum of an IPv6 pseudo-header; the addresses are read from the IPv6 header at `headerOffset`. */
export function pseudoHeaderSumV6(
  bytes: Uint8Array,
  headerOffset: number,
  protocol: number,
  length: number,
): number {
  return foldSum(
    sumRange(bytes, headerOffset + 8, 32) + (protocol & 0xff) + (length & 0xffff) + (length >>> 16),
  );
}

/** Sum of an IPv4 pseudo-header; the addresses are read from the IPv4 header at `headerOffset`. */
export function pseudoHeaderSumOfIpv4(
  bytes: Uint8Array,
  headerOffset: number,
  protocol: number,
  length: number,
): number {
  const source = readUint32(bytes, headerOffset + 12);
  return pseudoHeaderSumV4(source, readUint32(bytes, headerOffset + 16), protocol, length);
}

/** New checksum after one aligned 16-bit word changed; equation 3 of RFC 1624, which keeps 0 and 0xffff apart. */
export function updateChecksum(checksum: number, oldWord: number, newWord: number): number {
  return ~foldSum((~checksum & 0xffff) + (~oldWord & 0xffff) + (newWord & 0xffff)) & 0xffff;
}

/** The same for an aligned 32-bit value, such as an IPv4 address. */
export function updateChecksum32(checksum: number, oldValue: number, newValue: number): number {
  const upper = updateChecksum(checksum, oldValue >>> 16, newValue >>> 16);
  return updateChecksum(upper, oldValue & 0xffff, newValue & 0xffff);
}

/** Whether a range that contains its checksum adds up. `seed` is the pseudo-header's sum, if there is one. */
export function isChecksumRight(bytes: Uint8Array, offset: number, length: number, seed = 0): boolean {
  return foldSum(sumRange(bytes, offset, length, seed)) === 0xffff;
}

/** Computes the checksum of a range and stores it at `fieldOffset` (absolute, in the range); returns it. */
export function fillChecksum(
  bytes: Uint8Array,
  offset: number,
  length: number,
  fieldOffset: number,
  seed = 0,
): number {
  writeUint16(bytes, fieldOffset, 0);
  const checksum = internetChecksum(bytes, offset, length, seed);
  writeUint16(bytes, fieldOffset, checksum);
  return checksum;
}

/** Header checksum of the IPv4 header of `headerLength` bytes at `offset`. */
export function fillIpv4HeaderChecksum(bytes: Uint8Array, offset: number, headerLength: number): number {
  return fillChecksum(bytes, offset, headerLength, offset + 10);
}

/** TCP checksum of the segment of `length` bytes at `offset`. */
export function fillTcpChecksum(
  bytes: Uint8Array,
  offset: number,
  length: number,
  pseudoSum: number,
): number {
  return fillChecksum(bytes, offset, length, offset + 16, pseudoSum);
}

/** UDP checksum of the datagram of `length` bytes at `offset`; a computed 0 is stored as 0xffff, since 0 means "none". */
export function fillUdpChecksum(
  bytes: Uint8Array,
  offset: number,
  length: number,
  pseudoSum: number,
): number {
  const checksum = fillChecksum(bytes, offset, length, offset + 6, pseudoSum);
  if (checksum !== 0) return checksum;
  writeUint16(bytes, offset + 6, 0xffff);
  return 0xffff;
}

/** Whether the UDP datagram has a checksum at all. Over IPv6 it must. */
export function hasUdpChecksum(bytes: Uint8Array, offset: number): boolean {
  return readUint16(bytes, offset + 6) !== 0;
}

/** ICMPv4 checksum of the message of `length` bytes at `offset`. */
export function fillIcmpv4Checksum(bytes: Uint8Array, offset: number, length: number): number {
  return fillChecksum(bytes, offset, length, offset + 2);
}

/** ICMPv6 checksum of the message of `length` bytes at `offset`, which follows the IPv6 header at `headerOffset`. */
export function fillIcmpv6Checksum(
  bytes: Uint8Array,
  offset: number,
  length: number,
  headerOffset: number,
): number {
  return fillChecksum(bytes, offset, length, offset + 2, pseudoHeaderSumV6(bytes, headerOffset, 58, length));
}
