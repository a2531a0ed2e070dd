/** How much memory of each kind a configuration needs, so that nothing has to be guessed or grown later. */
import { ENDPOINT_PAGE_BYTES } from '@vmq/guest';
import { MOST_TAG_BYTES } from '@vmq/machine';
import { type GuestLayoutOptions, layoutGuest } from '@vmq/netvsc';
import { type HostConfig, mostVms } from './config.ts';

/** How much is done at a time, and how much may wait: what a host does is the same, but for when. */
export interface HostLimits {
  /** Most frames that a receive engine takes and the device sends in a turn, up to 512 (default). */
  readonly nicBatch?: number;
  /** Descriptors of a processor's transmit queue: a power of two, 2 to 4096, default 512. */
  readonly transmitRingEntries?: number;
  /** Most frames that the miniport's DPC indicates, of all its queues; at least 1, default 256. */
  readonly indicationBudget?: number;
  /** Most packets of a channel that the switch reads in a turn; at least 1, default 64. */
  readonly channelBudget?: number;
  /** Most frames that a guest takes and sends in a turn; at least 1, default 256. */
  readonly guestBudget?: number;
  /** Addresses that the switch can learn; default 4096. */
  readonly macTableEntries?: number;
}

/** Memory that a host is made with. What a machine has is zeroed once; a small one comes up faster. */
export interface HostSizes {
  /** Host physical memory. */
  readonly hostMemoryBytes: number;
  /** The wire towards the NIC, and the one it transmits to: frames (a power of two) and bytes. */
  readonly receiveWire: { readonly slots: number; readonly dataBytes: number };
  readonly transmitWire: { readonly slots: number; readonly dataBytes: number };
  /** Send buffers of each processor that polls a channel. */
  readonly sendBuffers: number;
  /** Frames that a guest's record and a guest's source have room for, a power of two. */
  readonly guestFrames: number;
  /** The network driver's memory in each guest that starts here. */
  readonly guest: GuestLayoutOptions;
  readonly limits: HostLimits;
}

/** What a configuration needs, but for what is said otherwise. Throws for a wire that cannot hold the longest frame. */
export function sizesOf(config: HostConfig, chosen: Partial<HostSizes> = {}): HostSizes {
  const sendBuffers = chosen.sendBuffers ?? SEND_BUFFERS;
  const sizes: HostSizes = {
    hostMemoryBytes: hostMemoryBytes(config, sendBuffers),
    receiveWire: { slots: 512, dataBytes: Math.max(1 << 20, 512 * frameRoom(config)) },
    transmitWire: { slots: 1024, dataBytes: Math.max(1 << 20, 1024 * frameRoom(config)) },
    sendBuffers,
    guestFrames: 4 * Math.min(config.nic.receiveBuffers, 256),
    guest: guestLayout(config),
    limits: {},
    ...chosen,
  };
  // Else the NIC's agent, or a guest's, would find it out when such a frame comes.
  const least = frameRoom(config) + 64;
  for (const wire of ['receiveWire', 'transmitWire'] as const) {
    const { dataBytes } = sizes[wire];
    if (dataBytes < least)
      throw new RangeError(`${wire}: ${dataBytes} bytes, the longest frame needs ${least}`);
  }
  return sizes;
}

/** Bytes of a frame's room: a whole number of 64-byte lines, with space for its tags. */
export function frameRoom(config: HostConfig): number {
  return Math.ceil((config.nic.jumboPacket + MOST_TAG_BYTES) / 64) * 64;
}

/** Host memory: buffers and rings of every queue, send buffers of every processor, and room to spare. */
function hostMemoryBytes(config: HostConfig, sendBuffers: number): number {
  const buffer = Math.max(2048, frameRoom(config)) + 64;
  const queues = mostVms(config) + 1;
  const receive = queues * (config.nic.receiveBuffers * (buffer + 64) + 65_536);
  const transmit = config.processors * (sendBuffers * buffer + 65_536);
  return 8 * 1024 * 1024 + receive + transmit;
}

const SEND_BUFFERS = 512;

/** The guest's driver memory: receive sections for a window of frames, twice over. */
function guestLayout(config: HostConfig): GuestLayoutOptions {
  return {
    maxFrameBytes: config.nic.jumboPacket,
    receiveSections: Math.max(512, 2 * config.nic.receiveBuffers),
    sendSections: 64,
  };
}

/** The driver's memory, and behind it the page of the guest's programs. */
export function guestMemoryBytes(layout: GuestLayoutOptions): number {
  return layoutGuest(layout).end + ENDPOINT_PAGE_BYTES;
}
