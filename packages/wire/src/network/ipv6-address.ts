import { readUint16, writeUint16 } from '../view/network-order.ts';
import { formatIpv4Address, parseIpv4Address } from './ipv4-address.ts';

/** An IPv6 address is 16 bytes in network order, in an array at an offset. */
export const IPV6_ADDRESS_LENGTH = 16;

const GROUPS = 8;
const GROUP = /^[0-9a-f]{1,4}$/i;

/** Reads colon groups into numbers; the last one may be dotted IPv4 where `mayEndDotted`. */
function parseGroups(text: string, mayEndDotted: boolean): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (GROUP.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const dotted = mayEndDotted && i === parts.length - 1 ? parseIpv4Address(part) : null;
    if (dotted === null) return null;
    groups.push(dotted >>> 16, dotted & 0xffff);
  }
  return groups;
}

/** All forms of RFC 4291 section 2.2, without zone; `null` for anything else. */
export function parseIpv6Address(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const compressed = halves.length === 2;
  const head = parseGroups(halves[0]!, !compressed);
  const tail = compressed ? parseGroups(halves[1]!, true) : [];
  if (head === null || tail === null) return null;
  const missing = GROUPS - head.length - tail.length;
  if (compressed ? missing < 1 : missing !== 0) return null;
  const bytes = new Uint8Array(IPV6_ADDRESS_LENGTH);
  for (const [i, group] of head.entries()) writeUint16(bytes, i * 2, group);
  for (const [i, group] of tail.entries()) writeUint16(bytes, (GROUPS - tail.length + i) * 2, group);
  return bytes;
}

/** The form of RFC 5952: lower case, no leading zeros, the longest run of zero groups as `::`. */
export function formatIpv6Address(bytes: Uint8Array, offset = 0): string {
  const groups: number[] = [];
  for (let i = 0; i < GROUPS; i++) groups.push(readUint16(bytes, offset + i * 2));
  // Only the IPv4-mapped prefix is sure to hold an IPv4 address.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatIpv4Address(groups[6]! * 0x1_0000 + groups[7]!)}`;
  }
  let runStart = 0;
  let runLength = 1; // A single zero group is not shortened.
  for (let i = 0; i < GROUPS; ) {
    let end = i;
    while (end < GROUPS && groups[end] === 0) end++;
    if (end - i > runLength) {
      runStart = i;
      runLength = end - i;
    }
    i = end + 1;
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (runLength === 1) return hex(groups);
  return `${hex(groups.slice(0, runStart))}::${hex(groups.slice(runStart + runLength))}`;
}
