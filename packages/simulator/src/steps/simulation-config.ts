/**
 * The world of a seed: which hosts there are and which VMs they start with. Plain data, so that a failure file holds
 * it and nothing has to be drawn again.
 */
import type { CounterStart, Host, HostConfigInput, HostLimits, HostSizes, VmConfigInput } from '@vmq/host';
import type { Random } from '@vmq/machine';

export interface SimulationConfig {
  readonly hosts: readonly HostConfigInput[];
  /** Miniports indicate some frames from memory that a VM can write; default false. */
  readonly exposed?: boolean;
  /** Switches have an extension with a data path, where they can: on hosts of NDIS 6.30; default false. */
  readonly extensions?: boolean;
  /** Filter modules on each adapter, which keep NBLs and return them late; default 0. */
  readonly filters?: number;
  /** How much is done at a time on each host, and how much may wait; default: as everywhere. */
  readonly limits?: HostLimits;
  /** Sections of a VM's channel for sending, and bytes of its ring; default 12 and 4096. */
  readonly channel?: { readonly sendSections: number; readonly ringBytes: number };
  /** Where the counters of all hosts begin; default at 0. */
  readonly counters?: Partial<CounterStart>;
}

/** VLANs of the world: a VM's number stands for one of them. */
export const VLANS: readonly number[] = [0, 100, 200, 4094];
/** Most hosts of a world. */
export const MOST_HOSTS = 4;
/** Most VMs that a world ever has: its numbers go into a byte of each frame, with some left for groups. */
export const MOST_VM_NUMBERS = 224;

/** An address that is no VM's, and to which frames are sent all the same. */
export const STRANGE_ADDRESS = '00-15-5D-00-02-01';

export const vmName = (number: number): string => `vm${number}`;

/** The address of VM `number`, in the way NDIS prints it. */
export function vmMac(number: number): string {
  return `00-15-5D-00-01-${number.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The IPv4 address that VM `number` answers for, if it answers. */
export const vmAddress = (number: number): string => `10.0.0.${number}`;

/**
 * One VM, by what a step or a world says of it, bits of a number:
 *
 *   0..1 VLAN   2..3 weight   4..6 spoofing   7..8 answers   9..11 trunk   12..15 its VLANs   16 keeps priorities
 */
export function vmConfig(number: number, choice: number): VmConfigInput {
  const answer = ((choice >>> 7) & 3) === 3;
  return {
    name: vmName(number),
    mac: vmMac(number),
    vlan: VLANS[choice & 3],
    vmqWeight: [100, 100, 50, 0][(choice >>> 2) & 3],
    allowMacSpoofing: ((choice >>> 4) & 7) === 7,
    ...(answer ? { answer, addresses: [vmAddress(number)] } : {}),
  };
}

type PortProperties = Parameters<Host['virtualSwitch']['setPort']>[1];

/** What a port becomes, by the same number. */
export interface PortChoice {
  readonly properties: PortProperties;
  /** Number of its VLAN, of a trunk the native one. */
  readonly vlan: number;
  /** Numbers of the VLANs it belongs to, as bits. */
  readonly members: number;
}

export function portChoice(number: number, choice: number): PortChoice {
  const { vmqWeight = 100, allowMacSpoofing = false } = vmConfig(number, choice);
  const vlan = choice & 3;
  const isTrunk = ((choice >>> 9) & 7) === 7;
  const listed = (choice >>> 12) & 14;
  const preservePriority = ((choice >>> 16) & 1) === 1;
  const properties = { vmqWeight, allowMacSpoofing, preservePriority };
  const native = VLANS[vlan];
  if (!isTrunk)
    return {
      properties: { ...properties, vlan: { mode: 'access', vlan: native } },
      vlan,
      members: 1 << vlan,
    };
  const vlans = VLANS.filter((_, i) => ((listed >>> i) & 1) === 1);
  return {
    properties: { ...properties, vlan: { mode: 'trunk', native, vlans } },
    vlan,
    members: listed | (1 << vlan),
  };
}

/** A configuration from the seed. Few and small hosts mostly, 64 VMs rarely. */
export function randomConfig(random: Random): SimulationConfig {
  const hosts: HostConfigInput[] = [];
  const count = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4][random.below(16)];
  const crowded = random.below(256) === 0;
  const engines = random.fork('engines');
  let number = 0;
  for (let i = 0; i < count; i++) {
    const least = i === 0 ? 1 : 0;
    const vmCount = crowded && i === 0 ? 64 : least + random.below(4);
    const vms: VmConfigInput[] = [];
    // Half of the worlds are of one VLAN, so that VMs talk to each other.
    for (let v = 0; v < vmCount; v++) vms.push(vmConfig(++number, drawVm(random)));
    const seed = random.next();
    const processors = [1, 2, 2, 3, 4][random.below(5)];
    hosts.push({
      name: `host${i}`,
      seed,
      processors,
      vmq: random.below(6) !== 0,
      ndisVersion: random.below(3) === 0 ? '6.20' : '6.30',
      nic: {
        profile: ['netvmini', 'netvmini', 'netvmini', 'i350', 'i350', 'vmq-nic'][random.below(6)],
        receiveBuffers: random.below(4) === 0 ? 64 : 32,
        keywords: random.below(8) === 0 ? { '*VMQVlanFiltering': 0 } : {},
        receiveEngines: engines.below(3) === 0 ? 1 + engines.below(processors) : 1,
      },
      switch: { name: 'external', floodUnknownUnicast: random.below(8) === 0 },
      vms,
      maxVms: Math.min(64, vmCount + 3),
    });
  }
  const drivers = random.fork('drivers');
  const odd = random.fork('odd');
  return {
    hosts,
    ...drawLimits(odd.fork('limits')),
    ...drawCounters(odd.fork('counters')),
    exposed: drivers.below(4) === 0,
    extensions: drivers.below(8) === 0,
    filters: [0, 0, 0, 0, 0, 1, 1, 2][drivers.below(8)],
  };
}

/** Batches of one frame, of a few, of one more than any table has room for, or as everywhere. */
function drawLimits(random: Random): Pick<SimulationConfig, 'limits' | 'channel'> {
  if (random.below(3) !== 0) return {};
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
  const limits: HostLimits = {
    nicBatch: pick([1, 7, 512, 512]),
    transmitRingEntries: pick([2, 4, 32, 512]),
    indicationBudget: pick([1, 7, 513, 256]),
    channelBudget: pick([1, 7, 513, 64]),
    guestBudget: pick([1, 7, 513, 256]),
    macTableEntries: pick([4, 64, 4096]),
  };
  return { limits, channel: { sendSections: pick([2, 12, 40]), ringBytes: pick([4096, 4096, 8192]) } };
}

/** Some worlds have been running for long: their counters are about to meet their ends. */
function drawCounters(random: Random): Pick<SimulationConfig, 'counters'> {
  if (random.below(4) !== 0) return {};
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
  const near = random.below(300);
  return {
    counters: {
      words: pick([0, -near, 0x7fff_ffff - near, -0x8000_0000]),
      stamps: pick([0, 0x7fff_ffff - near]),
      numbers: pick([0, 2 ** 31 - 2, 2 ** 32 - 3]),
      nanoseconds: pick([0, 2 ** 53, 2 ** 32 - 1]),
    },
  };
}

/** What {@link vmConfig} and {@link portChoice} make of a number. */
export function drawVm(random: Random): number {
  const vlan = random.below(2) === 0 ? 0 : random.below(4);
  const usual = vlan | (random.below(4) << 2) | (random.below(8) << 4);
  return usual | (random.below(1024) << 7);
}

/** Little memory: a world is made and torn down in milliseconds. */
export function smallSizes(
  config: HostConfigInput,
  { limits = {}, channel = { sendSections: 12, ringBytes: 4096 } }: Partial<SimulationConfig> = {},
): HostSizes {
  const vms = (config.maxVms ?? 8) + 2;
  const buffers = config.nic?.receiveBuffers ?? 32;
  const processors = config.processors ?? 4;
  // 6.20: a queue's buffers lie in the VM's sections, of which half at most are loaned.
  const receiveSections = config.ndisVersion === '6.20' ? 2 * buffers + 32 : 24;
  return {
    hostMemoryBytes: 128 * 1024 + (vms + 4) * (buffers * 2112 + 16_384) + processors * (32 * 2112 + 65_536),
    receiveWire: { slots: 64, dataBytes: 131_072 },
    transmitWire: { slots: 64, dataBytes: 131_072 },
    sendBuffers: 32,
    guestFrames: 32,
    guest: { maxFrameBytes: 1514, receiveSections, ...channel },
    limits,
  };
}
