/**
 * Finds the VMs of a capture: the unicast destination addresses in it, each in the VLAN that most of its frames
 * carry. Memory is bounded: at most {@link ADDRESSES_TRACKED} (address, VLAN) pairs are told apart.
 */
import type { CapturedPacket } from '@vmq/capture';
import {
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  etherTypeOf,
  formatIpv4Address,
  formatIpv6Address,
  formatMacAddress,
  Ipv4View,
  Ipv6View,
  isGroupMac,
  isZeroMac,
  LARGEST_VLAN_ID,
  linkHeaderLength,
  readMacHi,
  readMacLo,
  vlanIdOf,
} from '@vmq/wire';

export const ADDRESSES_TRACKED = 65_536;
/** Most VMs of a host. */
export const MOST_VMS = 64;
/** A host has a handful of addresses; an address with more of them behind it is a router's. */
const MOST_IP_ADDRESSES = 16;

export interface DiscoveredVm {
  /** `vm1`, `vm2` … in order of first appearance. */
  readonly name: string;
  readonly mac: string;
  /** 0 = untagged. */
  readonly vlan: number;
  /** Unicast frames to it, in any VLAN. */
  readonly frames: number;
  /** IP addresses its frames are for; only gathered on request. */
  readonly addresses: readonly string[];
}

interface Candidate {
  readonly hi: number;
  readonly lo: number;
  frames: number;
  readonly vlans: Map<number, number>;
  readonly addresses: Set<string> | null;
}

export class VmDiscovery {
  /** Frames to addresses that could not be tracked any more. */
  untracked = 0;
  /** Keyed by the address as a 48-bit number; a Map keeps the order of first appearance. */
  readonly #candidates = new Map<number, Candidate>();
  readonly #withAddresses: boolean;
  #pairs = 0;

  constructor(withAddresses = false) {
    this.#withAddresses = withAddresses;
  }

  /** Unicast destinations seen. */
  get found(): number {
    return this.#candidates.size;
  }

  see(packet: CapturedPacket, length: number): void {
    if (length < ETHERNET_HEADER_LENGTH) return;
    const { bytes, offset } = packet;
    const hi = readMacHi(bytes, offset);
    const lo = readMacLo(bytes, offset);
    if (isGroupMac(hi) || isZeroMac(hi, lo)) return;
    const key = hi * 0x1_0000_0000 + lo;
    let candidate = this.#candidates.get(key);
    const vlan = vlanIdOf(bytes, offset, length);
    const before = candidate?.vlans.get(vlan);
    if (before === undefined) {
      if (this.#pairs === ADDRESSES_TRACKED) {
        this.untracked++;
        return;
      }
      this.#pairs++;
    }
    if (candidate === undefined) {
      const addresses = this.#withAddresses ? new Set<string>() : null;
      candidate = { hi, lo, frames: 0, vlans: new Map(), addresses };
      this.#candidates.set(key, candidate);
    }
    candidate.frames++;
    candidate.vlans.set(vlan, (before ?? 0) + 1);
    if (candidate.addresses !== null) noteIpDestination(candidate.addresses, bytes, offset, length);
  }

  /** The `count` addresses with most frames (the earlier one on a tie), named in order of first appearance. */
  choose(count: number = MOST_VMS): DiscoveredVm[] {
    const all = [...this.#candidates.values()];
    const chosen = new Set([...all].sort((x, y) => y.frames - x.frames).slice(0, count));
    return all
      .filter((candidate) => chosen.has(candidate))
      .map((candidate, i) => ({
        name: `vm${i + 1}`,
        mac: formatMacAddress(candidate.hi, candidate.lo),
        vlan: commonVlan(candidate.vlans),
        frames: candidate.frames,
        addresses: [...(candidate.addresses ?? [])],
      }));
  }
}

/** The VLAN of most frames, the lowest one on a tie; 0 if only reserved ids were seen. */
function commonVlan(vlans: ReadonlyMap<number, number>): number {
  let best = 0;
  let most = 0;
  for (const [vlan, frames] of vlans) {
    if (vlan > LARGEST_VLAN_ID) continue;
    if (frames > most || (frames === most && vlan < best)) {
      best = vlan;
      most = frames;
    }
  }
  return best;
}

const ipv4 = new Ipv4View();
const ipv6 = new Ipv6View();

function noteIpDestination(found: Set<string>, bytes: Uint8Array, offset: number, length: number): void {
  if (found.size === MOST_IP_ADDRESSES) return;
  const header = linkHeaderLength(bytes, offset, length);
  const type = etherTypeOf(bytes, offset, length);
  if (type === ETHERTYPE_IPV4 && ipv4.checked(bytes, offset + header, length - header) === null) {
    found.add(formatIpv4Address(ipv4.destination));
  } else if (type === ETHERTYPE_IPV6 && ipv6.checked(bytes, offset + header, length - header) === null) {
    found.add(formatIpv6Address(bytes, ipv6.destinationOffset));
  }
}
