/**
 * What the new host of a VM says on its behalf, so that switches and neighbours learn where it is now.
 *
 *   always        RARP request for its own MAC (RFC 903): any frame from the new place teaches switches; this one
 *                 needs no IP address
 *   per IPv4      gratuitous ARP request: sender and target the same address (RFC 5227, ARP announcement)
 *   per IPv6      unsolicited neighbour advertisement to all nodes (RFC 4861, 7.2.6), override set
 */

import type { VmConfig } from '@vmq/host';
import {
  ARP_REQUEST,
  fillIcmpv6Checksum,
  ICMPV6_NEIGHBOUR_ADVERTISEMENT,
  NA_OVERRIDE,
  parseIpv4Address,
  parseIpv6Address,
  parseMacAddress,
  writeArp,
  writeEthernetHeader,
  writeIpv6Header,
  writeNeighbourMessage,
} from '@vmq/wire';

const ETHERNET = 14;
const SHORTEST_FRAME = 60;
const ARP = 0x0806;
const RARP = 0x8035;
const IPV6 = 0x86dd;
const RARP_REQUEST = 3;
const ICMPV6 = 58;
const ALL_NODES: Uint8Array = parseIpv6Address('ff02::1') as Uint8Array;

/** The frames, without tag: the port adds what it has to. */
export function announcementFrames(vm: VmConfig): Uint8Array[] {
  const mac = parseMacAddress(vm.mac);
  if (mac === null) return [];
  const { hi, lo } = mac;
  const arp = (type: number, operation: number, ipv4: number): Uint8Array => {
    const bytes = new Uint8Array(SHORTEST_FRAME);
    writeEthernetHeader(bytes, 0, 0xffff, 0xffff_ffff, hi, lo, type);
    writeArp(bytes, ETHERNET, {
      operation,
      senderMacHi: hi,
      senderMacLo: lo,
      senderIpv4: ipv4,
      targetMacHi: type === RARP ? hi : 0,
      targetMacLo: type === RARP ? lo : 0,
      targetIpv4: ipv4,
    });
    return bytes;
  };
  const frames = [arp(RARP, RARP_REQUEST, 0)];
  for (const text of vm.addresses) {
    const ipv4 = parseIpv4Address(text);
    const ipv6 = ipv4 === null ? parseIpv6Address(text) : null;
    if (ipv4 !== null) frames.push(arp(ARP, ARP_REQUEST, ipv4));
    if (ipv6 !== null) frames.push(advertisement(ipv6, hi, lo));
  }
  return frames;
}

function advertisement(address: Uint8Array, hi: number, lo: number): Uint8Array {
  const bytes = new Uint8Array(ETHERNET + 40 + 32);
  writeEthernetHeader(bytes, 0, 0x3333, 0x0000_0001, hi, lo, IPV6);
  writeIpv6Header(bytes, ETHERNET, {
    source: address,
    destination: ALL_NODES,
    nextHeader: ICMPV6,
    payloadLength: 32,
    hopLimit: 255,
  });
  const at = ETHERNET + 40;
  writeNeighbourMessage(bytes, at, ICMPV6_NEIGHBOUR_ADVERTISEMENT, NA_OVERRIDE, address, hi, lo);
  fillIcmpv6Checksum(bytes, at, 32, ETHERNET);
  return bytes;
}
