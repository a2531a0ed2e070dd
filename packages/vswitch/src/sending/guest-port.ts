/**
 * The side of a port that faces its guest: takes what the guest sends out of its channel, on the processor the
 * port was given.
 *
 *   guest's signal ─vector─> ISR ─> DPC ─> channel.poll ─> frame in host memory ─> checks ─> forwarder
 */
import type { ProcessorServices } from '@vmq/ddi';
import type { ChannelHost, GuestFrameHandler } from '@vmq/vmbus';
import type { BufferWaiter, SendPath } from './send-path.ts';

/** Who switches the frames; the processor's data path. */
export interface GuestFrameSink {
  /** Most packets of a guest that are read in a DPC. */
  readonly channelBudget: number;
  /** The frame at `offset` of host memory came from `port`; its buffer is the sink's now. */
  frameFromGuest(port: number, offset: number, length: number, tci: number): void;
  /** The poll is over: deliver, send, count. */
  endOfPoll(port: number): void;
}

export class GuestPort implements GuestFrameHandler, BufferWaiter {
  readonly port: number;
  readonly vector: number;
  readonly generation: number;
  readonly #channel: ChannelHost;
  readonly #processor: ProcessorServices;
  readonly #send: SendPath;
  readonly #sink: GuestFrameSink;
  readonly #wake: () => void;
  /** A buffer given to the channel that no frame has come for, or -1. */
  #buffer = -1;
  #starved = false;
  #closed = false;

  constructor(
    port: number,
    vector: number,
    generation: number,
    channel: ChannelHost,
    processor: ProcessorServices,
    send: SendPath,
    sink: GuestFrameSink,
    wake: () => void,
  ) {
    this.port = port;
    this.vector = vector;
    this.generation = generation;
    this.#channel = channel;
    this.#processor = processor;
    this.#send = send;
    this.#sink = sink;
    this.#wake = wake;
  }

  /** Connects the vector, and looks once: the guest may have signalled before. */
  open(): void {
    this.#processor.connect(this.vector, this);
    this.#processor.queueDpc(this);
  }

  close(): void {
    this.#closed = true;
    this.#processor.connect(this.vector, null);
  }

  interrupt(_vector: number): void {
    this.#processor.queueDpc(this);
  }

  runDpc(): void {
    if (this.#closed) return;
    this.#starved = false;
    const more = this.#channel.poll(this, this.#sink.channelBudget);
    if (this.#buffer >= 0) {
      this.#send.give(this.#buffer);
      this.#buffer = -1;
    }
    this.#sink.endOfPoll(this.port);
    if (!more) return;
    // What stayed in the switch has given its buffers back by now; if nothing has, wait for the adapter.
    if (this.#starved && this.#send.available === 0) this.#send.wait(this);
    else this.#processor.queueDpc(this);
  }

  buffersAvailable(): void {
    if (this.#closed) return;
    this.#processor.queueDpc(this);
    this.#wake();
  }

  frameBuffer(_length: number): number {
    // The control half opens no channel whose frames are longer than a buffer.
    if (this.#buffer < 0) this.#buffer = this.#send.take();
    if (this.#buffer < 0) this.#starved = true;
    return this.#buffer;
  }

  frameReady(offset: number, length: number, tci: number): void {
    this.#buffer = -1;
    this.#sink.frameFromGuest(this.port, offset, length, tci);
  }
}
