import { HeaderView } from '../view/header-view.ts';
import { readUint16, writeUint16 } from '../view/network-order.ts';
import type { WireRefusal } from '../view/refusal.ts';

/** Type, code, checksum, identifier and sequence number. */
export const ICMP_ECHO_HEADER_LENGTH = 8;
export const ICMPV4_ECHO_REPLY = 0;
export const ICMPV4_ECHO_REQUEST = 8;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;

/**
 * ICMP message, RFC 792 and RFC 4443; identifier and sequence number are those of an echo, which both versions lay out alike.
 *
 * ```text
 *    0  type 8 | code 8 | checksum 16
 *    4  identifier 16 | sequence number 16
 *    8  data …
 * ```
 */
export class IcmpView extends HeaderView {
  get type(): number {
    return this.bytes[this.offset]!;
  }
  get code(): number {
    return this.bytes[this.offset + 1]!;
  }
  get checksum(): number {
    return readUint16(this.bytes, this.offset + 2);
  }
  get identifier(): number {
    return readUint16(this.bytes, this.offset + 4);
  }
  get sequenceNumber(): number {
    return readUint16(this.bytes, this.offset + 6);
  }
  get dataOffset(): number {
    return this.offset + ICMP_ECHO_HEADER_LENGTH;
  }
  get dataLength(): number {
    return this.length - ICMP_ECHO_HEADER_LENGTH;
  }
  refusal(): WireRefusal | null {
    return this.length < ICMP_ECHO_HEADER_LENGTH ? 'too-short' : null;
  }
}

/**
 * Writes an echo header of either version with checksum 0; returns 8. When the data stands behind it, finish with
 * `fillIcmpv4Checksum` or `fillIcmpv6Checksum`.
 */
export function writeIcmpEchoHeader(
  bytes: Uint8Array,
  offset: number,
  type: number,
  identifier: number,
  sequenceNumber: number,
): number {
  bytes[offset] = type;
  bytes[offset + 1] = 0;
  writeUint16(bytes, offset + 2, 0);
  writeUint16(bytes, offset + 4, identifier);
  writeUint16(bytes, offset + 6, sequenceNumber);
  return ICMP_ECHO_HEADER_LENGTH;
}
