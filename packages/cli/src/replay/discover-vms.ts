/**
 * Finds the VMs of a capture: the unicast destination addresses in it, each in the VLAN that most of its frames
 * carry. Memory is bounded: at most {@link ADDRESSES_TRACKED} (address, VLAN) pairs are told apart.
 */
import type { CapturedPacket } from '@vmq/capture';
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

export const ADDRESSES_TRACKED = 65_536;
/** Most VMs of a host. */
export const MOST_VMS = 64;

export interface DiscoveredVm {
  /** `vm1`, `vm2` … in order of first appearance. */
  readonly name: string;
  readonly mac: string;
  /** 0 = untagged. */
  readonly vlan: number;
  /** Unicast frames to it, in any VLAN. */
  readonly frames: number;
}

interface Candidate {
  readonly hi: number;
  readonly lo: number;
  frames: number;
  readonly vlans: Map<number, number>;
}

export class VmDiscovery {
  /** Frames to addresses that could not be tracked any more. */
  untracked = 0;
  /** Keyed by the address as a 48-bit number; a Map keeps the order of first appearance. */
  readonly #candidates = new Map<number, Candidate>();
  #pairs = 0;

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
      candidate = { hi, lo, frames: 0, vlans: new Map() };
      this.#candidates.set(key, candidate);
    }
    candidate.frames++;
    candidate.vlans.set(vlan, (before ?? 0) + 1);
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
