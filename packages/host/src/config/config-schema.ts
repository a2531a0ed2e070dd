/** What each key of a configuration may be. What keys say together is judged in config-agreement.ts. */
import { MAX_SEED } from '@vmq/machine';
import { MAX_RECEIVE_ENGINES, NIC_PROFILES } from '@vmq/nic';
import {
  formatMacAddress,
  isGroupMac,
  isZeroMac,
  parseIpv4Address,
  parseIpv6Address,
  parseMacAddress,
} from '@vmq/wire';
import { z } from 'zod';
import { checkKeywords } from './adapter-keywords.ts';
import { type HostConfig, MOST_VMS, type VmConfig } from './config.ts';
import { shown } from './config-problems.ts';
import { meantName } from './spelling.ts';

type Issue = { readonly input?: unknown };

/** A whole number of a range, both ends included. */
function whole(low: number, high: number) {
  const error = ({ input }: Issue) => `expected a whole number from ${low} to ${high}, found ${shown(input)}`;
  return z.int({ error }).min(low, { error }).max(high, { error });
}

const wrongMac = ({ input }: Issue): string =>
  `expected a MAC address like 00-15-5D-00-00-01, found ${shown(input)}`;

/** A unicast address, in any of the usual forms; taken in the one that Windows prints. */
const mac = z.string({ error: wrongMac }).transform((text, context) => {
  const address = parseMacAddress(text);
  const wrong =
    address === null
      ? wrongMac({ input: text })
      : isGroupMac(address.hi)
        ? `expected the address of one VM, found ${text}, which is a group address`
        : isZeroMac(address.hi, address.lo)
          ? `expected the address of a VM, found ${text}, which is nobody's`
          : null;
  if (address !== null && wrong === null) return formatMacAddress(address.hi, address.lo);
  context.issues.push({ code: 'custom', message: wrong ?? '', input: text, continue: true });
  return text;
});

const address = z
  .string()
  .refine((text) => parseIpv4Address(text) !== null || parseIpv6Address(text) !== null, {
    error: ({ input }) => `expected an IPv4 or IPv6 address, found ${shown(input)}`,
  });

const powerOfTwo = (low: number, high: number) =>
  whole(low, high).refine((value) => (value & (value - 1)) === 0, {
    error: ({ input }) => `expected a power of two, found ${shown(input)}`,
  });

/** Control characters, those that turn the direction of writing round, separators of lines, and halves of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** A name is printed in reports and on terminals. */
const label = (most: number): z.ZodString =>
  z
    .string()
    .min(1)
    .max(most)
    .refine((text) => !UNPRINTABLE.test(text), { error: 'expected a name without control characters' });

/** As a number 6.20 is 6.2, and so it comes back from tools that rewrite files. */
const NDIS_VERSION_SPELLINGS: ReadonlyMap<string, string> = new Map([
  ['6.2', '6.20'],
  ['6.3', '6.30'],
]);
const ndisVersion = z.preprocess(
  (value) => {
    const text = typeof value === 'number' ? String(value) : value;
    return typeof text === 'string' ? (NDIS_VERSION_SPELLINGS.get(text) ?? text) : text;
  },
  z.enum(['6.20', '6.30']),
);

const profile = z.string().refine((name) => Object.hasOwn(NIC_PROFILES, name), {
  error: ({ input }) => {
    const names = Object.keys(NIC_PROFILES);
    const meant = typeof input === 'string' ? meantName(input, names) : null;
    const hint = meant === null ? '' : `; did you mean ${meant}?`;
    return `expected one of ${names.join(', ')}; found ${shown(input)}${hint}`;
  },
});

const vmSchema: z.ZodType<VmConfig> = z.strictObject({
  name: label(64),
  mac,
  vlan: whole(0, 4094).default(0),
  vmqWeight: whole(0, 100).default(100),
  allowMacSpoofing: z.boolean().default(false),
  addresses: z.array(address).default([]),
  answer: z.boolean().default(false),
});

export const vmsSchema: z.ZodType<readonly VmConfig[]> = z
  .array(vmSchema)
  .max(MOST_VMS)
  .superRefine((vms, context) => {
    const names = new Map<string, number>();
    const macs = new Map<string, number>();
    vms.forEach((vm, i) => {
      for (const [seen, member] of [
        [names, 'name'],
        [macs, 'mac'],
      ] as const) {
        const before = seen.get(vm[member]);
        if (before !== undefined) {
          const message = `${vm[member]} is also the ${member} of vms[${before}] (${vms[before]?.name})`;
          context.addIssue({ code: 'custom', path: [i, member], message });
        } else seen.set(vm[member], i);
      }
    });
  });

/** Of the NIC as it was written: what a keyword can say too has no default here. */
type WrittenNic = Pick<HostConfig['nic'], 'profile' | 'receiveEngines'> & {
  readonly [Key in Exclude<keyof HostConfig['nic'], 'profile' | 'receiveEngines' | 'keywords'>]?:
    | number
    | undefined;
} & { readonly keywords: Readonly<Record<string, unknown>> };

const nicSchema: z.ZodType<WrittenNic> = z.strictObject({
  profile: profile.default('vmq-nic'),
  jumboPacket: whole(60, 16_000).optional(),
  receiveBuffers: powerOfTwo(32, 1024).optional(),
  receiveEngines: whole(1, MAX_RECEIVE_ENGINES).default(1),
  baseProcessorNumber: whole(0, 63).optional(),
  maxProcessors: whole(1, 64).optional(),
  maxProcessorNumber: whole(0, 63).optional(),
  keywords: z.record(z.string(), z.unknown()).superRefine(checkKeywords).default({}),
});

/** As the registry has it. */
const vmqSetting = z
  .literal([0, 1, 2], {
    error: ({ input }) => `expected 0 (the host's default), 1 (on) or 2 (off), found ${shown(input)}`,
  })
  .default(1);

const switchSchema = z.strictObject({
  name: label(64).default('external'),
  floodUnknownUnicast: z.boolean().default(false),
  tenGigVmqEnabled: vmqSetting,
  belowTenGigVmqEnabled: vmqSetting,
  vmqProcessors: z.array(whole(0, 63)).min(1).optional(),
});

/** As it was written, each key for itself: what has a keyword too has its default only when both have been heard. */
export type WrittenConfig = Pick<
  HostConfig,
  'name' | 'seed' | 'schedule' | 'executor' | 'processors' | 'ndisVersion' | 'switch' | 'vms' | 'maxVms'
> & {
  readonly vmq?: boolean | undefined;
  readonly nic: WrittenNic;
};

/** `agree`: what must be right between keys. */
export function writtenConfigSchema(
  agree: (written: WrittenConfig, context: z.core.$RefinementCtx) => void,
): z.ZodType<WrittenConfig> {
  return z
    .strictObject({
      name: label(32).default('host'),
      seed: whole(0, MAX_SEED).default(1),
      schedule: z.enum(['random', 'round-robin']).default('random'),
      executor: z.enum(['deterministic', 'threads']).default('deterministic'),
      processors: whole(1, 64).default(4),
      vmq: z.boolean().optional(),
      ndisVersion: ndisVersion.default('6.30'),
      nic: nicSchema.prefault({}),
      switch: switchSchema.prefault({}),
      vms: vmsSchema.default([]),
      maxVms: whole(0, MOST_VMS).optional(),
    })
    .superRefine(agree);
}
