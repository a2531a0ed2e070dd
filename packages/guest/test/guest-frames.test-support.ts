import {
  ARP_REQUEST,
  fillIcmpv4Checksum,
  fillIcmpv6Checksum,
  ICMPV4_ECHO_REQUEST,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_NEIGHBOUR_SOLICITATION,
  parseIpv4Address,
  parseIpv6Address,
  writeArp,
  writeEthernetHeader,
  writeIcmpEchoHeader,
  writeIpv4Header,
  writeIpv6Header,
  writeNeighbourMessage,
  writeSolicitedNodeAddress,
} from '@vmq/wire';

import { MAC, PEER } from './guest-rig.test-support.ts';

export const ipv4 = (text: string): number => parseIpv4Address(text) as number;
export const ipv6 = (text: string): Uint8Array => parseIpv6Address(text) as Uint8Array;

export function ping4(to: string, from: string, dataLength: number): Uint8Array {
  const bytes = new Uint8Array(14 + 20 + 8 + dataLength);
  writeEthernetHeader(bytes, 0, MAC.hi, MAC.lo, PEER.hi, PEER.lo, 0x0800);
  const payloadLength = 8 + dataLength;
  writeIpv4Header(bytes, 14, { source: ipv4(from), destination: ipv4(to), protocol: 1, payloadLength });
  writeIcmpEchoHeader(bytes, 34, ICMPV4_ECHO_REQUEST, 0x1234, 9);
  for (let i = 42; i < bytes.length; i++) bytes[i] = i;
  fillIcmpv4Checksum(bytes, 34, payloadLength);
  return bytes;
}

export function ping6(to: string, from: string): Uint8Array {
  const bytes = new Uint8Array(14 + 40 + 8 + 16);
  writeEthernetHeader(bytes, 0, MAC.hi, MAC.lo, PEER.hi, PEER.lo, 0x86dd);
  writeIpv6Header(bytes, 14, {
    source: ipv6(from),
    destination: ipv6(to),
    nextHeader: 58,
    payloadLength: 24,
  });
  writeIcmpEchoHeader(bytes, 54, ICMPV6_ECHO_REQUEST, 0x77, 3);
  fillIcmpv6Checksum(bytes, 54, 24, 14);
  return bytes;
}

export function whoHas(target: string, from: string): Uint8Array {
  const bytes = new Uint8Array(60);
  writeEthernetHeader(bytes, 0, 0xffff, 0xffffffff, PEER.hi, PEER.lo, 0x0806);
  writeArp(bytes, 14, {
    operation: ARP_REQUEST,
    senderMacHi: PEER.hi,
    senderMacLo: PEER.lo,
    senderIpv4: ipv4(from),
    targetMacHi: 0,
    targetMacLo: 0,
    targetIpv4: ipv4(target),
  });
  return bytes;
}

export function solicit(target: string, from: string): Uint8Array {
  const bytes = new Uint8Array(14 + 40 + 32);
  const group = new Uint8Array(16);
  writeSolicitedNodeAddress(group, 0, ipv6(target));
  writeEthernetHeader(bytes, 0, 0x3333, 0xff000001, PEER.hi, PEER.lo, 0x86dd);
  writeIpv6Header(bytes, 14, {
    source: ipv6(from),
    destination: group,
    nextHeader: 58,
    payloadLength: 32,
    hopLimit: 255,
  });
  writeNeighbourMessage(bytes, 54, ICMPV6_NEIGHBOUR_SOLICITATION, 0, ipv6(target), PEER.hi, PEER.lo);
  fillIcmpv6Checksum(bytes, 54, 32, 14);
  return bytes;
}
