/**
 * Frames that the host itself sends on behalf of a VM, such as the announcement of one that has just come to this
 * host. They go the way of the guest's own frames: into a send buffer, through the port's rules, out.
 */

import type { ProcessorServices } from '@vmq/ddi';
import type { MemorySegment } from '@vmq/machine';
import type { HostFrames } from '../model/messages.ts';
import type { GuestFrameSink } from './guest-port.ts';
import type { BufferWaiter, SendPath } from './send-path.ts';

export class HostFrameSource implements BufferWaiter {
  readonly #processor: ProcessorServices;
  readonly #send: SendPath;
  readonly #host: MemorySegment;
  readonly #sink: GuestFrameSink;
  readonly #wake: () => void;
  #waiting: { readonly port: number; readonly bytes: Uint8Array }[] = [];

  constructor(
    processor: ProcessorServices,
    send: SendPath,
    host: MemorySegment,
    sink: GuestFrameSink,
    wake: () => void,
  ) {
    this.#processor = processor;
    this.#send = send;
    this.#host = host;
    this.#sink = sink;
    this.#wake = wake;
  }

  /** Between batches: the frames leave in a DPC. */
  add({ port, frames }: HostFrames): void {
    for (const bytes of frames) this.#waiting.push({ port, bytes });
    this.#processor.queueDpc(this);
  }

  runDpc(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let i = 0; i < waiting.length; i++) {
      const { port, bytes } = waiting[i];
      const at = this.#send.take();
      if (at < 0) {
        this.#waiting = waiting.slice(i);
        this.#send.wait(this);
        return;
      }
      this.#host.u8.set(bytes, at);
      this.#sink.frameFromGuest(port, at, bytes.length, 0);
      this.#sink.endOfPoll(port);
    }
  }

  buffersAvailable(): void {
    this.#processor.queueDpc(this);
    this.#wake();
  }
}
