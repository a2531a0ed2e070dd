/**
 * How the caller's thread learns that a worker thread is gone, however it went (it returned, called process.exit, ran out
 * of memory, was terminated), although it may be waiting without its event loop, where no 'exit' event arrives.
 *
 *   caller ── port ═══════════════ port ── worker (nobody sends anything)
 *                        ✂  the thread's end closes its port, which leaves a mark in the other's queue
 *
 * Reading the queue finds the mark and closes the caller's port as well. Whether a port is closed can be asked without an
 * event loop in one way only: it is refused as a thing to be transferred. It is offered twice, so that it is refused, for
 * another reason, while it is open, too.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

const OPEN = /duplicate/i;

export class LifeLine {
  /** The worker's end: to be transferred to it, which need not do anything with it. */
  readonly workerEnd: MessagePort;
  readonly #end: MessagePort;
  readonly #probe: MessagePort;
  #isCut = false;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#end = port1;
    this.workerEnd = port2;
    this.#end.unref();
    const probe = new MessageChannel();
    this.#probe = probe.port1;
    this.#probe.unref();
    probe.port2.unref();
  }

  /** True once the thread that has the other end is gone. Takes some microseconds. */
  isCut(): boolean {
    if (this.#isCut) return true;
    receiveMessageOnPort(this.#end);
    try {
      this.#probe.postMessage(null, [this.#end, this.#end]);
    } catch (error) {
      this.#isCut = !OPEN.test((error as Error).message);
    }
    if (this.#isCut) this.#probe.close();
    return this.#isCut;
  }

  /** Nobody will ask any more. */
  close(): void {
    this.#isCut = true;
    this.#end.close();
    this.#probe.close();
  }
}
