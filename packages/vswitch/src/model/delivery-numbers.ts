/**
 * The number of each delivery to a port: the n-th frame its guest receives on its channel.
 *
 *   16 words per port:   +0 frames delivered into its channel
 *
 * Several processors deliver to one port. A channel message is written and its numbers are taken under the lock of the
 * channel (`endBatch`), so the order of the numbers is the order in the channel's ring, and a reader can join the guest's n-th frame
 * with the trace record that has number n.
 */
const STRIDE = 16;

export function createDeliveryNumbers(maxPorts: number): SharedArrayBuffer {
  return new SharedArrayBuffer(maxPorts * STRIDE * 4);
}

export class DeliveryNumbers {
  readonly words: Int32Array;
  readonly #start: number;

  /** The number before the first delivery is `start`, an int32: for who {@link reset}s. */
  constructor(buffer: SharedArrayBuffer, start: number = 0) {
    this.words = new Int32Array(buffer);
    this.#start = start;
  }

  /** Index in {@link words} of the frames delivered to `port`; only under the lock of its channel. */
  at(port: number): number {
    return port * STRIDE;
  }

  /** Frames delivered so far, modulo 2^32 and counted from where the machine's counters begin. */
  delivered(port: number): number {
    return Atomics.load(this.words, port * STRIDE) >>> 0;
  }

  /**
   * Goes on after `delivered` frames: the port has another channel, into which so many have been put (none, unless
   * it came from another host). While no data path delivers to it.
   */
  reset(port: number, delivered: number): void {
    Atomics.store(this.words, port * STRIDE, (delivered + this.#start) | 0);
  }
}
