/**
 * How an endpoint sends: into the channel's send buffer, with the guest's counters kept.
 */
import type { MemorySegment } from '@vmq/machine';
import type { ChannelGuest } from '@vmq/netvsc';
import type { VcpuPause } from './vcpu-pause.ts';

export class FramePort {
  readonly segment: MemorySegment;
  /** Own MAC address in wire order: first two bytes, last four (unsigned). */
  macHi = 0;
  macLo = 0;
  /** The same as a frame's first two words show it (int32): bytes 0 to 3, bytes 4 and 5. */
  macFirst = 0;
  macLast = 0;
  framesSent = 0;
  /** All frames ever committed here; an int32 that wraps. */
  committed = 0;
  bytesSent = 0;
  readonly #channel: ChannelGuest;
  readonly #vcpu: VcpuPause;

  constructor(segment: MemorySegment, channel: ChannelGuest, vcpuPause: VcpuPause) {
    this.segment = segment;
    this.#channel = channel;
    this.#vcpu = vcpuPause;
  }

  /** Takes the MAC address over that the host has told. */
  readAddress(): void {
    const low = this.#channel.macLow;
    const high = this.#channel.macHigh;
    this.macFirst = low | 0;
    this.macLast = high;
    this.macHi = ((low & 0xff) << 8) | ((low >>> 8) & 0xff);
    this.macLo =
      ((((low >>> 16) & 0xff) << 24) | ((low >>> 24) << 16) | ((high & 0xff) << 8) | (high >>> 8)) >>> 0;
  }

  get maxFrameBytes(): number {
    return this.#channel.maxFrameBytes;
  }

  /** The guest is to stand still: nothing new is begun; an answer to a frame it has taken still goes. */
  get isPaused(): boolean {
    return this.#vcpu.isOn;
  }

  /** Byte offset in the segment for the next frame, -1 while there is no room. */
  reserve(): number {
    return this.#channel.reserveSend();
  }

  commit(length: number, tci: number): void {
    this.#channel.commitSend(length, tci);
    this.#vcpu.spend();
    this.committed = (this.committed + 1) | 0;
    this.framesSent++;
    this.bytesSent += length;
  }
}
