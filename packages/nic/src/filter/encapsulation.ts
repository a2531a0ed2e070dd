/**
 * NVGRE (RFC 7637): where the frame inside a frame begins.
 *
 *   outer Ethernet [802.1Q] │ IPv4 or IPv6, protocol 47 │ GRE: key present, type 6558, 8 bytes │ inner Ethernet …
 *
 * With RCTL.NVGRE the filter table is asked about the inner destination. The VLAN is the outer tag's in any case:
 * an inner frame of NVGRE has none. What is not exactly this (fragments, IPv6 extension headers, GRE with checksum or
 * sequence number, no room for an inner header) has no inner frame.
 */

const ETHERTYPE = 12;
const ETHERNET_BYTES = 14;
const IPV4 = 0x0800;
const IPV4_BYTES = 20;
const IPV6 = 0x86dd;
const IPV6_BYTES = 40;
const GRE = 47;
/** Flags and version: the key is there, nothing else. */
const NVGRE_FLAGS = 0x2000;
const TRANSPARENT_ETHERNET = 0x6558;
const GRE_BYTES = 8;

/**
 * Offset of the inner Ethernet header of a frame that ends at `end`, or -1. `body` is where the frame would begin had it no
 * tag. The header begins two bytes behind a multiple of four if `body` is one.
 */
export function innerFrame(bytes: Uint8Array, body: number, end: number): number {
  const type = pairAt(bytes, body + ETHERTYPE);
  const ip = body + ETHERNET_BYTES;
  if (type === IPV4) {
    if (ip + IPV4_BYTES > end || bytes[ip + 9] !== GRE) return -1;
    const header = (bytes[ip] & 15) << 2;
    const total = pairAt(bytes, ip + 2);
    const isWhole = (pairAt(bytes, ip + 6) & 0x3fff) === 0;
    if (bytes[ip] >> 4 !== 4 || header < IPV4_BYTES || !isWhole || ip + total > end) return -1;
    return behindGre(bytes, ip + header, ip + total);
  }
  if (type !== IPV6 || ip + IPV6_BYTES > end || bytes[ip + 6] !== GRE || bytes[ip] >> 4 !== 6) return -1;
  const total = IPV6_BYTES + pairAt(bytes, ip + 4);
  return ip + total > end ? -1 : behindGre(bytes, ip + IPV6_BYTES, ip + total);
}

function behindGre(bytes: Uint8Array, gre: number, end: number): number {
  const inner = gre + GRE_BYTES;
  if (inner + ETHERNET_BYTES > end) return -1;
  return pairAt(bytes, gre) === NVGRE_FLAGS && pairAt(bytes, gre + 2) === TRANSPARENT_ETHERNET ? inner : -1;
}

function pairAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}
