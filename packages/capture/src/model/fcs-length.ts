/**
 * Where a file says that packets carry their frame check sequence at the end, and in which unit:
 *
 * | place | unit | found as well |
 * |-|-|-|
 * | pcapng, `if_fcslen` of the interface | bits (32 for Ethernet) | bytes: for years Wireshark took it for them |
 * | pcapng, bits 5 to 8 of `epb_flags` (a packet's own, stronger) | bytes | |
 * | pcap, bits 28 to 31 of the file header's last word | 16 bits (2 for Ethernet) | bytes |
 *
 * No link's check sequence is longer than {@link LONGEST_FCS} bytes or shorter than 8 bits, so the units cannot be mistaken.
 */

/** Ethernet's is 4 bytes. */
export const LONGEST_FCS = 7;

/** Bytes by the value of `if_fcslen`; `null` for one that is no length in bits or in bytes. */
export function fcsLengthOfInterface(value: number): number | null {
  if (value <= LONGEST_FCS) return value;
  return (value & 7) === 0 && value >>> 3 <= LONGEST_FCS ? value >>> 3 : null;
}

/** Bytes by the four bits in a pcap header; `null` for a value that is no length in either unit. */
export function fcsLengthOfFileHeader(value: number): number | null {
  if (value * 2 <= LONGEST_FCS) return value * 2;
  return value <= LONGEST_FCS ? value : null;
}

/** Bytes by a packet's flags (`epb_flags`); 0 = they do not say. */
export function fcsLengthOfFlags(flags: number): number {
  return (flags >>> 5) & 0xf;
}
