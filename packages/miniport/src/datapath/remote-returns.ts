/**
 * Buffers that come home from elsewhere. NBLs belong to the processor that indicated them; when their queue has
 * moved on meanwhile, only the buffer has to follow it:
 *
 *   processor 1 (served the queue)                         processor 2 (serves it now)
 *     NBL ──returned──> own pool
 *     buffer ──> [returns: one slot per buffer] ──vector──> DPC: collect, post, doorbell
 *
 * Several processors may put, one collects. A slot is reserved by an atomic add and holds buffer + 1 once it is
 * written; there are as many slots as buffers, so it is free again before its turn comes.
 */
import type { AgentContext } from '@vmq/machine';
import {
  NO_HOME,
  type ReceiveQueueImage,
  STATE_HOME,
  STATE_RETURNED,
  STATE_SLOTS,
} from '../model/queue-image.ts';

export class AwayReturns {
  readonly #context: AgentContext;
  readonly #state: Int32Array;
  readonly #first: number;
  readonly #mask: number;

  constructor(context: AgentContext, image: ReceiveQueueImage, state: Int32Array) {
    this.#context = context;
    this.#state = state;
    this.#first = STATE_SLOTS + image.ringEntries;
    this.#mask = image.ringEntries - 1;
  }

  /** Leaves one buffer; {@link tell} after the last. */
  put(buffer: number): void {
    const state = this.#state;
    const at = Atomics.add(state, STATE_RETURNED, 1) & this.#mask;
    Atomics.store(state, this.#first + at, buffer + 1);
  }

  /** Interrupts whoever serves the queue now. A queue that is just moving collects when it is served again. */
  tell(): void {
    const home = Atomics.load(this.#state, STATE_HOME);
    if (home !== NO_HOME) this.#context.machine.interrupts.raise(home >> 8, home & 0xff);
  }

  /** True if {@link take} may find something behind `collected`; a plain load, for the DPC looks again. */
  isWaiting(collected: number): boolean {
    return this.#state[STATE_RETURNED] !== collected;
  }

  /** The buffer at position `collected`, or -1 if it is not there yet. */
  take(collected: number): number {
    return Atomics.exchange(this.#state, this.#first + (collected & this.#mask), 0) - 1;
  }
}
