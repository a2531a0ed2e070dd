import { readUint16, writeUint16 } from '../view/network-order.ts';

/**
 * 802.1Q tag: four bytes between the source address and the EtherType they tag.
 *
 * ```text
 *   | tag type 0x8100 (16) | priority (3) | CFI/DEI (1) | VLAN id (12) |
 *                          '------------- TCI -------------------------'
 * ```
 */
export const VLAN_TAG_LENGTH = 4;
/** Highest VLAN id a port or filter may have; 0 means "priority only", 4095 is reserved. */
export const LARGEST_VLAN_ID = 4094;

/** Tag control information from its parts: priority 0 … 7, CFI (today DEI) 0 or 1, VLAN id 0 … 4095. */
export function makeTci(priority: number, cfi: number, vlanId: number): number {
  return ((priority & 7) << 13) | ((cfi & 1) << 12) | (vlanId & 0xfff);
}

export function tciPriority(tci: number): number {
  return (tci >>> 13) & 7;
}

/** Canonical format indicator in NDIS's words; drop eligible indicator in today's 802.1Q. */
export function tciCfi(tci: number): number {
  return (tci >>> 12) & 1;
}

export function tciVlanId(tci: number): number {
  return tci & 0xfff;
}

/** Writes tag type and TCI; returns 4. */
export function writeVlanTag(
  bytes: Uint8Array,
  offset: number,
  tci: number,
  tagType: number = 0x8100,
): number {
  writeUint16(bytes, offset, tagType);
  writeUint16(bytes, offset + 2, tci);
  return VLAN_TAG_LENGTH;
}

/**
 * Puts a tag into the frame of `length` bytes at `offset`; the array must have room for four more. Returns the new length.
 */
export function insertVlanTag(bytes: Uint8Array, offset: number, length: number, tci: number): number {
  bytes.copyWithin(offset + 16, offset + 12, offset + length);
  writeVlanTag(bytes, offset + 12, tci);
  return length + VLAN_TAG_LENGTH;
}

/**
 * Takes the outermost tag out of a tagged frame by moving what follows it forward. Returns the new length; the TCI is to be
 * read before (`readTci`).
 */
export function removeVlanTag(bytes: Uint8Array, offset: number, length: number): number {
  bytes.copyWithin(offset + 12, offset + 16, offset + length);
  return length - VLAN_TAG_LENGTH;
}

/** TCI of the outermost tag of the tagged frame at `offset`. */
export function readTci(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset + 14);
}
