import { HeaderView } from '../view/header-view.ts';
import { readUint16, readUint32, writeUint16, writeUint32 } from '../view/network-order.ts';
import type { WireRefusal } from '../view/refusal.ts';

export const ARP_LENGTH = 28;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
/** Address lengths 6 and 4, as one number. */
const LENGTHS = 0x0604;

/**
 * ARP for IPv4 over Ethernet, RFC 826.
 *
 * ```text
 *    0  hardware type 16 | protocol type 16
 *    4  hardware length 8 | protocol length 8 | operation 16
 *    8  sender MAC 48 | sender IPv4 32
 *   18  target MAC 48 | target IPv4 32
 * ```
 */
export class ArpView extends HeaderView {
  get operation(): number {
    return readUint16(this.bytes, this.offset + 6);
  }
  get senderMacHi(): number {
    return readUint16(this.bytes, this.offset + 8);
  }
  get senderMacLo(): number {
    return readUint32(this.bytes, this.offset + 10);
  }
  get senderIpv4(): number {
    return readUint32(this.bytes, this.offset + 14);
  }
  get targetMacHi(): number {
    return readUint16(this.bytes, this.offset + 18);
  }
  get targetMacLo(): number {
    return readUint32(this.bytes, this.offset + 20);
  }
  get targetIpv4(): number {
    return readUint32(this.bytes, this.offset + 24);
  }
  refusal(): WireRefusal | null {
    if (this.length < ARP_LENGTH) return 'too-short';
    const { bytes, offset } = this;
    return readUint16(bytes, offset) !== HARDWARE_ETHERNET ||
      readUint16(bytes, offset + 2) !== PROTOCOL_IPV4 ||
      readUint16(bytes, offset + 4) !== LENGTHS
      ? 'unsupported-type'
      : null;
  }
}

export interface ArpFields {
  readonly operation: number;
  readonly senderMacHi: number;
  readonly senderMacLo: number;
  readonly senderIpv4: number;
  /** Zero in a request. */
  readonly targetMacHi: number;
  readonly targetMacLo: number;
  readonly targetIpv4: number;
}

/** Writes an IPv4-over-Ethernet packet; returns 28. */
export function writeArp(bytes: Uint8Array, offset: number, fields: ArpFields): number {
  writeUint16(bytes, offset, HARDWARE_ETHERNET);
  writeUint16(bytes, offset + 2, PROTOCOL_IPV4);
  writeUint16(bytes, offset + 4, LENGTHS);
  writeUint16(bytes, offset + 6, fields.operation);
  writeUint16(bytes, offset + 8, fields.senderMacHi);
  writeUint32(bytes, offset + 10, fields.senderMacLo);
  writeUint32(bytes, offset + 14, fields.senderIpv4);
  writeUint16(bytes, offset + 18, fields.targetMacHi);
  writeUint32(bytes, offset + 20, fields.targetMacLo);
  writeUint32(bytes, offset + 24, fields.targetIpv4);
  return ARP_LENGTH;
}
