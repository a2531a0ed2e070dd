import { HeaderView } from '../view/header-view.ts';
import { readUint16, writeUint16 } from '../view/network-order.ts';
import type { WireRefusal } from '../view/refusal.ts';

export const UDP_HEADER_LENGTH = 8;

/** `| source port 16 | destination port 16 | length 16 | checksum 16 | data …`, RFC 768. */
export class UdpView extends HeaderView {
  get sourcePort(): number {
    return readUint16(this.bytes, this.offset);
  }
  get destinationPort(): number {
    return readUint16(this.bytes, this.offset + 2);
  }
  /** Header and data, as the header says. */
  get datagramLength(): number {
    return readUint16(this.bytes, this.offset + 4);
  }
  /** 0: none was computed. */
  get checksum(): number {
    return readUint16(this.bytes, this.offset + 6);
  }
  get payloadOffset(): number {
    return this.offset + UDP_HEADER_LENGTH;
  }
  get payloadLength(): number {
    return this.datagramLength - UDP_HEADER_LENGTH;
  }
  refusal(): WireRefusal | null {
    if (this.length < UDP_HEADER_LENGTH) return 'too-short';
    const datagram = this.datagramLength;
    return datagram < UDP_HEADER_LENGTH || datagram > this.length ? 'bad-total-length' : null;
  }
}

/** Writes a header with checksum 0 ("none"); returns 8. `fillUdpChecksum` adds one once the data stands behind it. */
export function writeUdpHeader(
  bytes: Uint8Array,
  offset: number,
  sourcePort: number,
  destinationPort: number,
  payloadLength: number,
): number {
  writeUint16(bytes, offset, sourcePort);
  writeUint16(bytes, offset + 2, destinationPort);
  writeUint16(bytes, offset + 4, UDP_HEADER_LENGTH + payloadLength);
  writeUint16(bytes, offset + 6, 0);
  return UDP_HEADER_LENGTH;
}
