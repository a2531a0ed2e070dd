/**
 * Frames that say whose they are, so that none can be taken for another:
 *
 *   0  destination, source, [802.1Q tag]   EtherType 0x88B6 (IEEE: local experiments 2)
 *   +2 u32 mark of the VM it is for   u32 number, big-endian, then a pattern of the two up to the frame's end
 *
 * A VM's own sender (`@vmq/guest`) marks its frames in the same way under EtherType 0x88B5, with another pattern.
 */
import { SENDER_ETHERTYPE } from '@vmq/guest';
import { readUint16, readUint32, writeEthernetHeader, writeUint16, writeUint32 } from '@vmq/wire';

export const MARKED_ETHERTYPE = 0x88b6;
const VLAN_ETHERTYPE = 0x8100;

/** An address as two numbers: first two bytes, last four (unsigned). */
export interface Address {
  readonly hi: number;
  readonly lo: number;
}

/** The station beside the hosts, which sends to VMs and gets what they send. */
export const STATION: Address = { hi: 0x0200, lo: 0x0000_0009 };

/** A new frame of `length` bytes without its tag. */
export function markedFrame(
  to: Address,
  mark: number,
  number: number,
  length: number,
  vlan: number,
): Uint8Array {
  const tagBytes = vlan === 0 ? 0 : 4;
  const bytes = new Uint8Array(length + tagBytes);
  writeEthernetHeader(bytes, 0, to.hi, to.lo, STATION.hi, STATION.lo, MARKED_ETHERTYPE);
  if (vlan !== 0) {
    writeUint16(bytes, 12, VLAN_ETHERTYPE);
    writeUint16(bytes, 14, vlan);
    writeUint16(bytes, 16, MARKED_ETHERTYPE);
  }
  const at = 14 + tagBytes;
  writeUint32(bytes, at, mark);
  writeUint32(bytes, at + 4, number);
  const base = mark * 13 + number * 5;
  for (let i = 22; i < length; i++) bytes[i + tagBytes] = (base + i * 3) & 0xff;
  return bytes;
}

/** What a frame says of itself. */
export interface Mark {
  /** A VM's sender wrote it, not the station. */
  readonly isFromVm: boolean;
  readonly tagBytes: number;
  readonly vlan: number;
  readonly to: Address;
  readonly from: Address;
  readonly mark: number;
  readonly number: number;
}

/** Reads a marked frame, the station's or a VM's; null for any other frame. */
export function readMark(bytes: Uint8Array, offset: number): Mark | null {
  const tagBytes = readUint16(bytes, offset + 12) === VLAN_ETHERTYPE ? 4 : 0;
  const at = offset + 12 + tagBytes;
  const etherType = readUint16(bytes, at);
  if (etherType !== MARKED_ETHERTYPE && etherType !== SENDER_ETHERTYPE) return null;
  return {
    isFromVm: etherType === SENDER_ETHERTYPE,
    tagBytes,
    vlan: tagBytes === 0 ? 0 : readUint16(bytes, offset + 14) & 0xfff,
    to: { hi: readUint16(bytes, offset), lo: readUint32(bytes, offset + 2) },
    from: { hi: readUint16(bytes, offset + 6), lo: readUint32(bytes, offset + 8) },
    mark: readUint32(bytes, at + 2),
    number: readUint32(bytes, at + 6),
  };
}

/** The first byte of the pattern that is not as the sender wrote it, or -1; `length` is without the tag. */
export function wrongByte(mark: Mark, bytes: Uint8Array, offset: number, length: number): number {
  const [perMark, perNumber, perByte] = mark.isFromVm ? [7, 1, 1] : [13, 5, 3];
  const base = mark.mark * perMark + mark.number * perNumber;
  const start = offset + mark.tagBytes;
  for (let i = 22; i < length; i++) if (bytes[start + i] !== ((base + i * perByte) & 0xff)) return i;
  return -1;
}

export const sameAddress = (a: Address, b: Address): boolean => a.hi === b.hi && a.lo === b.lo;
