/**
 * The configuration of a host, checked: what a YAML file or a program may say, with every default.
 *
 * Unknown keys, duplicate MAC addresses and values out of range are refused with the path of the key, so a typo
 * never silently becomes a default.
 */
import { MAX_RECEIVE_ENGINES, NIC_PROFILES } from '@vmq/nic';
import { formatMacAddress, isGroupMac, parseIpv4Address, parseIpv6Address, parseMacAddress } from '@vmq/wire';
import { z } from 'zod';

const MOST_VMS = 64;
/** Room for VMs that come later, where the configuration does not say. */
const SPARE_VMS = 8;

/** A virtual machine. */
export interface VmConfig {
  /** Unique name; also the queue's VmFriendlyName. */
  readonly name: string;
  /** The adapter's address, e.g. `00-15-5D-00-00-01`. */
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
  /** Seed of the deterministic executor; default 1. */
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
  /** Default true. */
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
    /** Further INF keywords; they override what `vmq` and `jumboPacket` say. */
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

const mac = z.string().refine((text) => parseMacAddress(text) !== null, {
  error: (issue) => `expected a MAC address like 00-15-5D-00-00-01, found ${JSON.stringify(issue.input)}`,
});
const address = z
  .string()
  .refine((text) => parseIpv4Address(text) !== null || parseIpv6Address(text) !== null, {
    error: (issue) => `expected an IPv4 or IPv6 address, found ${JSON.stringify(issue.input)}`,
  });
const powerOfTwo = (low: number, high: number) =>
  z
    .int()
    .min(low)
    .max(high)
    .refine((value) => (value & (value - 1)) === 0, { error: 'expected a power of two' });

/** A name is printed in reports and on terminals. */
const label = (most: number): z.ZodString =>
  z
    .string()
    .min(1)
    .max(most)
    .refine((text) => !/\p{Cc}/u.test(text), { error: 'expected a name without control characters' });

const vmSchema: z.ZodType<VmConfig> = z.strictObject({
  name: label(64),
  /** The adapter's address. */
  mac,
  vlan: z.int().min(0).max(4094).default(0),
  vmqWeight: z.int().min(0).max(100).default(100),
  allowMacSpoofing: z.boolean().default(false),
  addresses: z.array(address).default([]),
  answer: z.boolean().default(false),
});

const vmsSchema = z
  .array(vmSchema)
  .max(MOST_VMS)
  .superRefine((vms, context) => {
    const names = new Map<string, number>();
    const macs = new Map<string, number>();
    vms.forEach((vm, i) => {
      const parsed = parseMacAddress(vm.mac);
      const key = parsed === null ? '' : formatMacAddress(parsed.hi, parsed.lo);
      if (parsed !== null && isGroupMac(parsed.hi)) {
        context.addIssue({ code: 'custom', path: [i, 'mac'], message: `${vm.mac} is a group address` });
      }
      for (const [seen, value, member] of [
        [names, vm.name, 'name'],
        [macs, key, 'mac'],
      ] as const) {
        const before = seen.get(value);
        if (before !== undefined) {
          const message = `${vm[member]} is also the ${member} of vms[${before}] (${vms[before]?.name})`;
          context.addIssue({ code: 'custom', path: [i, member], message });
        } else seen.set(value, i);
      }
    });
  });

/** The adapter would not come up with a frame its device cannot hold; here the key can be named. */
function checkLongestFrame(nic: HostConfig['nic'], context: z.core.$RefinementCtx): void {
  const profile = Object.hasOwn(NIC_PROFILES, nic.profile) ? NIC_PROFILES[nic.profile] : undefined;
  if (profile === undefined) return; // said already
  const most = profile.maxFrameBytes;
  const keyword = nic.keywords['*JumboPacket'];
  const [path, value] =
    keyword === undefined ? [['jumboPacket'], nic.jumboPacket] : [['keywords', '*JumboPacket'], keyword];
  const bytes = typeof value === 'string' && !/^\d+$/.test(value) ? Number.NaN : Number(value);
  if (Number.isInteger(bytes) && bytes >= 60 && bytes <= most) return;
  const message = `expected a frame length from 60 to ${most}, which ${nic.profile} can hold; found ${JSON.stringify(value)}`;
  context.addIssue({ code: 'custom', path, message });
}

const hostConfigSchema: z.ZodType<HostConfig> = z
  .strictObject({
    name: label(32).default('host'),
    seed: z.int().default(1),
    schedule: z.enum(['random', 'round-robin']).default('random'),
    executor: z.enum(['deterministic', 'threads']).default('deterministic'),
    processors: z.int().min(1).max(64).default(4),
    vmq: z.boolean().default(true),
    ndisVersion: z.enum(['6.20', '6.30']).default('6.30'),
    nic: z
      .strictObject({
        profile: z
          .string()
          .refine((name) => Object.hasOwn(NIC_PROFILES, name), {
            error: (issue) =>
              `expected one of ${Object.keys(NIC_PROFILES).join(', ')}; found ${JSON.stringify(issue.input)}`,
          })
          .default('vmq-nic'),
        jumboPacket: z.int().min(60).max(16_000).default(1514),
        keywords: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
        receiveBuffers: powerOfTwo(32, 1024).default(256),
        receiveEngines: z.int().min(1).max(MAX_RECEIVE_ENGINES).default(1),
      })
      .superRefine(checkLongestFrame)
      .prefault({}),
    switch: z
      .strictObject({
        name: label(64).default('external'),
        floodUnknownUnicast: z.boolean().default(false),
      })
      .prefault({}),
    vms: vmsSchema.default([]),
    maxVms: z.int().min(0).max(MOST_VMS).optional(),
  })
  .refine(({ maxVms, vms }) => maxVms === undefined || maxVms >= vms.length, {
    path: ['maxVms'],
    error: 'expected no fewer than there are VMs',
  })
  .refine(({ nic, processors }) => nic.receiveEngines <= processors, {
    path: ['nic', 'receiveEngines'],
    error: 'expected no more than there are processors',
  });

/** One thing that is wrong: where, and what was expected. */
export interface ConfigProblem {
  /** Path of the key, e.g. `vms[1].mac`. */
  readonly path: string;
  readonly message: string;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: HostConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Checks a configuration from anywhere. Never throws. */
export function checkHostConfig(input: unknown): ConfigResult {
  const result = hostConfigSchema.safeParse(input);
  return result.success
    ? { ok: true, config: result.data }
    : { ok: false, problems: problemsOf(result.error.issues) };
}

export type VmConfigResult =
  | { readonly ok: true; readonly vm: VmConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Checks one VM. Never throws. */
export function checkVmConfig(input: unknown): VmConfigResult {
  const result = vmsSchema.safeParse([input]);
  if (result.success) return { ok: true, vm: result.data[0] as VmConfig };
  const issues = result.error.issues.map((issue) => ({ ...issue, path: issue.path.slice(1) }));
  return { ok: false, problems: problemsOf(issues) };
}

function problemsOf(issues: readonly z.core.$ZodIssue[]): ConfigProblem[] {
  return issues.flatMap((issue) => {
    const at = pathText(issue.path);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: at === '' ? key : `${at}.${key}`,
        message: 'unknown key',
      }));
    }
    return [{ path: at, message: issue.message }];
  });
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
}
