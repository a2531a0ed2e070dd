/** What a VM on its way says of itself beside its memory: JSON in the transferred state, judged before it is used. */

import { checkVmConfig, guestMemoryBytes, type VmConfig } from '@vmq/host';
import { type GuestLayoutOptions, layoutGuest, type SavedChannel } from '@vmq/netvsc';
import type { PortProperties } from '@vmq/vswitch';
import { z } from 'zod';
import { type Judged, readJson } from './json.ts';

/** The VM as its new host has to know it before anything is moved. */
export interface VmDescription {
  readonly vm: VmConfig;
  /** Marks the frames it sends. */
  readonly number: number;
  readonly memoryBytes: number;
  readonly layout: GuestLayoutOptions & {
    readonly maxFrameBytes: number;
    readonly receiveSections: number;
    readonly sendSections: number;
    readonly ringBytes: number;
  };
  readonly port: PortProperties;
}

/** Its channel as it was saved, all but the bytes of the host's private state. */
export type ChannelDescription = Omit<SavedChannel, 'state'>;

const vlanId = z.int().min(0).max(4094);
const vlans = z.array(vlanId).max(4095);
const portSchema: z.ZodType<PortProperties> = z.strictObject({
  vlan: z.union([
    z.strictObject({ mode: z.literal('access'), vlan: vlanId }),
    z.strictObject({
      mode: z.literal('trunk'),
      native: vlanId,
      vlans: vlans.readonly(),
      prune: vlans.readonly().exactOptional(),
    }),
  ]),
  allowMacSpoofing: z.boolean(),
  allowTeaming: z.boolean(),
  vmqWeight: z.int().min(0).max(100),
  preserveVlan: z.boolean(),
  preservePriority: z.boolean(),
});

const count = z.int().min(1).max(65_536);
const bytes = z.int().min(0).max(0x7fff_f000);
const vmDescription = z.strictObject({
  vm: z.unknown(),
  number: z.int().min(0).max(0x7fff_ffff),
  memoryBytes: bytes,
  layout: z.strictObject({
    maxFrameBytes: z.int().min(60).max(16_000),
    receiveSections: count,
    sendSections: z.int().min(1).max(512),
    ringBytes: z
      .int()
      .min(4096)
      .max(1 << 24),
  }),
  port: portSchema,
});

const ring = z.strictObject({ offset: bytes, dataBytes: bytes });
const sections = z.strictObject({ offset: bytes, sectionSize: bytes, sectionCount: count });
const channelDescription: z.ZodType<ChannelDescription> = z.strictObject({
  toGuest: ring,
  toHost: ring,
  receive: sections,
  send: sections,
  maxFrameBytes: z.int().min(60).max(16_000),
  stateSections: count,
  ndisVersion: z.int().min(0).max(0x7fff_ffff),
});

/** What a VM on its way says when nothing of it runs any more, beside bytes. */
export interface StoppedDescription {
  readonly channel: ChannelDescription;
  /** Somebody had paused it: it is not to run on its new host until somebody resumes it. */
  readonly isSuspended: boolean;
}

const stoppedDescription: z.ZodType<StoppedDescription> = z.strictObject({
  channel: channelDescription,
  isSuspended: z.boolean(),
});

const wrong = (reason: string): { readonly ok: false; readonly reason: string } => ({ ok: false, reason });

export function readVmDescription(text: string): Judged<VmDescription> {
  const read = readJson(text, vmDescription);
  if (!read.ok) return read;
  const { vm, ...rest } = read.value;
  const checked = checkVmConfig(vm);
  if (!checked.ok) {
    return wrong(checked.problems.map(({ path, message }) => `vm.${path}: ${message}`).join('; '));
  }
  const needed = guestMemoryBytes(rest.layout);
  if (needed !== rest.memoryBytes)
    return wrong(`memoryBytes: its layout needs ${needed}, found ${rest.memoryBytes}`);
  return { ok: true, value: { ...rest, vm: checked.vm } };
}

export function readStoppedDescription(text: string): Judged<StoppedDescription> {
  return readJson(text, stoppedDescription);
}

/** The layout with every default filled in, as it is sent. */
export function completeLayout(layout: GuestLayoutOptions): VmDescription['layout'] {
  const { maxFrameBytes, ringBytes } = layoutGuest(layout);
  return {
    maxFrameBytes,
    receiveSections: layout.receiveSections ?? 512,
    sendSections: layout.sendSections ?? 64,
    ringBytes,
  };
}
