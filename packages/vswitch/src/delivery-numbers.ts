/**
 * The number of each delivery to a port: the n-th frame its guest receives on its channel.
 *
 *   16 words per port:   +0 lock   +1 frames delivered into its channel
 *
 * Several processors deliver to one port. A channel message is written and its numbers are taken under one lock,
 * so the order of the numbers is the order in the channel's ring, and a reader can join the guest's n-th frame
 * with the trace record that has number n.
 */
const STRIDE = 16;

export function createDeliveryNumbers(maxPorts: number): SharedArrayBuffer {
  return new SharedArrayBuffer(maxPorts * STRIDE * 4);
}

export class DeliveryNumbers {
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  /** Held while the batch's messages are written: {@link lock}, `endBatch`, {@link take}, {@link unlock}. */
  lock(port: number): void {
    const words = this.#words;
    const at = port * STRIDE;
    for (let spins = 0; Atomics.compareExchange(words, at, 0, 1) !== 0; spins++) {
      // Its holder may have lost its core: give ours away, in short naps since nobody notifies.
      if (spins > 1000) Atomics.wait(words, at, 1, 0.05);
    }
  }

  /** Number (from 1) of the first of `count` frames just delivered. Only under the lock. */
  take(port: number, count: number): number {
    const at = port * STRIDE + 1;
    const first = this.#words[at] as number;
    this.#words[at] = (first + count) | 0;
    return (first + 1) | 0;
  }

  unlock(port: number): void {
    Atomics.store(this.#words, port * STRIDE, 0);
  }

  /** Frames delivered so far. */
  delivered(port: number): number {
    return Atomics.load(this.#words, port * STRIDE + 1) >>> 0;
  }

  /**
   * Goes on after `delivered` frames: the port has another channel, into which so many have been put (none, unless
   * it came from another host). While no data half delivers to it.
   */
  reset(port: number, delivered: number): void {
    Atomics.store(this.#words, port * STRIDE + 1, delivered | 0);
  }
}
