import { HeaderView } from '../view/header-view.ts';
import { readUint16, readUint32, writeUint16, writeUint32 } from '../view/network-order.ts';
import type { WireRefusal } from '../view/refusal.ts';

/** Without options. */
export const TCP_HEADER_LENGTH = 20;
const LONGEST_OPTIONS = 40;

export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
export const TCP_URG = 0x20;
export const TCP_ECE = 0x40;
export const TCP_CWR = 0x80;

export const TCP_OPTION_MAXIMUM_SEGMENT_SIZE = 2;
export const TCP_OPTION_WINDOW_SCALE = 3;
export const TCP_OPTION_SACK_PERMITTED = 4;
export const TCP_OPTION_SACK = 5;
export const TCP_OPTION_TIMESTAMPS = 8;

/**
 * TCP header, RFC 9293.
 *
 * ```text
 *    0  source port 16 | destination port 16
 *    4  sequence number 32
 *    8  acknowledgment number 32
 *   12  header length 4 | reserved 4 | flags 8 | window 16
 *   16  checksum 16 | urgent pointer 16
 *   20  options …
 * ```
 */
export class TcpView extends HeaderView {
  get sourcePort(): number {
    return readUint16(this.bytes, this.offset);
  }
  get destinationPort(): number {
    return readUint16(this.bytes, this.offset + 2);
  }
  get sequenceNumber(): number {
    return readUint32(this.bytes, this.offset + 4);
  }
  get acknowledgmentNumber(): number {
    return readUint32(this.bytes, this.offset + 8);
  }
  /** In bytes. */
  get headerLength(): number {
    return (this.bytes[this.offset + 12]! >>> 4) << 2;
  }
  /** `TCP_FIN` … `TCP_CWR`. */
  get flags(): number {
    return this.bytes[this.offset + 13]!;
  }
  /** As sent, without window scale. */
  get window(): number {
    return readUint16(this.bytes, this.offset + 14);
  }
  get checksum(): number {
    return readUint16(this.bytes, this.offset + 16);
  }
  get urgentPointer(): number {
    return readUint16(this.bytes, this.offset + 18);
  }
  /** Options stand from here to `payloadOffset`; see `OptionWalk`. */
  get optionsOffset(): number {
    return this.offset + TCP_HEADER_LENGTH;
  }
  get payloadOffset(): number {
    return this.offset + this.headerLength;
  }
  get payloadLength(): number {
    return this.length - this.headerLength;
  }
  refusal(): WireRefusal | null {
    if (this.length < TCP_HEADER_LENGTH) return 'too-short';
    const header = this.headerLength;
    return header < TCP_HEADER_LENGTH || header > this.length ? 'bad-header-length' : null;
  }
}

export interface TcpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequenceNumber: number;
  /** Default 0. */
  readonly acknowledgmentNumber?: number;
  readonly flags: number;
  /** Default 65535. */
  readonly window?: number;
  readonly urgentPointer?: number;
  /** At most 40 bytes, a multiple of 4. */
  readonly options?: Uint8Array;
}

/**
 * Writes a header with checksum 0; returns its length. Finish with `fillTcpChecksum` once the data stands behind it. Throws a
 * RangeError for options no header can hold.
 */
export function writeTcpHeader(bytes: Uint8Array, offset: number, fields: TcpFields): number {
  const options = fields.options;
  const optionsLength = options === undefined ? 0 : options.length;
  if (optionsLength > LONGEST_OPTIONS || (optionsLength & 3) !== 0) {
    throw new RangeError(`options: expected 0 to 40 bytes, a multiple of 4; found ${optionsLength}`);
  }
  const header = TCP_HEADER_LENGTH + optionsLength;
  writeUint16(bytes, offset, fields.sourcePort);
  writeUint16(bytes, offset + 2, fields.destinationPort);
  writeUint32(bytes, offset + 4, fields.sequenceNumber);
  writeUint32(bytes, offset + 8, fields.acknowledgmentNumber ?? 0);
  bytes[offset + 12] = header << 2;
  bytes[offset + 13] = fields.flags;
  writeUint16(bytes, offset + 14, fields.window ?? 65_535);
  writeUint16(bytes, offset + 16, 0);
  writeUint16(bytes, offset + 18, fields.urgentPointer ?? 0);
  if (options !== undefined) bytes.set(options, offset + TCP_HEADER_LENGTH);
  return header;
}
