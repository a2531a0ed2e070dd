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
import type { FramePort } from '../port/frame-port.ts';
import type { ResponderConfig } from './endpoint-config.ts';
import {
  type EndpointPage,
  MAX_ADDRESSES,
  RESPONDER_IPV4_COUNT,
  RESPONDER_IPV6_COUNT,
  RESPONDER_KIND,
} from './endpoint-page.ts';

const ETHERNET = 14;
const ARP = 0x0806;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const ICMP = 1;
const ICMPV6 = 58;
const SHORTEST_FRAME = 60;
/** Values of the page's RESPONDER_KIND. */
const ANSWERS_CONFIGURED = 1;
const ANSWERS_ANY = 2;

export class Responder {
  /** Replies written. */
  replies = 0;
  /** The addresses it knows stand in the guest's memory. */
  readonly #page: EndpointPage;
  readonly #any: boolean;
  readonly #arp = new ArpView();
  readonly #ip4 = new Ipv4View();
  readonly #ip6 = new Ipv6View();
  readonly #source = new Uint8Array(16);
  readonly #destination = new Uint8Array(16);

  /** A new responder, in place of the one that `page` may hold. The addresses have been asked for (`refusalOfResponder`). */
  static begin(page: EndpointPage, config: ResponderConfig): Responder {
    const { words } = page;
    words[RESPONDER_KIND] = config.answer === 'any' ? ANSWERS_ANY : ANSWERS_CONFIGURED;
    words[RESPONDER_IPV4_COUNT] = 0;
    words[RESPONDER_IPV6_COUNT] = 0;
    const made = new Responder(page);
    for (const text of config.ipv4 ?? []) {
      made.#learnIpv4(parseIpv4Address(text) as number);
    }
    for (const text of config.ipv6 ?? []) {
      made.#learnIpv6(parseIpv6Address(text) as Uint8Array, 0);
    }
    return made;
  }

  /** The responder that `page` holds, or null. */
  static resume(page: EndpointPage): Responder | null {
    return page.words[RESPONDER_KIND] === 0 ? null : new Responder(page);
  }

  private constructor(page: EndpointPage) {
    this.#page = page;
    this.#any = page.words[RESPONDER_KIND] === ANSWERS_ANY;
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
    const type = bytes[payloadOffset];
    if (type === ICMPV6_NEIGHBOUR_SOLICITATION && payloadLength >= 24) {
      return this.#advertise(port, offset, sourceOffset, payloadOffset + 8);
    }
    if (type !== ICMPV6_ECHO_REQUEST || !own || !this.#knowsIpv6(bytes, destinationOffset)) return 0;
    const at = this.#mirror(port, offset, length);
    const header = at + ETHERNET;
    bytes[header + 7] = 64;
    for (let i = 0; i < 16; i++) {
      bytes[header + 8 + i] = bytes[destinationOffset + i];
      bytes[header + 24 + i] = bytes[sourceOffset + i];
    }
    bytes[header + 40] = ICMPV6_ECHO_REPLY;
    fillIcmpv6Checksum(bytes, header + 40, payloadLength, header);
    return length;
  }

  #advertise(port: FramePort, offset: number, sourceOffset: number, targetOffset: number): number {
    const bytes = port.segment.u8;
    if (!this.#knowsIpv6(bytes, targetOffset)) return 0;
    for (let i = 0; i < 16; i++) {
      this.#source[i] = bytes[targetOffset + i];
      this.#destination[i] = bytes[sourceOffset + i];
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
    const { ipv4 } = this.#page;
    const count = this.#known(RESPONDER_IPV4_COUNT);
    for (let i = 0; i < count; i++) if (ipv4[i] === address >>> 0) return true;
    return false;
  }

  #learnIpv4(address: number): void {
    const count = this.#known(RESPONDER_IPV4_COUNT);
    if (count === MAX_ADDRESSES || this.#knowsIpv4(address)) return;
    this.#page.ipv4[count] = address;
    this.#page.words[RESPONDER_IPV4_COUNT] = count + 1;
  }

  #knowsIpv6(bytes: Uint8Array, offset: number): boolean {
    const { ipv6 } = this.#page;
    const count = this.#known(RESPONDER_IPV6_COUNT);
    for (let i = 0; i < count; i++) {
      let equal = true;
      for (let b = 0; b < 16 && equal; b++) equal = ipv6[i * 16 + b] === bytes[offset + b];
      if (equal) return true;
    }
    return false;
  }

  #learnIpv6(bytes: Uint8Array, offset: number): void {
    const count = this.#known(RESPONDER_IPV6_COUNT);
    if (count === MAX_ADDRESSES || this.#knowsIpv6(bytes, offset)) return;
    for (let b = 0; b < 16; b++) this.#page.ipv6[count * 16 + b] = bytes[offset + b];
    this.#page.words[RESPONDER_IPV6_COUNT] = count + 1;
  }

  /** Entries of a table; memory that came from elsewhere may say anything. */
  #known(word: number): number {
    return Math.min(this.#page.words[word] >>> 0, MAX_ADDRESSES);
  }
}
