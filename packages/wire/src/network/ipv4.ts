import { fillIpv4HeaderChecksum } from '../checksum/checksum.ts';
import { HeaderView } from '../view/header-view.ts';
import { readUint16, readUint32, writeUint16, writeUint32 } from '../view/network-order.ts';
import type { WireRefusal } from '../view/refusal.ts';

/** Without options. */
export const IPV4_HEADER_LENGTH = 20;
const LONGEST_OPTIONS = 40;

/**
 * IPv4 header, RFC 791.
 *
 * ```text
 *    0  version 4 | header length 4 | DSCP 6, ECN 2 | total length 16
 *    4  identification 16 | 0, DF, MF | fragment offset 13
 *    8  time to live 8 | protocol 8 | header checksum 16
 *   12  source 32
 *   16  destination 32
 *   20  options …
 * ```
 */
export class Ipv4View extends HeaderView {
  get version(): number {
    return this.bytes[this.offset]! >>> 4;
  }
  /** In bytes. */
  get headerLength(): number {
    return (this.bytes[this.offset]! & 15) << 2;
  }
  get dscp(): number {
    return this.bytes[this.offset + 1]! >>> 2;
  }
  get ecn(): number {
    return this.bytes[this.offset + 1]! & 3;
  }
  /** Header and payload, in bytes. */
  get totalLength(): number {
    return readUint16(this.bytes, this.offset + 2);
  }
  get identification(): number {
    return readUint16(this.bytes, this.offset + 4);
  }
  get dontFragment(): boolean {
    return (this.bytes[this.offset + 6]! & 0x40) !== 0;
  }
  get moreFragments(): boolean {
    return (this.bytes[this.offset + 6]! & 0x20) !== 0;
  }
  /** In bytes. */
  get fragmentOffset(): number {
    return (readUint16(this.bytes, this.offset + 6) & 0x1fff) << 3;
  }
  /** Whether this is a piece of a datagram, the first one included. */
  get isFragment(): boolean {
    return (readUint16(this.bytes, this.offset + 6) & 0x3fff) !== 0;
  }
  get timeToLive(): number {
    return this.bytes[this.offset + 8]!;
  }
  get protocol(): number {
    return this.bytes[this.offset + 9]!;
  }
  get headerChecksum(): number {
    return readUint16(this.bytes, this.offset + 10);
  }
  get source(): number {
    return readUint32(this.bytes, this.offset + 12);
  }
  get destination(): number {
    return readUint32(this.bytes, this.offset + 16);
  }
  /** Options stand from here to `payloadOffset`; see `OptionWalk`. */
  get optionsOffset(): number {
    return this.offset + IPV4_HEADER_LENGTH;
  }
  get payloadOffset(): number {
    return this.offset + this.headerLength;
  }
  /** By the total length, so without what Ethernet padded. */
  get payloadLength(): number {
    return this.totalLength - this.headerLength;
  }
  refusal(): WireRefusal | null {
    if (this.length < IPV4_HEADER_LENGTH) return 'too-short';
    if (this.version !== 4) return 'bad-version';
    const header = this.headerLength;
    if (header < IPV4_HEADER_LENGTH || header > this.length) return 'bad-header-length';
    return this.totalLength < header || this.totalLength > this.length ? 'bad-total-length' : null;
  }
}

export interface Ipv4Fields {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  /** Bytes that follow the header. */
  readonly payloadLength: number;
  /** Default 64. */
  readonly timeToLive?: number;
  /** Default 0. */
  readonly identification?: number;
  readonly dscp?: number;
  readonly ecn?: number;
  /** Default true. */
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** In bytes, a multiple of 8. */
  readonly fragmentOffset?: number;
  /** At most 40 bytes, a multiple of 4. */
  readonly options?: Uint8Array;
}

/** Writes the header with its checksum; returns its length. Throws a RangeError for options no header can hold. */
export function writeIpv4Header(bytes: Uint8Array, offset: number, fields: Ipv4Fields): number {
  const options = fields.options;
  const optionsLength = options === undefined ? 0 : options.length;
  if (optionsLength > LONGEST_OPTIONS || (optionsLength & 3) !== 0) {
    throw new RangeError(`options: expected 0 to 40 bytes, a multiple of 4; found ${optionsLength}`);
  }
  const header = IPV4_HEADER_LENGTH + optionsLength;
  const flags = ((fields.dontFragment ?? true) ? 0x4000 : 0) | (fields.moreFragments === true ? 0x2000 : 0);
  bytes[offset] = 0x40 | (header >>> 2);
  bytes[offset + 1] = ((fields.dscp ?? 0) << 2) | ((fields.ecn ?? 0) & 3);
  writeUint16(bytes, offset + 2, header + fields.payloadLength);
  writeUint16(bytes, offset + 4, fields.identification ?? 0);
  writeUint16(bytes, offset + 6, flags | ((fields.fragmentOffset ?? 0) >>> 3));
  bytes[offset + 8] = fields.timeToLive ?? 64;
  bytes[offset + 9] = fields.protocol;
  writeUint32(bytes, offset + 12, fields.source);
  writeUint32(bytes, offset + 16, fields.destination);
  if (options !== undefined) bytes.set(options, offset + IPV4_HEADER_LENGTH);
  fillIpv4HeaderChecksum(bytes, offset, header);
  return header;
}
