/** The VMs of a host: memory, channel, agent, and what each has received. */
import {
  createGuestRecordReader,
  createGuestStatistics,
  type GuestAgentData,
  type GuestRecordReader,
  readGuestStatistics,
} from '@vmq/guest';
import { type AgentAssignment, createFrameRing, type FrameRingImage, type Machine } from '@vmq/machine';
import { type ChannelControl, createChannelControl } from '@vmq/vmbus';
import { type MacAddress, parseMacAddress } from '@vmq/wire';
import type { HostConfig, VmConfig } from './config.ts';
import type { ReceivedFrame } from './host.ts';
import { frameRoom, guestLayout, guestMemoryBytes } from './sizing.ts';

export interface Guest {
  readonly vm: VmConfig;
  readonly mac: MacAddress;
  /** Id of its partition's memory segment. */
  readonly segment: number;
  readonly channel: ChannelControl;
  /** How its agent is started. */
  readonly assignment: AgentAssignment;
  takeReceived(take: (frame: ReceivedFrame) => void): number;
  statistics(): Readonly<Record<string, number>>;
}

/** Name of a VM's agent on the machine. */
export const guestAgentName = (vm: VmConfig): string => `vm:${vm.name}`;

/** Gives a VM its memory and its channel; `number` counts the VMs from 1. */
export function createGuest(
  machine: Machine,
  config: HostConfig,
  vm: VmConfig,
  number: number,
  recordFrames: number,
): Guest {
  const mac = parseMacAddress(vm.mac) as MacAddress;
  const name = guestAgentName(vm);
  const segment = machine.memory.addSegment(name, guestMemoryBytes(config));
  const channel = createChannelControl(machine, {
    channel: number,
    segment: segment.id,
    guestAgent: machine.agent(name),
    macAddress: [
      mac.hi >>> 8,
      mac.hi & 255,
      mac.lo >>> 24,
      (mac.lo >>> 16) & 255,
      (mac.lo >>> 8) & 255,
      mac.lo & 255,
    ],
    maxFrameBytes: config.nic.jumboPacket,
    receiveSections: guestLayout(config).receiveSections as number,
  });
  const record: FrameRingImage | null =
    recordFrames > 0 ? createFrameRing(recordFrames, recordFrames * (frameRoom(config) + 64)) : null;
  const statistics = createGuestStatistics();
  const data: GuestAgentData = {
    segment: segment.id,
    messages: channel.messages,
    number,
    statistics,
    layout: guestLayout(config),
    ...(record ? { record } : {}),
    ...(vm.answer ? { responder: responderFor(vm) } : {}),
  };
  const reader: GuestRecordReader | null = record ? createGuestRecordReader(machine, name, record) : null;
  return {
    vm,
    mac,
    segment: segment.id,
    channel,
    assignment: { name, factory: 'guest', data },
    takeReceived(take) {
      const frames = reader?.read() ?? [];
      for (const { number: delivery, bytes, tci } of frames) {
        take({ delivery, bytes, offset: 0, length: bytes.length, tci });
      }
      return frames.length;
    },
    statistics: () => readGuestStatistics(statistics),
  };
}

function responderFor(vm: VmConfig): NonNullable<GuestAgentData['responder']> {
  return {
    ipv4: vm.addresses.filter((address) => address.includes('.')),
    ipv6: vm.addresses.filter((address) => address.includes(':')),
    // A VM that was given no address answers for those that others use for it, as a replay needs.
    answer: vm.addresses.length === 0 ? 'any' : 'configured',
  };
}
