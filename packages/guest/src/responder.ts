/**
 * A small IP host: answers ARP, neighbour solicitations and echo requests of both versions, nothing else.
 *
 *   ARP request for a known address          -> ARP reply
 *   ICMP / ICMPv6 echo request to this MAC   -> echo reply
 *   neighbour solicitation for a known one   -> neighbour advertisement, solicited
 *
 * Known are the configured addresses and, with `answer: 'any'`, those seen as destination of frames to this MAC.
 * Replies are written straight into a section of the send buffer, with the tag the request came with.
 */
import {
  ARP_REPLY,
  ARP_REQUEST,
  ArpView,
  fillIcmpv4Checksum,
  fillIcmpv6Checksum,
  fillIpv4HeaderChecksum,
  ICMPV4_ECHO_REPLY,
  ICMPV4_ECHO_REQUEST,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_NEIGHBOUR_ADVERTISEMENT,
  ICMPV6_NEIGHBOUR_SOLICITATION,
  Ipv4View,
  Ipv6View,
  isGroupMac,
  NA_OVERRIDE,
  NA_SOLICITED,
  parseIpv4Address,
  parseIpv6Address,
  readMacHi,
  readMacLo,
  readUint16,
  writeArp,
  writeEthernetHeader,
  writeIpv6Header,
  writeMacAddress,
  writeNeighbourMessage,
  writeUint32,
} from '@vmq/wire';
import type { ResponderConfig } from './endpoint-config.ts';
import type { FramePort } from './frame-port.ts';

const ETHERNET = 14;
const ARP = 0x0806;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const ICMP = 1;
const ICMPV6 = 58;
/** Addresses remembered of each version. */
const MAX_ADDRESSES = 64;
const SHORTEST_FRAME = 60;

export class Responder {
  /** Replies written. */
  replies = 0;
  readonly #ipv4 = new Uint32Array(MAX_ADDRESSES);
  #ipv4Count = 0;
  /** 16 bytes each. */
  readonly #ipv6 = new Uint8Array(MAX_ADDRESSES * 16);
  #ipv6Count = 0;
  readonly #any: boolean;
  readonly #arp = new ArpView();
  readonly #ip4 = new Ipv4View();
  readonly #ip6 = new Ipv6View();
  readonly #source = new Uint8Array(16);
  readonly #destination = new Uint8Array(16);

  constructor(config: ResponderConfig) {
    this.#any = config.answer === 'any';
    for (const text of config.ipv4 ?? []) {
      const address = parseIpv4Address(text);
      if (address === null) throw new Error(`guest responder: '${text}' is no IPv4 address`);
      this.#learnIpv4(address);
    }
    for (const text of config.ipv6 ?? []) {
      const address = parseIpv6Address(text);
      if (address === null) throw new Error(`guest responder: '${text}' is no IPv6 address`);
      this.#learnIpv6(address, 0);
    }
  }

  /** Looks at a received frame and answers it. `port.reserve()` must have room: the caller has made sure. */
  frame(port: FramePort, offset: number, length: number, tci: number): void {
    if (length < ETHERNET + 20) return;
    const bytes = port.segment.u8;
    const hi = readMacHi(bytes, offset);
    const own = hi === port.macHi && readMacLo(bytes, offset) === port.macLo;
    if (!own && !isGroupMac(hi)) return;
    const type = readUint16(bytes, offset + 12);
    let reply = 0;
    if (type === IPV4) reply = own ? this.#echo4(port, offset, length) : 0;
    else if (type === ARP) reply = this.#arpRequest(port, offset, length);
    else if (type === IPV6) reply = this.#icmp6(port, offset, length, own);
    if (reply === 0) return;
    this.replies++;
    port.commit(reply, tci);
  }

  #arpRequest(port: FramePort, offset: number, length: number): number {
    const bytes = port.segment.u8;
    const arp = this.#arp;
    if (arp.checked(bytes, offset + ETHERNET, length - ETHERNET) !== null) return 0;
    if (arp.operation !== ARP_REQUEST || !this.#knowsIpv4(arp.targetIpv4)) return 0;
    const at = this.#begin(port, arp.senderMacHi, arp.senderMacLo, ARP);
    writeArp(bytes, at + ETHERNET, {
      operation: ARP_REPLY,
      senderMacHi: port.macHi,
      senderMacLo: port.macLo,
      senderIpv4: arp.targetIpv4,
      targetMacHi: arp.senderMacHi,
      targetMacLo: arp.senderMacLo,
      targetIpv4: arp.senderIpv4,
    });
    bytes.fill(0, at + ETHERNET + 28, at + SHORTEST_FRAME);
    return SHORTEST_FRAME;
  }

  #echo4(port: FramePort, offset: number, length: number): number {
    const bytes = port.segment.u8;
    const ip = this.#ip4;
    if (ip.checked(bytes, offset + ETHERNET, length - ETHERNET) !== null) return 0;
    const { source, destination, headerLength, payloadLength } = ip;
    if (this.#any) this.#learnIpv4(destination);
    if (ip.protocol !== ICMP || ip.isFragment || payloadLength < 8) return 0;
    if (bytes[ip.payloadOffset] !== ICMPV4_ECHO_REQUEST || !this.#knowsIpv4(destination)) return 0;
    const at = this.#mirror(port, offset, length);
    const header = at + ETHERNET;
    bytes[header + 8] = 64; // a fresh time to live
    writeUint32(bytes, header + 12, destination);
    writeUint32(bytes, header + 16, source);
    fillIpv4HeaderChecksum(bytes, header, headerLength);
    bytes[header + headerLength] = ICMPV4_ECHO_REPLY;
    fillIcmpv4Checksum(bytes, header + headerLength, payloadLength);
    return length;
  }

  #icmp6(port: FramePort, offset: number, length: number, own: boolean): number {
    const bytes = port.segment.u8;
    const ip = this.#ip6;
    if (ip.checked(bytes, offset + ETHERNET, length - ETHERNET) !== null) return 0;
    const { payloadOffset, payloadLength, sourceOffset, destinationOffset } = ip;
    if (this.#any && own && bytes[destinationOffset] !== 0xff) this.#learnIpv6(bytes, destinationOffset);
    if (ip.nextHeader !== ICMPV6 || payloadLength < 8) return 0;
    const type = bytes[payloadOffset] as number;
    if (type === ICMPV6_NEIGHBOUR_SOLICITATION && payloadLength >= 24) {
      return this.#advertise(port, offset, sourceOffset, payloadOffset + 8);
    }
    if (type !== ICMPV6_ECHO_REQUEST || !own || !this.#knowsIpv6(bytes, destinationOffset)) return 0;
    const at = this.#mirror(port, offset, length);
    const header = at + ETHERNET;
    bytes[header + 7] = 64;
    for (let i = 0; i < 16; i++) {
      bytes[header + 8 + i] = bytes[destinationOffset + i] as number;
      bytes[header + 24 + i] = bytes[sourceOffset + i] as number;
    }
    bytes[header + 40] = ICMPV6_ECHO_REPLY;
    fillIcmpv6Checksum(bytes, header + 40, payloadLength, header);
    return length;
  }

  #advertise(port: FramePort, offset: number, sourceOffset: number, targetOffset: number): number {
    const bytes = port.segment.u8;
    if (!this.#knowsIpv6(bytes, targetOffset)) return 0;
    for (let i = 0; i < 16; i++) {
      this.#source[i] = bytes[targetOffset + i] as number;
      this.#destination[i] = bytes[sourceOffset + i] as number;
    }
    // A solicitation from the unspecified address asks whether the target is taken: no one to answer but all.
    if (this.#destination.every((byte) => byte === 0)) return 0;
    const at = this.#begin(port, readMacHi(bytes, offset + 6), readMacLo(bytes, offset + 6), IPV6);
    const header = at + ETHERNET;
    writeIpv6Header(bytes, header, {
      source: this.#source,
      destination: this.#destination,
      nextHeader: ICMPV6,
      payloadLength: 32,
      hopLimit: 255,
    });
    const flags = NA_SOLICITED | NA_OVERRIDE;
    writeNeighbourMessage(
      bytes,
      header + 40,
      ICMPV6_NEIGHBOUR_ADVERTISEMENT,
      flags,
      this.#source,
      port.macHi,
      port.macLo,
    );
    fillIcmpv6Checksum(bytes, header + 40, 32, header);
    return ETHERNET + 40 + 32;
  }

  /** Starts a reply from this guest; returns its byte offset. */
  #begin(port: FramePort, hi: number, lo: number, type: number): number {
    const at = port.reserve();
    writeEthernetHeader(port.segment.u8, at, hi, lo, port.macHi, port.macLo, type);
    return at;
  }

  /** Copies the request, back to where it came from. */
  #mirror(port: FramePort, offset: number, length: number): number {
    const bytes = port.segment.u8;
    const at = port.reserve();
    bytes.copyWithin(at, offset, offset + length);
    writeMacAddress(bytes, at, readMacHi(bytes, offset + 6), readMacLo(bytes, offset + 6));
    writeMacAddress(bytes, at + 6, port.macHi, port.macLo);
    return at;
  }

  #knowsIpv4(address: number): boolean {
    for (let i = 0; i < this.#ipv4Count; i++) if (this.#ipv4[i] === address >>> 0) return true;
    return false;
  }

  #learnIpv4(address: number): void {
    if (this.#knowsIpv4(address) || this.#ipv4Count === MAX_ADDRESSES) return;
    this.#ipv4[this.#ipv4Count++] = address;
  }

  #knowsIpv6(bytes: Uint8Array, offset: number): boolean {
    for (let i = 0; i < this.#ipv6Count; i++) {
      let equal = true;
      for (let b = 0; b < 16 && equal; b++) equal = this.#ipv6[i * 16 + b] === bytes[offset + b];
      if (equal) return true;
    }
    return false;
  }

  #learnIpv6(bytes: Uint8Array, offset: number): void {
    if (this.#knowsIpv6(bytes, offset) || this.#ipv6Count === MAX_ADDRESSES) return;
    for (let b = 0; b < 16; b++) this.#ipv6[this.#ipv6Count * 16 + b] = bytes[offset + b] as number;
    this.#ipv6Count++;
  }
}
