/** The configuration of a host: what a YAML file or a program may say, and what it is once it was checked. */
import { NIC_PROFILES } from '@vmq/nic';

export const MOST_VMS = 64;
/** Room for VMs that come later, where the configuration does not say. */
const SPARE_VMS = 8;

/** A virtual machine. */
export interface VmConfig {
  /** Unique name; also the queue's VmFriendlyName. */
  readonly name: string;
  /** The adapter's address, e.g. `00-15-5D-00-00-01`: so once it was checked, whatever way it was written. */
  readonly mac: string;
  /** Access VLAN, 0 (default) = untagged. */
  readonly vlan: number;
  /** VMQOffloadWeight: 0 = never a queue, 100 (default) = first. */
  readonly vmqWeight: number;
  /** Default false. */
  readonly allowMacSpoofing: boolean;
  /** IPv4 and IPv6 addresses the guest answers for, when it answers. */
  readonly addresses: readonly string[];
  /** Reply to ARP, neighbour solicitations and echo requests; default false: the guest is a silent sink. */
  readonly answer: boolean;
}

/** A checked configuration with all defaults filled in. */
export interface HostConfig {
  readonly name: string;
  /** Seed of the deterministic executor, 0 to MAX_SEED of `@vmq/machine`; default 1. */
  readonly seed: number;
  /**
   * Who steps next under the deterministic executor: `random` (default), drawn from the seed, or `round-robin`, a
   * fair scheduler with larger batches, for throughput.
   */
  readonly schedule: 'random' | 'round-robin';
  /** Default deterministic. */
  readonly executor: 'deterministic' | 'threads';
  /** 1 to 64, default 4. */
  readonly processors: number;
  /** *VMQ: VM queues are asked for; default true. Whether there are any, and what stands against it: HostReport. */
  readonly vmq: boolean;
  /**
   * NDIS version of host and miniport: 6.30 (default, Server 2012 and later), or 6.20 (Server 2008 R2), where the
   * NIC splits VM queues' frames and puts what follows the lookahead into the VM's own memory.
   */
  readonly ndisVersion: '6.20' | '6.30';
  readonly nic: {
    /** A profile's name: vmq-nic (default), netvmini, i350, 82599. */
    readonly profile: string;
    /** *JumboPacket: largest frame in bytes with header, without FCS and tag; default 1514. */
    readonly jumboPacket: number;
    /** *RssBaseProcNumber: VM queues stay off the processors before this one; default 0. */
    readonly baseProcessorNumber: number;
    /** *MaxRssProcessors: most processors that VM queues are spread over; default: all from the base on. */
    readonly maxProcessors?: number | undefined;
    /** *RssMaxProcNumber: VM queues stay off the processors behind this one; default: the last. */
    readonly maxProcessorNumber?: number | undefined;
    /**
     * INF keywords without a key of their own, e.g. *VMQVlanFiltering. Those with one (*VMQ, *JumboPacket …) may be
     * written here too; once checked they are found under their key.
     */
    readonly keywords: Readonly<Record<string, string | number>>;
    /** Descriptors and buffers of each receive queue: a power of two, 32 to 1024, default 256. */
    readonly receiveBuffers: number;
    /**
     * Agents of the NIC that receive side by side, 1 (default) to 8 and no more than processors. Engine k takes the frames
     * of the queues of processors k, k + receiveEngines …
     */
    readonly receiveEngines: number;
  };
  readonly switch: {
    readonly name: string;
    /** Give unknown unicast from the wire to every port of its VLAN, as a plain bridge does; default false. */
    readonly floodUnknownUnicast: boolean;
    /**
     * The switch's settings by the adapter's link speed (CAP-33): 1 = VM queues (default), 2 = none, 0 = as the host's
     * version has it: none on NDIS 6.20, VM queues later.
     */
    readonly tenGigVmqEnabled: 0 | 1 | 2;
    readonly belowTenGigVmqEnabled: 0 | 1 | 2;
    /** Processors that VM queues are spread over, in this order; default: those that the adapter's keywords leave. */
    readonly vmqProcessors?: readonly number[] | undefined;
  };
  /** At most 64. */
  readonly vms: readonly VmConfig[];
  /**
   * Most VMs there can be at a time, those that are added while the host runs included; at most 64, and no fewer than
   * `vms` has. Default: 8 more than `vms` has. Memory and agents are made for so many.
   */
  readonly maxVms?: number | undefined;
}

/** Most VMs that a host of this configuration has at a time. */
export function mostVms(config: HostConfig): number {
  return config.maxVms ?? Math.min(MOST_VMS, config.vms.length + SPARE_VMS);
}

/** What may be written of a VM: only its name and its MAC have no default. */
export type VmConfigInput = Partial<VmConfig> & Pick<VmConfig, 'name' | 'mac'>;

/** What may be written: only `vms[].name` and `vms[].mac` have no default. */
export type HostConfigInput = Partial<Omit<HostConfig, 'nic' | 'switch' | 'vms'>> & {
  readonly nic?: Partial<HostConfig['nic']>;
  readonly switch?: Partial<HostConfig['switch']>;
  readonly vms?: readonly VmConfigInput[];
};

/** Processors that VM queues are spread over, in order: never an empty list. */
export function vmqProcessorsOf(
  { processors, nic, switch: { vmqProcessors } }: HostConfig,
  /** Most that the NIC can serve; default: what its profile says. */
  mostOfNic: number = mostProcessors(nic.profile),
): readonly number[] {
  if (vmqProcessors !== undefined) return vmqProcessors;
  const { baseProcessorNumber: base, maxProcessorNumber: last, maxProcessors = mostOfNic } = nic;
  return processorsLeft(processors, { base, last, most: Math.min(maxProcessors, mostOfNic) });
}

/** Processors of a host from `base` to `last`, the first `most` of them. */
export function processorsLeft(
  processors: number,
  limits: { readonly base: number; readonly last?: number | undefined; readonly most: number },
): readonly number[] {
  const { base, last = processors - 1, most } = limits;
  const count = Math.min(last, processors - 1) - base + 1;
  return Array.from({ length: Math.max(count, 0) }, (_, i) => base + i).slice(0, most);
}

/**
 * Most processors that can use a NIC: each needs a transmit queue of its own, of which there are as many as receive
 * queues, and an MSI-X entry besides the default queue's.
 */
export function mostProcessors(profile: string, maxProcessors: number = Number.POSITIVE_INFINITY): number {
  const found = Object.hasOwn(NIC_PROFILES, profile) ? NIC_PROFILES[profile] : undefined;
  if (found === undefined) return maxProcessors;
  return Math.min(maxProcessors, found.queues + 1, found.msixEntries - 1);
}

/** What stands at a key, by its path, with `[]` for every index. A text may look like a number in a file. */
export const HOST_CONFIG_KEYS: Readonly<Record<string, 'text' | 'number' | 'flag' | 'numbers' | 'keywords'>> =
  {
    name: 'text',
    seed: 'number',
    schedule: 'text',
    executor: 'text',
    processors: 'number',
    vmq: 'flag',
    ndisVersion: 'text',
    'nic.profile': 'text',
    'nic.jumboPacket': 'number',
    'nic.baseProcessorNumber': 'number',
    'nic.maxProcessors': 'number',
    'nic.maxProcessorNumber': 'number',
    'nic.keywords': 'keywords',
    'nic.receiveBuffers': 'number',
    'nic.receiveEngines': 'number',
    'switch.name': 'text',
    'switch.floodUnknownUnicast': 'flag',
    'switch.tenGigVmqEnabled': 'number',
    'switch.belowTenGigVmqEnabled': 'number',
    'switch.vmqProcessors': 'numbers',
    'vms[].name': 'text',
    'vms[].mac': 'text',
    'vms[].vlan': 'number',
    'vms[].vmqWeight': 'number',
    'vms[].allowMacSpoofing': 'flag',
    'vms[].addresses[]': 'text',
    'vms[].answer': 'flag',
    maxVms: 'number',
  };
