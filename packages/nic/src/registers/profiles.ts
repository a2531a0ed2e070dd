/**
 * Which hardware it is: sizes and features by the name of a part one can look up. The register map is the same
 * for all; a driver reads the sizes from CAPQ, CAPF, CAPL and CAPM.
 */
import { MAX_FILTERS, MAX_MSIX_ENTRIES, MAX_QUEUES } from './register-constants.ts';

export interface NicProfile {
  readonly name: string;
  /** Receive queues besides the default queue 0. */
  readonly queues: number;
  /** Entries of the receive-filter table. */
  readonly filters: number;
  readonly msixEntries: number;
  /** Header split (VMQ lookahead split), in bytes; both 0 without the feature. */
  readonly lookaheadMin: number;
  readonly lookaheadMax: number;
  /** Largest MFS: frame bytes without FCS and tag. */
  readonly maxFrameBytes: number;
  readonly linkGbps: number;
  readonly receiveChecksum: boolean;
  /** Filters may test the inner destination of NVGRE frames; default false. */
  readonly nvgre?: boolean;
}

/** The device to use when no particular one is meant. */
const VMQ_NIC: NicProfile = {
  name: 'vmq-nic',
  queues: 64,
  filters: 256,
  msixEntries: 128,
  lookaheadMin: 64,
  lookaheadMax: 256,
  maxFrameBytes: 9216,
  linkGbps: 10,
  receiveChecksum: true,
  nvgre: true,
};

/** What Microsoft's netvmini sample driver claims of its imaginary hardware. */
const NETVMINI: NicProfile = {
  name: 'netvmini',
  queues: 8,
  filters: 16,
  msixEntries: 16,
  lookaheadMin: 64,
  lookaheadMax: 128,
  maxFrameBytes: 1514,
  linkGbps: 1,
  receiveChecksum: false,
};

/** Sized like an Intel I350: 8 pools, one of them the default. */
const I350: NicProfile = {
  name: 'i350',
  queues: 7,
  filters: 32,
  msixEntries: 25,
  lookaheadMin: 0,
  lookaheadMax: 0,
  maxFrameBytes: 9500,
  linkGbps: 1,
  receiveChecksum: true,
};

/** Sized like an Intel 82599: 64 pools, one of them the default; 128 receive addresses. */
const I82599: NicProfile = {
  name: '82599',
  queues: 63,
  filters: 128,
  msixEntries: 64,
  lookaheadMin: 0,
  lookaheadMax: 0,
  maxFrameBytes: 15_854,
  linkGbps: 10,
  receiveChecksum: true,
};

/** Known devices by name. */
export const NIC_PROFILES: Readonly<Record<string, NicProfile>> = {
  'vmq-nic': VMQ_NIC,
  netvmini: NETVMINI,
  i350: I350,
  '82599': I82599,
};

/** The profile of that name; throws with the names there are. */
export function nicProfile(name: string): NicProfile {
  const found = Object.hasOwn(NIC_PROFILES, name) ? NIC_PROFILES[name] : undefined;
  if (found === undefined)
    throw new Error(`no NIC profile '${name}'; there are ${Object.keys(NIC_PROFILES).join(', ')}`);
  return found;
}

/** Throws if the register map has no room for a profile of one's own. */
export function checkNicProfile(profile: NicProfile): void {
  const limits: readonly (readonly [keyof NicProfile, number, number])[] = [
    ['queues', 1, MAX_QUEUES - 1],
    ['filters', 1, MAX_FILTERS],
    ['msixEntries', 1, MAX_MSIX_ENTRIES],
    ['lookaheadMin', 0, 0xffff],
    ['lookaheadMax', profile.lookaheadMin, 0xffff],
    ['maxFrameBytes', 60, 0xffff],
    ['linkGbps', 1, 255],
  ];
  for (const [member, low, high] of limits) {
    const value = profile[member];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high)
      throw new RangeError(`NIC profile ${profile.name}: ${member} must be ${low}..${high}, got ${value}`);
  }
}
