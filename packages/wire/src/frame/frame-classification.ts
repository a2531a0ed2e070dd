import { readUint16 } from '../view/network-order.ts';

/*
 * The questions a NIC or switch asks of every frame, each a few loads. Addresses: `readMacHi(bytes, offset)` and
 * `readMacLo` for the destination, the same at `offset + 6` for the source.
 */

const VLAN = 0x8100;
const QINQ = 0x88a8;
const QINQ_OLD = 0x9100;
const ADDRESSES_LENGTH = 12;
const HEADER_LENGTH = 14;
const TAGGED_HEADER_LENGTH = 18;

/** Answer of `etherTypeOf` for frames that end before one. */
export const NO_ETHERTYPE = -1;

/** True for 0x8100, 0x88a8 and 0x9100. */
export function isTagType(etherType: number): boolean {
  return etherType === VLAN || etherType === QINQ || etherType === QINQ_OLD;
}

/** Whether the frame carries an 802.1Q tag (type 0x8100) outermost, in full. */
export function isTagged(bytes: Uint8Array, offset: number, length: number): boolean {
  return (
    length >= TAGGED_HEADER_LENGTH &&
    bytes[offset + ADDRESSES_LENGTH] === 0x81 &&
    bytes[offset + ADDRESSES_LENGTH + 1] === 0x00
  );
}

/** VLAN id of the outermost 802.1Q tag; 0 for an untagged frame, which every 802.1Q rule treats as VLAN 0. */
export function vlanIdOf(bytes: Uint8Array, offset: number, length: number): number {
  return isTagged(bytes, offset, length) ? readUint16(bytes, offset + HEADER_LENGTH) & 0xfff : 0;
}

/**
 * Length of addresses, tags (any number of the three types) and EtherType together, 14 for an untagged frame: where the
 * payload starts. More than `length` when the frame ends inside.
 */
export function linkHeaderLength(bytes: Uint8Array, offset: number, length: number): number {
  let header = HEADER_LENGTH;
  while (header <= length && isTagType(readUint16(bytes, offset + header - 2))) header += 4;
  return header;
}

/** EtherType (or 802.3 length) behind all tags; `NO_ETHERTYPE` when the frame ends before it. */
export function etherTypeOf(bytes: Uint8Array, offset: number, length: number): number {
  const header = linkHeaderLength(bytes, offset, length);
  return header <= length ? readUint16(bytes, offset + header - 2) : NO_ETHERTYPE;
}
