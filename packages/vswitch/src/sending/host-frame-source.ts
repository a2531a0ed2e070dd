/**
 * Frames that the host itself sends on behalf of a VM, such as the announcement of one that has just come to this
 * host. They go the way of the guest's own frames: into a send buffer, through the port's rules, out.
 */

import type { ProcessorServices } from '@vmq/ddi';
import type { MemorySegment } from '@vmq/machine';
import type { GuestFrameBatch } from '@vmq/netvsc';
import type { BufferWaiter, SendPath } from '../delivery/send-path.ts';
import type { HostFrames } from '../model/messages.ts';
import type { GuestFrameSink } from './guest-port.ts';

export class HostFrameSource implements BufferWaiter {
  readonly #processor: ProcessorServices;
  readonly #frames: GuestFrameBatch;
  readonly #send: SendPath;
  readonly #host: MemorySegment;
  readonly #sink: GuestFrameSink;
  readonly #wake: () => void;
  #waiting: { readonly port: number; readonly bytes: Uint8Array }[] = [];

  constructor(
    host: MemorySegment,
    processor: ProcessorServices,
    frames: GuestFrameBatch,
    send: SendPath,
    sink: { readonly sink: GuestFrameSink; readonly wake: () => void },
  ) {
    this.#host = host;
    this.#processor = processor;
    this.#frames = frames;
    this.#send = send;
    this.#sink = sink.sink;
    this.#wake = sink.wake;
  }

  /** Between batches: the frames leave in a DPC. */
  add({ port, frames }: HostFrames): void {
    for (const bytes of frames) this.#waiting.push({ port, bytes });
    this.#processor.queueDpc(this);
  }

  runDpc(): void {
    const waiting = this.#waiting;
    const frames = this.#frames;
    this.#waiting = [];
    for (let i = 0; i < waiting.length; i++) {
      const { port, bytes } = waiting[i];
      if (frames.bufferCount === 0) {
        this.#waiting = waiting.slice(i);
        this.#send.wait(this);
        return;
      }
      this.#host.u8.set(bytes, frames.buffers[frames.bufferCount - 1]);
      frames.add(bytes.length, 0, -1);
      this.#sink.switchFromGuest(port);
    }
  }

  buffersAvailable(): void {
    this.#processor.queueDpc(this);
    this.#wake();
  }
}
