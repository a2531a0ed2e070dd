/**
 * The descriptor ring of one receive queue, as the driver fills it: which buffer each slot names.
 *
 *   slot   packet buffer: offset, segment / header buffer: offset, segment (split queues)
 *   state  SLOTS + slot: the buffer's number; completion k answers descriptor k, so the slot tells the buffer
 */
import type { NetBufferList } from '@vmq/ndis';
import { DESCRIPTOR_BYTES } from '@vmq/nic';
import type { LookaheadSplit } from './lookahead-split.ts';
import { type ReceiveQueueImage, STATE_SLOTS } from './queue-image.ts';

// Local copies: V8 folds these, an imported binding it loads with checks.
const SLOTS = STATE_SLOTS;
const DESCRIPTOR_WORDS = DESCRIPTOR_BYTES >> 2;

export class DescriptorRing {
  /** What the last {@link postChain} took: its last NBL, and the first that it did not. */
  last: NetBufferList | null = null;
  next: NetBufferList | null = null;
  readonly #host: Int32Array;
  readonly #state: Int32Array;
  readonly #descriptors: number;
  readonly #mask: number;
  readonly #offsets: Int32Array;
  readonly #segment: number;
  readonly #headers: Int32Array | null;
  readonly #headerSegment: number;

  /** `host` is host memory, `state` the queue's shared state; `split` is null for a queue of whole frames. */
  constructor(host: Int32Array, state: Int32Array, image: ReceiveQueueImage, split: LookaheadSplit | null) {
    this.#host = host;
    this.#state = state;
    this.#descriptors = image.descriptorOffset >> 2;
    this.#mask = image.ringEntries - 1;
    this.#offsets = image.buffers.offsets;
    this.#segment = image.buffers.segment;
    this.#headers = split === null ? null : split.offsets;
    this.#headerSegment = split === null ? 0 : split.segment.id;
  }

  /** Number of the buffer at a position (free-running). */
  bufferAt(position: number): number {
    return this.#state[SLOTS + (position & this.#mask)] as number;
  }

  post(position: number, buffer: number): void {
    const host = this.#host;
    const slot = position & this.#mask;
    const descriptor = this.#descriptors + slot * DESCRIPTOR_WORDS;
    host[descriptor] = this.#offsets[buffer] as number;
    host[descriptor + 1] = this.#segment;
    if (this.#headers !== null) {
      host[descriptor + 2] = this.#headers[buffer] as number;
      host[descriptor + 3] = this.#headerSegment;
    }
    this.#state[SLOTS + slot] = buffer;
  }

  /**
   * Posts the buffers of the leading NBLs of `chain` whose `originatorReserved` carries `tag`, from `position` on, and
   * returns the position behind them; {@link last} and {@link next} tell where the chain parts. No call in the loop;
   * see `receive-pipeline.ts` of @vmq/nic for why.
   */
  postChain(chain: NetBufferList, tag: number, position: number): number {
    const host = this.#host;
    const state = this.#state;
    const mask = this.#mask;
    const descriptors = this.#descriptors;
    const offsets = this.#offsets;
    const segment = this.#segment;
    const isSplit = this.#headers !== null;
    const headers = this.#headers ?? offsets;
    const headerSegment = this.#headerSegment;
    let posted = position;
    let last = chain;
    let nbl: NetBufferList | null = chain;
    for (; nbl !== null && (nbl.originatorReserved & ~0xffff) === tag; nbl = nbl.next) {
      const buffer = nbl.originatorReserved & 0xffff;
      const slot = posted & mask;
      const descriptor = descriptors + slot * DESCRIPTOR_WORDS;
      host[descriptor] = offsets[buffer] as number;
      host[descriptor + 1] = segment;
      if (isSplit) {
        host[descriptor + 2] = headers[buffer] as number;
        host[descriptor + 3] = headerSegment;
        nbl.firstNetBuffer.mdl.next = null;
      }
      state[SLOTS + slot] = buffer;
      posted = (posted + 1) | 0;
      last = nbl;
    }
    this.last = last;
    this.next = nbl;
    return posted;
  }
}
