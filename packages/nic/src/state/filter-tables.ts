/** The receive-filter registers as one configuration request found them; read by the filter unit and by `explain`. */
import type { NicProfile } from '../registers/profiles.ts';
import {
  FILTER_STRIDE,
  FLTQ_VALID,
  FLTVLAN_ANY,
  FLTVLAN_EXACT,
  FLTVLAN_MODE_SHIFT,
  FLTVLAN_UNTAGGED_OR_ZERO,
  MCHI_VALID,
  MULTICAST_ENTRIES,
  MULTICAST_STRIDE,
  RCTL_NVGRE,
  REG,
} from '../registers/register-constants.ts';

/** A valid filter entry. Address words are as a little-endian load of the frame shows them. */
export interface LatchedFilter {
  readonly slot: number;
  readonly queue: number;
  /** Its queue exists and is enabled, and its mode means something; otherwise the entry is as if absent. */
  readonly active: boolean;
  readonly low: number;
  readonly high: number;
  /** FLTVLAN mode, one of FLTVLAN_*. */
  readonly mode: number;
  /** VLAN id to compare with (0 = untagged or VLAN 0), or -1 for any. */
  readonly vid: number;
}

/** All that decides where a frame goes, apart from the queues themselves. */
export interface FilterTables {
  readonly rctl: number;
  /** Largest frame without tag. */
  readonly maxFrame: number;
  readonly stationLow: number;
  readonly stationHigh: number;
  /** Accepted multicast addresses, pairs of words. */
  readonly multicast: Int32Array;
  /** Valid entries, the one that wins first: queues ascending, queue 0 last, then by slot (FLT-14). */
  readonly filters: readonly LatchedFilter[];
}

/** A register's first four address bytes, as a little-endian load of the frame shows them. */
export function wireLow(register: number): number {
  return (register >>> 24) | ((register >>> 8) & 0xff00) | ((register << 8) & 0xff0000) | (register << 24);
}

/** The last two address bytes likewise. Its own inverse for the low half. */
export function wireHigh(register: number): number {
  return ((register >>> 8) & 0xff) | ((register & 0xff) << 8);
}

/** Reads the registers. `isEnabled` says which queues take frames. */
export function readFilterTables(
  words: Int32Array,
  profile: NicProfile,
  isEnabled: (queue: number) => boolean,
): FilterTables {
  const filters: LatchedFilter[] = [];
  for (let slot = 0; slot < profile.filters; slot++) {
    const at = (REG.FLTLO + slot * FILTER_STRIDE) >> 2;
    const target = words[at + 3];
    if ((target & FLTQ_VALID) === 0) continue;
    const queue = target & 0xff;
    const vlan = words[at + 2];
    const mode = (vlan >>> FLTVLAN_MODE_SHIFT) & 3;
    filters.push({
      slot,
      queue,
      active:
        queue <= profile.queues &&
        isEnabled(queue) &&
        (mode === FLTVLAN_ANY || mode === FLTVLAN_EXACT || mode === FLTVLAN_UNTAGGED_OR_ZERO),
      low: wireLow(words[at]),
      high: wireHigh(words[at + 1]),
      mode,
      vid: mode === FLTVLAN_ANY ? -1 : mode === FLTVLAN_EXACT ? vlan & 0xfff : 0,
    });
  }
  const rank = (filter: LatchedFilter): number => (filter.queue === 0 ? 256 : filter.queue);
  filters.sort((a, b) => rank(a) - rank(b) || a.slot - b.slot);

  const multicast: number[] = [];
  for (let i = 0; i < MULTICAST_ENTRIES; i++) {
    const at = (REG.MCLO + i * MULTICAST_STRIDE) >> 2;
    if ((words[at + 1] & MCHI_VALID) === 0) continue;
    multicast.push(wireLow(words[at]), wireHigh(words[at + 1]));
  }
  return {
    rctl: words[REG.RCTL >> 2] & (profile.nvgre === true ? -1 : ~RCTL_NVGRE),
    maxFrame: Math.min(words[REG.MFS >> 2] >>> 0, profile.maxFrameBytes),
    stationLow: wireLow(words[REG.MACLO >> 2]),
    stationHigh: wireHigh(words[REG.MACHI >> 2]),
    multicast: Int32Array.from(multicast),
    filters,
  };
}
