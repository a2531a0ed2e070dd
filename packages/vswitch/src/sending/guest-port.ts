/**
 * The side of a port that faces its guest: takes what the guest sends out of its channel, on the processor the
 * port was given.
 *
 *   guest's signal ─vector─> ISR ─> DPC ─> channel.poll ─> a batch of frames in host memory ─> the switch
 */
import type { ProcessorServices } from '@vmq/ddi';
import type { ChannelHost, GuestFrameBatch } from '@vmq/netvsc';
import type { BufferWaiter, SendPath } from '../delivery/send-path.ts';

/** Who switches the frames; the processor's data path. */
export interface GuestFrameSink {
  /** Most packets of a guest that are read in a DPC. */
  readonly channelBudget: number;
  /** The poll is over: the frames of the batch came from `port`, and their buffers are the sink's. */
  switchFromGuest(port: number): void;
}

/** Of a guest port: its number, the vector of the guest's signals, and its channel with its generation. */
export interface GuestPortImage {
  readonly port: number;
  readonly vector: number;
  readonly generation: number;
  readonly channel: ChannelHost;
}

export class GuestPort implements BufferWaiter {
  readonly image: GuestPortImage;
  readonly #processor: ProcessorServices;
  readonly #frames: GuestFrameBatch;
  readonly #send: SendPath;
  readonly #sink: GuestFrameSink;
  readonly #wake: () => void;
  #closed = false;

  constructor(
    image: GuestPortImage,
    processor: ProcessorServices,
    frames: GuestFrameBatch,
    send: SendPath,
    sink: { readonly sink: GuestFrameSink; readonly wake: () => void },
  ) {
    this.image = image;
    this.#processor = processor;
    this.#frames = frames;
    this.#send = send;
    this.#sink = sink.sink;
    this.#wake = sink.wake;
  }

  /** Connects the vector, and looks once: the guest may have signalled before. */
  open(): void {
    this.#processor.connect(this.image.vector, this);
    this.#processor.queueDpc(this);
  }

  close(): void {
    this.#closed = true;
    this.#processor.connect(this.image.vector, null);
  }

  interrupt(_vector: number): void {
    this.#processor.queueDpc(this);
  }

  runDpc(): void {
    if (this.#closed) return;
    const frames = this.#frames;
    frames.starved = false;
    const more = this.image.channel.poll(frames, this.#sink.channelBudget);
    this.#sink.switchFromGuest(this.image.port);
    if (!more) return;
    // What stayed in the switch has given its buffers back by now; if nothing has, wait for the adapter.
    if (frames.starved && frames.bufferCount === 0) this.#send.wait(this);
    else this.#processor.queueDpc(this);
  }

  buffersAvailable(): void {
    if (this.#closed) return;
    this.#processor.queueDpc(this);
    this.#wake();
  }
}
