import { HeaderView } from '../view/header-view.ts';
import { readUint16, readUint32, writeUint16, writeUint32 } from '../view/network-order.ts';
import type { WireRefusal } from '../view/refusal.ts';

/** Without extension headers. */
export const IPV6_HEADER_LENGTH = 40;

/**
 * IPv6 header, RFC 8200.
 *
 * ```text
 *    0  version 4 | traffic class 8 | flow label 20
 *    4  payload length 16 | next header 8 | hop limit 8
 *    8  source 128
 *   24  destination 128
 * ```
 */
export class Ipv6View extends HeaderView {
  get version(): number {
    return this.bytes[this.offset]! >>> 4;
  }
  get trafficClass(): number {
    return (readUint16(this.bytes, this.offset) >>> 4) & 0xff;
  }
  get flowLabel(): number {
    return readUint32(this.bytes, this.offset) & 0xf_ffff;
  }
  /** Extension headers and upper layer, in bytes. */
  get payloadLength(): number {
    return readUint16(this.bytes, this.offset + 4);
  }
  get nextHeader(): number {
    return this.bytes[this.offset + 6]!;
  }
  get hopLimit(): number {
    return this.bytes[this.offset + 7]!;
  }
  /** Where the 16 bytes of the address stand (absolute). */
  get sourceOffset(): number {
    return this.offset + 8;
  }
  get destinationOffset(): number {
    return this.offset + 24;
  }
  get payloadOffset(): number {
    return this.offset + IPV6_HEADER_LENGTH;
  }
  refusal(): WireRefusal | null {
    if (this.length < IPV6_HEADER_LENGTH) return 'too-short';
    if (this.version !== 6) return 'bad-version';
    return this.payloadLength > this.length - IPV6_HEADER_LENGTH ? 'bad-total-length' : null;
  }
}

export interface Ipv6Fields {
  /** 16 bytes each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly nextHeader: number;
  /** Bytes that follow the header. */
  readonly payloadLength: number;
  /** Default 64. */
  readonly hopLimit?: number;
  /** Default 0. */
  readonly trafficClass?: number;
  readonly flowLabel?: number;
}

/** Writes the header; returns 40. */
export function writeIpv6Header(bytes: Uint8Array, offset: number, fields: Ipv6Fields): number {
  const trafficClass = (fields.trafficClass ?? 0) & 0xff;
  writeUint32(bytes, offset, (6 << 28) | (trafficClass << 20) | ((fields.flowLabel ?? 0) & 0xf_ffff));
  writeUint16(bytes, offset + 4, fields.payloadLength);
  bytes[offset + 6] = fields.nextHeader;
  bytes[offset + 7] = fields.hopLimit ?? 64;
  for (let i = 0; i < 16; i++) {
    bytes[offset + 8 + i] = fields.source[i]!;
    bytes[offset + 24 + i] = fields.destination[i]!;
  }
  return IPV6_HEADER_LENGTH;
}
