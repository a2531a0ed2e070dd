/**
 * The buffers of one receive queue, and its descriptor ring as the driver fills it.
 *
 *   slot   packet buffer: offset, segment / header buffer: offset, segment (split queues)
 *   state  SLOTS + slot: the buffer's number; completion k answers descriptor k, so the slot tells the buffer
 *
 * On a split queue (NDIS 6.20: RX-08, RX-10, SHM-10, SHM-14) a frame lies in two:
 *
 *   lookahead buffer       post-lookahead buffer
 *   ┌───────────┐          ┌ ─ ─ ─ ─ ─ ┬──────────────────────┐
 *   │ first H   │          │ H bytes   │ the rest of the frame│
 *   └───────────┘          └ ─ ─ ─ ─ ─ ┴──────────────────────┘
 *    first MDL              backfill     second MDL (0 bytes long if the frame fits the lookahead buffer)
 *
 * The device leaves room for the first part in front of the rest, so that whoever wants the frame in one piece
 * copies H bytes at most.
 */

import type { NetBufferSharedMemory } from '@vmq/ddi';

import type { MemorySegment, PhysicalMemory } from '@vmq/machine';

import { COMPLETION_BYTES, DESCRIPTOR_BYTES } from '@vmq/nic';
import { type ReceiveQueueImage, STATE_SLOTS } from '../model/queue-image.ts';
import { describeBuffers } from '../model/shared-memory-info.ts';
import type { CompletionGuard } from './completion-guard.ts';

const DESCRIPTOR_WORDS = DESCRIPTOR_BYTES >> 2;
const COMPLETION_WORDS = COMPLETION_BYTES >> 2;
/** More than any frame's bytes. */
const WHOLE = 0xffff;

/** Words of {@link QueueBuffers.numbers}: word index of the rings in host memory; index mask of both. */
export const DESCRIPTORS_AT = 0;
export const COMPLETIONS_AT = 1;
export const RING_MASK = 2;
/** Bytes of a frame that lie where it begins, at most; bytes that fit where its rest lies: an MDL never describes more. */
export const FIRST_BYTES = 3;
export const REST_BYTES = 4;
/** Ids of the segments where frames begin, and where their rest lies. */
export const FIRST_SEGMENT = 5;
export const REST_SEGMENT = 6;
/** Goes into each NBL: `originatorReserved` but for the buffer's number, and `filteringInfo`. */
export const NBL_TAG = 7;
export const NBL_FILTERING_INFO = 8;
/** Least and greatest first word of a completion that can be believed; see `completion-guard.ts`. */
export const LEAST_COMPLETION = 9;
export const MOST_COMPLETION = 10;
const NUMBERS = 11;

export class QueueBuffers {
  readonly count: number;
  readonly isSplit: boolean;
  /** Where a frame begins, and where the rest of a split frame lies. */
  readonly firstSegment: MemorySegment;
  readonly restSegment: MemorySegment;
  /** What the loops need to know, as integers: those in fields have to be made integers again wherever they are used. */
  readonly numbers: Int32Array = new Int32Array(NUMBERS);
  /** Two words a buffer: byte offsets of the frame's beginning, and of its rest. */
  readonly places: Int32Array;
  /** What each buffer's NB says of shared memory: of the beginning, with that of the rest behind it. */
  readonly sharedMemory: readonly NetBufferSharedMemory[];
  readonly state: Int32Array;
  readonly mask: number;
  readonly #host: Int32Array;

  /** `slot` is the queue's in its processor's table. */
  constructor(
    memory: PhysicalMemory,
    image: ReceiveQueueImage,
    state: Int32Array,
    slot: number,
    guard: CompletionGuard,
  ) {
    const { buffers, lookahead } = image;
    const first = lookahead ?? buffers;
    this.count = buffers.offsets.length;
    this.isSplit = lookahead !== null;
    this.firstSegment = memory.segment(first.segment);
    this.restSegment = memory.segment(buffers.segment);
    this.places = new Int32Array(2 * this.count);
    buffers.offsets.forEach((offset, buffer) => {
      this.places[2 * buffer] = first.offsets[buffer];
      this.places[2 * buffer + 1] = lookahead === null ? offset : offset + lookahead.bufferBytes;
    });
    this.sharedMemory = describeBuffers(first);
    if (lookahead !== null) {
      const rests = describeBuffers(buffers);
      this.sharedMemory.forEach((info, buffer) => {
        info.next = rests[buffer] ?? null;
      });
    }
    this.state = state;
    this.mask = image.ringEntries - 1;
    const { numbers } = this;
    numbers[DESCRIPTORS_AT] = image.descriptorOffset >> 2;
    numbers[COMPLETIONS_AT] = image.completionOffset >> 2;
    numbers[RING_MASK] = this.mask;
    numbers[FIRST_BYTES] = lookahead === null ? WHOLE : lookahead.bufferBytes;
    numbers[REST_BYTES] = lookahead === null ? 0 : buffers.bufferBytes - lookahead.bufferBytes;
    numbers[FIRST_SEGMENT] = this.firstSegment.id;
    numbers[REST_SEGMENT] = this.restSegment.id;
    numbers[NBL_TAG] = slot << 16;
    numbers[NBL_FILTERING_INFO] = image.queueId << 16;
    numbers[LEAST_COMPLETION] = guard.least;
    numbers[MOST_COMPLETION] = guard.most;
    this.#host = memory.host.i32;
  }

  /** Number of the buffer at a position of the ring (free-running). */
  bufferAt(position: number): number {
    return this.state[STATE_SLOTS + (position & this.mask)];
  }

  /** Gives `buffer` to the device at `position`, whose completion is empty from then on. The loop for many is in `frame-loops.ts`. */
  post(position: number, buffer: number): void {
    const host = this.#host;
    const slot = position & this.mask;
    const descriptor = this.numbers[DESCRIPTORS_AT] + slot * DESCRIPTOR_WORDS;
    const first = this.places[2 * buffer];
    if (this.isSplit) {
      host[descriptor] = this.places[2 * buffer + 1] - this.numbers[FIRST_BYTES];
      host[descriptor + 1] = this.restSegment.id;
      host[descriptor + 2] = first;
      host[descriptor + 3] = this.firstSegment.id;
    } else {
      host[descriptor] = first;
      host[descriptor + 1] = this.firstSegment.id;
    }
    host[this.numbers[COMPLETIONS_AT] + slot * COMPLETION_WORDS] = 0;
    this.state[STATE_SLOTS + slot] = buffer;
  }
}
