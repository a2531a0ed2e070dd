/**
 * The channels of the ports on one processor: opened and closed as publications say, and which of them this processor
 * polls for its guest.
 */

import type { NetBufferList, ProcessorServices } from '@vmq/ddi';
import type { AgentContext } from '@vmq/machine';
import type { GuestFrameBatch } from '@vmq/netvsc';
import { type ChannelHost, createChannelHost } from '@vmq/netvsc';
import type { Delivery } from '../delivery/delivery.ts';
import { LoanedFrames } from '../delivery/loaned-frames.ts';
import type { SendPath } from '../delivery/send-path.ts';
import type { PortImage } from '../model/messages.ts';
import type { PortTable } from '../model/port-table.ts';
import { type GuestFrameSink, GuestPort } from '../sending/guest-port.ts';

export interface ChannelParts {
  /** By port; null where frames are not left with the guest. */
  readonly loaned: (LoanedFrames | null)[];
  readonly frames: GuestFrameBatch;
  readonly send: SendPath;
  readonly sink: { readonly sink: GuestFrameSink; readonly wake: () => void };
  /** Returns NBLs of one VM queue. */
  readonly giveBack: (chain: NetBufferList | null) => void;
}

export class Channels {
  readonly #context: AgentContext;
  readonly #processor: ProcessorServices;
  readonly #ports: PortTable;
  readonly #delivery: Delivery;
  readonly #parts: ChannelParts;
  /** Generation of the channel each port has here, -1 = none. */
  readonly #generations: Int32Array;
  readonly #guestPorts: Map<number, GuestPort> = new Map();

  constructor(
    context: AgentContext,
    processor: ProcessorServices,
    ports: PortTable,
    delivery: Delivery,
    parts: ChannelParts,
  ) {
    this.#context = context;
    this.#processor = processor;
    this.#ports = ports;
    this.#delivery = delivery;
    this.#parts = parts;
    this.#generations = new Int32Array(parts.loaned.length).fill(-1);
  }

  /** Brings the channels to what a publication says. */
  load(images: readonly PortImage[]): void {
    const here = new Set(images.map(({ port }) => port));
    for (let port = 0; port < this.#generations.length; port++) {
      if (!here.has(port) && this.#generations[port] >= 0) this.#close(port);
    }
    for (const image of images) this.#loadPort(image);
  }

  /** NBLs of the frames that the port's guest is done with, as a chain. */
  collect(port: number): NetBufferList | null {
    const loaned = this.#parts.loaned[port];
    return loaned === null ? null : loaned.collect(this.#ports.channels[port] as ChannelHost);
  }

  #loadPort(image: PortImage): void {
    const { port, channel, channelGeneration } = image;
    if (this.#generations[port] !== channelGeneration) {
      this.#close(port);
      this.#generations[port] = channelGeneration;
      if (channel !== null) this.#setChannel(port, createChannelHost(this.#context, channel));
    }
    const host = this.#ports.channels[port];
    const mine = host !== null && image.processor === this.#processor.index;
    // Left in place only where the guest's completions are read: there NBLs go back as they came.
    this.#allowLoans(port, mine && image.leavesInPlace ? host : null);
    const there = this.#guestPorts.get(port);
    if (there !== undefined && (!mine || there.image.vector !== image.vector)) {
      there.close();
      this.#guestPorts.delete(port);
    }
    if (!mine || this.#guestPorts.has(port)) return;
    const { frames, send, sink } = this.#parts;
    const about = { port, vector: image.vector, generation: channelGeneration, channel: host };
    const made = new GuestPort(about, this.#processor, frames, send, sink);
    this.#guestPorts.set(port, made);
    made.open();
  }

  /** From now on frames of the port's queue may be left with its guest, or not: then the NBLs that it still has go back. */
  #allowLoans(port: number, channel: ChannelHost | null): void {
    const { loaned, giveBack } = this.#parts;
    const before = loaned[port];
    if (channel !== null) {
      if (before === null) loaned[port] = new LoanedFrames(channel.sectionCount);
      return;
    }
    loaned[port] = null;
    if (before !== null) giveBack(before.all());
  }

  #setChannel(port: number, channel: ChannelHost | null): void {
    this.#ports.channels[port] = channel;
    this.#delivery.setChannel(port, channel);
  }

  #close(port: number): void {
    this.#allowLoans(port, null);
    this.#guestPorts.get(port)?.close();
    this.#guestPorts.delete(port);
    this.#setChannel(port, null);
    this.#generations[port] = -1;
  }
}
