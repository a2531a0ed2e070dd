/**
 * Finds the VMs of a capture: which of the addresses in it are behind the NIC, and in which VLAN. Peers, which are on
 * the wire, are not. What the capture tells, the strongest first:
 *
 *   directions (epb_flags)   a VM's frames go out, and what comes in for an address from which nothing comes in is a VM's
 *   addresses                those that hypervisors give to their VMs
 *   conversations            a guess: whoever a VM talks with is a peer, whoever a peer talks with is a VM; the first
 *                            unicast frame is to a VM, unless there are more on the other side
 *
 * Memory is bounded: at most {@link ADDRESSES_TRACKED} (address, VLAN) pairs are told apart.
 */
import { type CapturedPacket, PACKET_INBOUND, PACKET_OUTBOUND } from '@vmq/capture';
import {
  ETHERNET_HEADER_LENGTH,
  formatMacAddress,
  isGroupMac,
  isZeroMac,
  LARGEST_VLAN_ID,
  readMacHi,
  readMacLo,
  vlanIdOf,
} from '@vmq/wire';
import { macKey, saidDirection } from './frame-direction.ts';
import { isHypervisorAddress } from './hypervisor-addresses.ts';

export const ADDRESSES_TRACKED = 65_536;
/** Most VMs of a host. */
export const MOST_VMS = 64;

export interface DiscoveredVm {
  /** `vm1`, `vm2` … in order of first appearance. */
  readonly name: string;
  readonly mac: string;
  /** 0 = untagged. */
  readonly vlan: number;
  /** Frames from it and unicast frames to it, in any VLAN. */
  readonly frames: number;
}

/** What told VMs from peers; see above. */
export type DiscoveryEvidence = 'directions' | 'addresses' | 'conversations';

/** Sides of a conversation. */
const UNKNOWN = 0;
/** Of the destination of the first unicast frame. */
const FIRST = 1;
const OTHER = 2;

interface Candidate {
  readonly hi: number;
  readonly lo: number;
  /** Frames from it, and unicast frames to it, that the capture calls inbound or outbound. */
  inFrom: number;
  inTo: number;
  outFrom: number;
  /** Unicast frames to it. */
  to: number;
  frames: number;
  side: number;
  readonly vlans: Map<number, number>;
}

export class VmDiscovery {
  /** Frames with addresses that could not be tracked any more. */
  untracked = 0;
  /** Keyed by the address as a 48-bit number; a Map keeps the order of first appearance. */
  readonly #candidates = new Map<number, Candidate>();
  #pairs = 0;
  #saysDirections = false;

  /** VMs found so far. */
  get found(): number {
    return this.#vms().length;
  }

  /** What the answer rests on. */
  get evidence(): DiscoveryEvidence {
    if (this.#saysDirections) return 'directions';
    const known = [...this.#candidates.values()].some(({ hi, lo }) => isHypervisorAddress(hi, lo));
    return known ? 'addresses' : 'conversations';
  }

  /** Addresses that unicast frames go to and that are no VMs. */
  get peers(): number {
    const vms = new Set(this.#vms());
    return [...this.#candidates.values()].filter((one) => one.to > 0 && !vms.has(one)).length;
  }

  see(packet: CapturedPacket, length: number): void {
    if (length < ETHERNET_HEADER_LENGTH) return;
    const { bytes, offset } = packet;
    const vlan = vlanIdOf(bytes, offset, length);
    const to = this.#candidate(readMacHi(bytes, offset), readMacLo(bytes, offset), vlan);
    const from = this.#candidate(readMacHi(bytes, offset + 6), readMacLo(bytes, offset + 6), vlan);
    const said = saidDirection(packet);
    if (said !== 0) this.#saysDirections = true;
    if (from !== null) {
      if (said === PACKET_INBOUND) from.inFrom++;
      else if (said === PACKET_OUTBOUND) from.outFrom++;
    }
    if (to === null) return;
    to.to++;
    if (said === PACKET_INBOUND) to.inTo++;
    if (from !== null && from !== to) takeSides(from, to);
  }

  /** The `count` VMs with most frames (the earlier one on a tie), named in order of first appearance. */
  choose(count: number = MOST_VMS): DiscoveredVm[] {
    const all = this.#vms();
    const chosen = new Set([...all].sort((x, y) => y.frames - x.frames).slice(0, count));
    return all
      .filter((candidate) => chosen.has(candidate))
      .map((candidate, i) => ({
        name: `vm${i + 1}`,
        mac: formatMacAddress(candidate.hi, candidate.lo),
        vlan: commonVlan(candidate.vlans),
        frames: candidate.frames,
      }));
  }

  /** The address's candidate with this frame counted, or null for one that no VM can have or that is not tracked. */
  #candidate(hi: number, lo: number, vlan: number): Candidate | null {
    if (isGroupMac(hi) || isZeroMac(hi, lo)) return null;
    const key = macKey(hi, lo);
    let candidate = this.#candidates.get(key);
    const before = candidate?.vlans.get(vlan);
    if (before === undefined) {
      if (this.#pairs === ADDRESSES_TRACKED) {
        this.untracked++;
        return null;
      }
      this.#pairs++;
    }
    if (candidate === undefined) {
      candidate = {
        hi,
        lo,
        inFrom: 0,
        inTo: 0,
        outFrom: 0,
        to: 0,
        frames: 0,
        side: UNKNOWN,
        vlans: new Map(),
      };
      this.#candidates.set(key, candidate);
    }
    candidate.frames++;
    candidate.vlans.set(vlan, (before ?? 0) + 1);
    return candidate;
  }

  #vms(): Candidate[] {
    const all = [...this.#candidates.values()];
    const { evidence } = this;
    if (evidence === 'directions') return all.filter(isInside);
    if (evidence === 'addresses') return all.filter(({ hi, lo }) => isHypervisorAddress(hi, lo));
    // Who is never sent anything shows no queue's work, and is on neither side.
    const first = all.filter(({ to, side }) => to > 0 && side !== OTHER);
    const other = all.filter(({ to, side }) => to > 0 && side === OTHER);
    return other.length > first.length ? other : first;
  }
}

/** By the directions that the capture says. An address may have moved: what it does more often counts. */
function isInside({ inFrom, inTo, outFrom }: Candidate): boolean {
  return outFrom > 0 ? outFrom >= inFrom : inTo > 0 && inFrom === 0;
}

/** Each address is on the other side than the one it first exchanged a frame with. */
function takeSides(from: Candidate, to: Candidate): void {
  if (to.side === UNKNOWN) to.side = from.side === FIRST ? OTHER : FIRST;
  if (from.side === UNKNOWN) from.side = to.side === FIRST ? OTHER : FIRST;
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
