/**
 * Remote returns: buffers that come back on another processor than the one that serves their queue now. NBLs belong to the
 * processor that indicated them; when their queue has moved on meanwhile, only the buffer has to follow it:
 *
 *   processor 1 (served the queue)                         processor 2 (serves it now)
 *     NBL ──returned──> own pool
 *     buffer ──> [returns: one slot per buffer] ──vector──> DPC: collect, post, doorbell
 *
 * Several processors may put, one collects. A slot is reserved by an atomic add and holds buffer + 1 once it is
 * written; there are as many slots as buffers, so it is free again before its turn comes.
 *
 * IRQL: DISPATCH_LEVEL.
 */
import type { AgentContext } from '@vmq/machine';
import { advance } from '../hardware/ring.ts';
import {
  NO_HOME,
  type ReceiveQueueImage,
  STATE_COLLECTED,
  STATE_HOME,
  STATE_RETURNED,
  STATE_SLOTS,
} from '../model/queue-image.ts';

export class RemoteReturns {
  readonly #context: AgentContext;
  readonly #state: Int32Array;
  readonly #first: number;
  readonly #mask: number;
  #collected: number;

  constructor(context: AgentContext, image: ReceiveQueueImage) {
    this.#context = context;
    this.#state = new Int32Array(image.state);
    this.#first = STATE_SLOTS + image.ringEntries;
    this.#mask = image.ringEntries - 1;
    this.#collected = this.#state[STATE_COLLECTED];
  }

  /** Leaves one buffer for the queue's processor; {@link notify} after the last. */
  put(buffer: number): void {
    const state = this.#state;
    const at = Atomics.add(state, STATE_RETURNED, 1) & this.#mask;
    Atomics.store(state, this.#first + at, buffer + 1);
  }

  /** Interrupts whoever serves the queue now. A queue that is just moving collects when it is served again. */
  notify(): void {
    const home = Atomics.load(this.#state, STATE_HOME);
    if (home !== NO_HOME) this.#context.machine.interrupts.raise(home >> 8, home & 0xff);
  }

  /** True if {@link collect} may find something; a plain load, for the DPC looks again. */
  get isWaiting(): boolean {
    return this.#state[STATE_RETURNED] !== this.#collected;
  }

  /** The next buffer, or -1 if it is not there yet: its processor interrupts when it is. */
  collect(): number {
    const buffer = Atomics.exchange(this.#state, this.#first + (this.#collected & this.#mask), 0) - 1;
    if (buffer >= 0) this.#collected = advance(this.#collected, 1);
    return buffer;
  }

  /** Another processor collects from now on. */
  leave(): void {
    this.#state[STATE_COLLECTED] = this.#collected;
  }
}
