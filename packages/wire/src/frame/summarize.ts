import { ARP_REPLY, ARP_REQUEST, ArpView } from '../link/arp.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_LLDP,
  SMALLEST_ETHERTYPE,
} from '../link/ether-type.ts';
import { formatMacAddress, readMacHi, readMacLo } from '../link/mac-address.ts';
import { tciCfi, tciPriority, tciVlanId } from '../link/vlan-tag.ts';
import {
  ICMPV4_ECHO_REPLY,
  ICMPV4_ECHO_REQUEST,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  IcmpView,
} from '../network/icmp-echo.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from '../network/ip-protocol.ts';
import { Ipv4View } from '../network/ipv4.ts';
import { formatIpv4Address } from '../network/ipv4-address.ts';
import { Ipv6View } from '../network/ipv6.ts';
import { formatIpv6Address } from '../network/ipv6-address.ts';
import { Ipv6ExtensionWalk } from '../network/ipv6-extension-walk.ts';
import { ICMPV6_NEIGHBOUR_ADVERTISEMENT, NeighbourView } from '../network/neighbour-discovery.ts';
import { TcpView } from '../transport/tcp.ts';
import { UdpView } from '../transport/udp.ts';
import { readUint16 } from '../view/network-order.ts';
import { etherTypeOf, isTagType, linkHeaderLength } from './frame-classification.ts';

const SHORTEST_FRAME = 14;
/** In the order of the bits, as tcpdump prints them. */
const TCP_FLAG_LETTERS = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'W'];
const OTHER_ETHERTYPES: Readonly<Record<number, string>> = { [ETHERTYPE_LLDP]: 'LLDP' };

/**
 * One line about a frame, for people. Takes any bytes and reads no further than `length`.
 *
 * ```text
 * 02-15-5D-00-00-01 > 02-15-5D-00-00-02, vlan 5 p 3, IPv4 10.0.0.1.49152 > 10.0.0.2.80: TCP [S] seq 1 win 65535 length 0
 * ```
 */
export function summarize(bytes: Uint8Array, offset: number, length: number): string {
  if (length < SHORTEST_FRAME) return `short frame of ${length} ${length === 1 ? 'byte' : 'bytes'}`;
  const destination = formatMacAddress(readMacHi(bytes, offset), readMacLo(bytes, offset));
  const source = formatMacAddress(readMacHi(bytes, offset + 6), readMacLo(bytes, offset + 6));
  const header = linkHeaderLength(bytes, offset, length);
  const tags = summarizeTags(bytes, offset, Math.min(header, length));
  const type = etherTypeOf(bytes, offset, length);
  const rest =
    header > length
      ? '[frame ends before its EtherType]'
      : summarizePayload(bytes, offset + header, length - header, type);
  return `${source} > ${destination}, ${tags}${rest}`;
}

function summarizeTags(bytes: Uint8Array, offset: number, end: number): string {
  let text = '';
  for (let at = 12; at + 4 <= end && isTagType(readUint16(bytes, offset + at)); at += 4) {
    const tci = readUint16(bytes, offset + at + 2);
    text += `vlan ${tciVlanId(tci)}`;
    if (tciPriority(tci) !== 0) text += ` p ${tciPriority(tci)}`;
    if (tciCfi(tci) !== 0) text += ' DEI';
    text += ', ';
  }
  return text;
}

function summarizePayload(bytes: Uint8Array, offset: number, length: number, etherType: number): string {
  switch (etherType) {
    case ETHERTYPE_IPV4:
      return summarizeIpv4(bytes, offset, length);
    case ETHERTYPE_IPV6:
      return summarizeIpv6(bytes, offset, length);
    case ETHERTYPE_ARP:
      return summarizeArp(bytes, offset, length);
    default:
      if (etherType < SMALLEST_ETHERTYPE) return `802.3 length ${etherType}`;
      return `${OTHER_ETHERTYPES[etherType] ?? `ethertype 0x${etherType.toString(16).padStart(4, '0')}`} length ${length}`;
  }
}

function summarizeArp(bytes: Uint8Array, offset: number, length: number): string {
  const arp = new ArpView();
  const refusal = arp.checked(bytes, offset, length);
  if (refusal !== null) return `ARP [${refusal}]`;
  const sender = formatIpv4Address(arp.senderIpv4);
  const target = formatIpv4Address(arp.targetIpv4);
  if (arp.operation === ARP_REQUEST) return `ARP who-has ${target} tell ${sender}`;
  if (arp.operation !== ARP_REPLY) return `ARP operation ${arp.operation}`;
  return `ARP ${sender} is-at ${formatMacAddress(arp.senderMacHi, arp.senderMacLo)}`;
}

function summarizeIpv4(bytes: Uint8Array, offset: number, length: number): string {
  const ip = new Ipv4View();
  const refusal = ip.checked(bytes, offset, length);
  if (refusal !== null) return `IPv4 [${refusal}]`;
  const source = formatIpv4Address(ip.source);
  const destination = formatIpv4Address(ip.destination);
  if (ip.fragmentOffset !== 0) {
    return `IPv4 ${source} > ${destination}: fragment of protocol ${ip.protocol} at ${ip.fragmentOffset} length ${ip.payloadLength}`;
  }
  const upper = summarizeUpper(bytes, {
    offset: ip.payloadOffset,
    length: ip.payloadLength,
    protocol: ip.protocol,
    source,
    destination,
    cut: ip.moreFragments,
  });
  return `IPv4 ${upper}`;
}

function summarizeIpv6(bytes: Uint8Array, offset: number, length: number): string {
  const ip = new Ipv6View();
  const refusal = ip.checked(bytes, offset, length);
  if (refusal !== null) return `IPv6 [${refusal}]`;
  const source = formatIpv6Address(bytes, ip.sourceOffset);
  const destination = formatIpv6Address(bytes, ip.destinationOffset);
  const walk = new Ipv6ExtensionWalk();
  const end = walk.walk(bytes, ip.payloadOffset, ip.payloadLength, ip.nextHeader);
  if (end === 'fragment') {
    return `IPv6 ${source} > ${destination}: fragment of protocol ${walk.protocol} at ${walk.fragmentOffset} length ${walk.length}`;
  }
  if (end !== 'upper-layer') return `IPv6 ${source} > ${destination}: extension headers [${end}]`;
  const upper = summarizeUpper(bytes, {
    offset: walk.offset,
    length: walk.length,
    protocol: walk.protocol,
    source,
    destination,
    cut: walk.isFragment,
  });
  return `IPv6 ${upper}`;
}

interface UpperLayer {
  readonly offset: number;
  readonly length: number;
  readonly protocol: number;
  /** The hosts' addresses as text. */
  readonly source: string;
  readonly destination: string;
  /** The first of several fragments, whose header may name more data than there is. */
  readonly cut: boolean;
}

function summarizeUpper(bytes: Uint8Array, upper: UpperLayer): string {
  const { offset, length, protocol, source, destination, cut } = upper;
  const hosts = `${source} > ${destination}`;
  const mark = cut ? ' first fragment' : '';
  switch (protocol) {
    case IPPROTO_TCP: {
      const tcp = new TcpView();
      const refusal = tcp.checked(bytes, offset, length);
      if (refusal !== null) return `${hosts}: TCP${mark} [${refusal}]`;
      const flags = TCP_FLAG_LETTERS.filter((_, bit) => ((tcp.flags >>> bit) & 1) !== 0).join('') || 'none';
      const ack = flags.includes('.') ? ` ack ${tcp.acknowledgmentNumber}` : '';
      return `${source}.${tcp.sourcePort} > ${destination}.${tcp.destinationPort}: TCP${mark} [${flags}] seq ${tcp.sequenceNumber}${ack} win ${tcp.window} length ${tcp.payloadLength}`;
    }
    case IPPROTO_UDP: {
      const udp = new UdpView();
      const refusal = udp.checked(bytes, offset, length);
      if (refusal !== null && !(cut && refusal === 'bad-total-length'))
        return `${hosts}: UDP${mark} [${refusal}]`;
      return `${source}.${udp.sourcePort} > ${destination}.${udp.destinationPort}: UDP${mark} length ${udp.payloadLength}`;
    }
    case IPPROTO_ICMP:
      return `${hosts}: ICMP${mark} ${summarizeIcmp(bytes, offset, length, ICMPV4_ECHO_REQUEST, ICMPV4_ECHO_REPLY)}`;
    case IPPROTO_ICMPV6: {
      const neighbour = new NeighbourView();
      if (neighbour.checked(bytes, offset, length) === null) {
        const target = formatIpv6Address(bytes, neighbour.targetOffset);
        const isAnswer = neighbour.type === ICMPV6_NEIGHBOUR_ADVERTISEMENT;
        return `${hosts}: ICMPv6${mark} ${isAnswer ? 'neighbour advertisement of' : 'neighbour solicitation for'} ${target}`;
      }
      return `${hosts}: ICMPv6${mark} ${summarizeIcmp(bytes, offset, length, ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY)}`;
    }
    default:
      return `${hosts}: protocol ${protocol}${mark} length ${length}`;
  }
}

function summarizeIcmp(
  bytes: Uint8Array,
  offset: number,
  length: number,
  requestType: number,
  replyType: number,
): string {
  const icmp = new IcmpView();
  const refusal = icmp.checked(bytes, offset, length);
  if (refusal !== null) return `[${refusal}]`;
  const { type } = icmp;
  if (type !== requestType && type !== replyType) return `type ${type} code ${icmp.code} length ${length}`;
  const name = type === requestType ? 'echo request' : 'echo reply';
  return `${name} id ${icmp.identifier} seq ${icmp.sequenceNumber} length ${length}`;
}
