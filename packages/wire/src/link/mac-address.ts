import { readUint16, readUint32, writeUint16, writeUint32 } from '../view/network-order.ts';

/**
 * A MAC address is two numbers in all of this project, so that it costs no object, string or BigInt:
 *
 * ```text
 *   02-15-5D-01-02-03
 *   '-+-' '----+----'
 *   macHi    macLo        macHi = 0x0215        first two bytes,  0 … 0xffff
 *                         macLo = 0x5d010203    last four bytes,  0 … 0xffffffff, always unsigned
 * ```
 */
export interface MacAddress {
  readonly hi: number;
  readonly lo: number;
}

/** Bytes in a MAC address. */
export const MAC_ADDRESS_LENGTH = 6;
export const BROADCAST_MAC_HI = 0xffff;
export const BROADCAST_MAC_LO = 0xffff_ffff;

const SIX_PAIRS = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}$/i;
const THREE_GROUPS = /^[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}$/i;
const TWELVE_DIGITS = /^[0-9a-f]{12}$/i;

/**
 * Takes `02-15-5D-01-02-03`, `02:15:5d:01:02:03`, `0215.5d01.0203` (as Cisco's switches print it) and `02155D010203`
 * (as Hyper-V's cmdlets do); `null` for anything else.
 */
export function parseMacAddress(text: string): MacAddress | null {
  if (![SIX_PAIRS, THREE_GROUPS, TWELVE_DIGITS].some((form) => form.test(text))) return null;
  const digits = text.replace(/[:.-]/g, '');
  return { hi: Number.parseInt(digits.slice(0, 4), 16), lo: Number.parseInt(digits.slice(4), 16) };
}

/** With `-` (the default) as Windows prints it, upper case; with `:` lower case, as everyone else does. */
export function formatMacAddress(macHi: number, macLo: number, separator: '-' | ':' = '-'): string {
  const digits = macHi.toString(16).padStart(4, '0') + (macLo >>> 0).toString(16).padStart(8, '0');
  const pairs = digits.replace(/..(?!$)/g, `$&${separator}`);
  return separator === '-' ? pairs.toUpperCase() : pairs;
}

/** First two bytes of the address at `offset`. */
export function readMacHi(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset);
}

/** Last four bytes of the address that starts at `offset`. */
export function readMacLo(bytes: Uint8Array, offset: number): number {
  return readUint32(bytes, offset + 2);
}

/** Writes six bytes. */
export function writeMacAddress(bytes: Uint8Array, offset: number, macHi: number, macLo: number): void {
  writeUint16(bytes, offset, macHi);
  writeUint32(bytes, offset + 2, macLo);
}

/** Multicast or broadcast: the lowest bit of the first byte. */
export function isGroupMac(macHi: number): boolean {
  return (macHi & 0x0100) !== 0;
}

export function isBroadcastMac(macHi: number, macLo: number): boolean {
  return macHi === 0xffff && macLo >>> 0 === 0xffff_ffff;
}

/** Given by software rather than by the maker: the second-lowest bit of the first byte. */
export function isLocallyAdministeredMac(macHi: number): boolean {
  return (macHi & 0x0200) !== 0;
}

export function isZeroMac(macHi: number, macLo: number): boolean {
  return (macHi | macLo) === 0;
}
