/** How much memory of each kind a configuration needs, so that nothing has to be guessed or grown later. */
import { ENDPOINT_PAGE_BYTES } from '@vmq/guest';
import { type GuestLayoutOptions, layoutGuest } from '@vmq/vmbus';
import { type HostConfig, mostVms } from './config.ts';

/** Bytes of a frame's room: a whole number of 64-byte lines, with space for a tag. */
export function frameRoom(config: HostConfig): number {
  return Math.ceil((config.nic.jumboPacket + 4) / 64) * 64;
}

/** Host memory: buffers and rings of every queue, send buffers of every processor, and room to spare. */
export function hostMemoryBytes(config: HostConfig): number {
  const buffer = Math.max(2048, frameRoom(config)) + 64;
  const queues = mostVms(config) + 1;
  const receive = queues * (config.nic.receiveBuffers * (buffer + 64) + 65_536);
  const transmit = config.processors * (SEND_BUFFERS * buffer + 65_536);
  return 8 * 1024 * 1024 + receive + transmit;
}

/** Send buffers of each processor that polls a channel. */
export const SEND_BUFFERS = 512;

/** The guest's driver memory: receive sections for a window of frames, twice over. */
export function guestLayout(config: HostConfig): GuestLayoutOptions {
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
