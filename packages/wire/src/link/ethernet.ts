import { HeaderView } from '../view/header-view.ts';
import { readUint16, readUint32, writeUint16, writeUint32 } from '../view/network-order.ts';
import type { WireRefusal } from '../view/refusal.ts';

/** Without tag and frame check sequence. */
export const ETHERNET_HEADER_LENGTH = 14;
/** Smallest and largest ordinary frame, without tag and frame check sequence. */
export const ETHERNET_MIN_FRAME_LENGTH = 60;
export const ETHERNET_MAX_FRAME_LENGTH = 1514;

/** `| destination 6 | source 6 | EtherType or tag type 2 | …` */
export class EthernetView extends HeaderView {
  get destinationHi(): number {
    return readUint16(this.bytes, this.offset);
  }
  get destinationLo(): number {
    return readUint32(this.bytes, this.offset + 2);
  }
  get sourceHi(): number {
    return readUint16(this.bytes, this.offset + 6);
  }
  get sourceLo(): number {
    return readUint32(this.bytes, this.offset + 8);
  }
  /** What stands behind the addresses: of a tagged frame its tag type. See `etherTypeOf` for the one past tags. */
  get etherType(): number {
    return readUint16(this.bytes, this.offset + 12);
  }
  get payloadOffset(): number {
    return this.offset + ETHERNET_HEADER_LENGTH;
  }
  get payloadLength(): number {
    return this.length - ETHERNET_HEADER_LENGTH;
  }
  refusal(): WireRefusal | null {
    return this.length < ETHERNET_HEADER_LENGTH ? 'too-short' : null;
  }
}

/** Writes an untagged header; returns 14. */
export function writeEthernetHeader(
  bytes: Uint8Array,
  offset: number,
  destinationHi: number,
  destinationLo: number,
  sourceHi: number,
  sourceLo: number,
  etherType: number,
): number {
  writeUint16(bytes, offset, destinationHi);
  writeUint32(bytes, offset + 2, destinationLo);
  writeUint16(bytes, offset + 6, sourceHi);
  writeUint32(bytes, offset + 8, sourceLo);
  writeUint16(bytes, offset + 12, etherType);
  return ETHERNET_HEADER_LENGTH;
}

/** Writes a header with one 802.1Q tag; returns 18. */
export function writeTaggedEthernetHeader(
  bytes: Uint8Array,
  offset: number,
  destinationHi: number,
  destinationLo: number,
  sourceHi: number,
  sourceLo: number,
  tci: number,
  etherType: number,
): number {
  writeEthernetHeader(bytes, offset, destinationHi, destinationLo, sourceHi, sourceLo, 0x8100);
  writeUint16(bytes, offset + 14, tci);
  writeUint16(bytes, offset + 16, etherType);
  return ETHERNET_HEADER_LENGTH + 4;
}
