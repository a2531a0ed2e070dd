import { Ipv4View } from '../network/ipv4.ts';
import { Ipv6View } from '../network/ipv6.ts';
import { Ipv6ExtensionWalk } from '../network/ipv6-extension-walk.ts';
import { readUint16 } from '../view/network-order.ts';
import { isTagged, linkHeaderLength, NO_ETHERTYPE } from './frame-classification.ts';

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const TCP = 6;
const UDP = 17;
const SMALLEST_TCP = 20;
const SMALLEST_UDP = 8;

/** Answer of `transportProtocol` when there is none to find. */
export const NO_TRANSPORT = -1;

/**
 * Where the headers of a frame stand: what an offload engine finds out once and its checksum, hash and segmentation units
 * then share. One object, filled anew for each frame; no offset points outside the frame.
 *
 * ```text
 *   | addresses | tags … | EtherType | IP header, options or extensions | TCP, UDP … | data |padding|
 *   ^offset                          ^networkOffset                     ^transportOffset
 *                                                                       |<-transportLength->|
 * ```
 */
export class FrameLayout {
  tagged = false;
  /** TCI of the outermost 802.1Q tag, 0 without. */
  tci = 0;
  /** Behind all tags; -1 when the frame ends before it. */
  etherType = 0;
  /** Where the network header stands (absolute). */
  networkOffset = 0;
  /** 4, 6, or 0 when the frame is neither or its IP header is refused. */
  ipVersion: 0 | 4 | 6 = 0;
  /** Whether the packet is a fragment; its transport checksum cannot be known then. */
  isFragment = false;
  /** Upper protocol, or `NO_TRANSPORT`: no IP, not the first fragment, or extension headers that lead nowhere. */
  transportProtocol = 0;
  transportOffset = 0;
  /** By the IP header, so without Ethernet padding. */
  transportLength = 0;

  readonly #ipv4 = new Ipv4View();
  readonly #ipv6 = new Ipv6View();
  readonly #extensions = new Ipv6ExtensionWalk();

  /** Whether ports can be read at `transportOffset`: TCP or UDP with a whole fixed header. */
  get hasPorts(): boolean {
    return (
      (this.transportProtocol === TCP && this.transportLength >= SMALLEST_TCP) ||
      (this.transportProtocol === UDP && this.transportLength >= SMALLEST_UDP)
    );
  }

  of(bytes: Uint8Array, offset: number, length: number): this {
    this.tagged = isTagged(bytes, offset, length);
    this.tci = this.tagged ? readUint16(bytes, offset + 14) : 0;
    const header = linkHeaderLength(bytes, offset, length);
    this.etherType = header <= length ? readUint16(bytes, offset + header - 2) : NO_ETHERTYPE;
    this.ipVersion = 0;
    this.isFragment = false;
    this.transportProtocol = NO_TRANSPORT;
    this.transportLength = 0;
    const end = offset + length;
    const network = Math.min(offset + header, end);
    this.networkOffset = network;
    this.transportOffset = network;
    if (this.etherType === IPV4) this.#ofIpv4(bytes, network, end - network);
    else if (this.etherType === IPV6) this.#ofIpv6(bytes, network, end - network);
    return this;
  }

  #ofIpv4(bytes: Uint8Array, offset: number, length: number): void {
    const ip = this.#ipv4;
    if (ip.checked(bytes, offset, length) !== null) return;
    this.ipVersion = 4;
    this.isFragment = ip.isFragment;
    this.transportOffset = ip.payloadOffset;
    this.transportLength = ip.payloadLength;
    if (ip.fragmentOffset === 0) this.transportProtocol = ip.protocol;
  }

  #ofIpv6(bytes: Uint8Array, offset: number, length: number): void {
    const ip = this.#ipv6;
    if (ip.checked(bytes, offset, length) !== null) return;
    const walk = this.#extensions;
    const end = walk.walk(bytes, ip.payloadOffset, ip.payloadLength, ip.nextHeader);
    this.ipVersion = 6;
    this.isFragment = walk.isFragment;
    this.transportOffset = walk.offset;
    this.transportLength = walk.length;
    if (end === 'upper-layer') this.transportProtocol = walk.protocol;
  }
}
