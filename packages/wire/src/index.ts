/**
 * What goes over the wire: frames of Ethernet, 802.1Q, ARP, IPv4, IPv6, ICMP, UDP and TCP, as bytes in an array at an offset.
 *
 * *Views* read headers where they stand and never judge; their `checked` says by name why some bytes are no such header.
 * *Emitters* (`write…`) put headers into the caller's array and return the length. Neither makes an object per frame.
 * Beside them: checksums, the RSS hash, what a NIC or switch asks of every frame ({@link FrameLayout}, {@link etherTypeOf},
 * {@link isTagged} …) and a line about a frame for people ({@link summarize}).
 *
 * MAC addresses are two numbers everywhere, see {@link MacAddress}; IPv4 addresses one unsigned number; IPv6 addresses 16 bytes.
 *
 * @packageDocumentation
 */

export {
  fillChecksum,
  fillIcmpv4Checksum,
  fillIcmpv6Checksum,
  fillIpv4HeaderChecksum,
  fillTcpChecksum,
  fillUdpChecksum,
  foldSum,
  hasUdpChecksum,
  internetChecksum,
  isChecksumRight,
  pseudoHeaderSumOfIpv4,
  pseudoHeaderSumV4,
  pseudoHeaderSumV6,
  sumRange,
  updateChecksum,
  updateChecksum32,
} from './checksum/checksum.ts';
export { RSS_KEY_LENGTH, ToeplitzTable, toeplitzHash } from './checksum/toeplitz.ts';
export {
  fillFrameNetworkChecksum,
  fillFrameTransportChecksum,
  IPV4_CHECKSUM_BAD,
  IPV4_CHECKSUM_GOOD,
  TCP_CHECKSUM_BAD,
  TCP_CHECKSUM_GOOD,
  UDP_CHECKSUM_BAD,
  UDP_CHECKSUM_GOOD,
  verifyFrameChecksums,
} from './frame/frame-checksums.ts';
export {
  etherTypeOf,
  isTagged,
  isTagType,
  linkHeaderLength,
  NO_ETHERTYPE,
  vlanIdOf,
} from './frame/frame-classification.ts';
export { FrameLayout, NO_TRANSPORT } from './frame/frame-layout.ts';
export { summarize } from './frame/summarize.ts';
export { ARP_LENGTH, ARP_REPLY, ARP_REQUEST, type ArpFields, ArpView, writeArp } from './link/arp.ts';
export {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_LLDP,
  ETHERTYPE_QINQ,
  ETHERTYPE_QINQ_OLD,
  ETHERTYPE_VLAN,
  SMALLEST_ETHERTYPE,
} from './link/ether-type.ts';
export {
  ETHERNET_HEADER_LENGTH,
  ETHERNET_MAX_FRAME_LENGTH,
  ETHERNET_MIN_FRAME_LENGTH,
  EthernetView,
  writeEthernetHeader,
  writeTaggedEthernetHeader,
} from './link/ethernet.ts';
export {
  BROADCAST_MAC_HI,
  BROADCAST_MAC_LO,
  formatMacAddress,
  isBroadcastMac,
  isGroupMac,
  isLocallyAdministeredMac,
  isZeroMac,
  MAC_ADDRESS_LENGTH,
  type MacAddress,
  parseMacAddress,
  readMacHi,
  readMacLo,
  writeMacAddress,
} from './link/mac-address.ts';
export {
  insertVlanTag,
  LARGEST_VLAN_ID,
  makeTci,
  readTci,
  removeVlanTag,
  tciCfi,
  tciPriority,
  tciVlanId,
  VLAN_TAG_LENGTH,
  writeVlanTag,
} from './link/vlan-tag.ts';
export {
  ICMP_ECHO_HEADER_LENGTH,
  ICMPV4_ECHO_REPLY,
  ICMPV4_ECHO_REQUEST,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  IcmpView,
  writeIcmpEchoHeader,
} from './network/icmp-echo.ts';
export {
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_ESP,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  IPPROTO_MOBILITY,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from './network/ip-protocol.ts';
export { IPV4_HEADER_LENGTH, type Ipv4Fields, Ipv4View, writeIpv4Header } from './network/ipv4.ts';
export { formatIpv4Address, parseIpv4Address } from './network/ipv4-address.ts';
export { IPV6_HEADER_LENGTH, type Ipv6Fields, Ipv6View, writeIpv6Header } from './network/ipv6.ts';
export { formatIpv6Address, IPV6_ADDRESS_LENGTH, parseIpv6Address } from './network/ipv6-address.ts';
export {
  Ipv6ExtensionWalk,
  type Ipv6WalkEnd,
  MAX_IPV6_EXTENSION_HEADERS,
} from './network/ipv6-extension-walk.ts';
export {
  ICMPV6_NEIGHBOUR_ADVERTISEMENT,
  ICMPV6_NEIGHBOUR_SOLICITATION,
  LINK_LAYER_OPTION_LENGTH,
  NA_OVERRIDE,
  NA_ROUTER,
  NA_SOLICITED,
  ND_OPTION_SOURCE_LINK_LAYER,
  ND_OPTION_TARGET_LINK_LAYER,
  NEIGHBOUR_MESSAGE_LENGTH,
  NeighbourOptionWalk,
  NeighbourView,
  writeNeighbourMessage,
  writeSolicitedNodeAddress,
} from './network/neighbour-discovery.ts';
export {
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_FIN,
  TCP_HEADER_LENGTH,
  TCP_OPTION_MAXIMUM_SEGMENT_SIZE,
  TCP_OPTION_SACK,
  TCP_OPTION_SACK_PERMITTED,
  TCP_OPTION_TIMESTAMPS,
  TCP_OPTION_WINDOW_SCALE,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
  type TcpFields,
  TcpView,
  writeTcpHeader,
} from './transport/tcp.ts';
export { UDP_HEADER_LENGTH, UdpView, writeUdpHeader } from './transport/udp.ts';
export { HeaderView } from './view/header-view.ts';
export { readUint16, readUint32, writeUint16, writeUint32 } from './view/network-order.ts';
export { OptionWalk } from './view/option-walk.ts';
export type { WireRefusal } from './view/refusal.ts';
