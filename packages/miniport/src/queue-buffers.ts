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
import type { MemorySegment, PhysicalMemory } from '@vmq/machine';
import type { NetBufferSharedMemory } from '@vmq/ndis';
import { DESCRIPTOR_BYTES } from '@vmq/nic';
import { type ReceiveQueueImage, STATE_SLOTS } from './queue-image.ts';
import { describeBuffers } from './shared-memory-info.ts';

const DESCRIPTOR_WORDS = DESCRIPTOR_BYTES >> 2;
/** More than any frame's bytes. */
const WHOLE = 0xffff;

export class QueueBuffers {
  readonly count: number;
  readonly isSplit: boolean;
  /** Where a frame begins: on a split queue at most `firstBytes` of it. */
  readonly firstSegment: MemorySegment;
  readonly firstBytes: number;
  /** Where the rest of a split frame lies, and the bytes that fit there: an MDL never describes more. */
  readonly restSegment: MemorySegment;
  readonly restBytes: number;
  /** Two words a buffer: byte offsets of the frame's beginning, and of its rest. */
  readonly places: Int32Array;
  /** What each buffer's NB says of shared memory: of the beginning, with that of the rest behind it. */
  readonly sharedMemory: readonly NetBufferSharedMemory[];
  readonly state: Int32Array;
  /** Word indices of the rings in host memory; index mask of both. */
  readonly descriptors: number;
  readonly completions: number;
  readonly mask: number;
  readonly #host: Int32Array;

  constructor(memory: PhysicalMemory, image: ReceiveQueueImage, state: Int32Array) {
    const { buffers, lookahead } = image;
    const first = lookahead ?? buffers;
    this.count = buffers.offsets.length;
    this.isSplit = lookahead !== null;
    this.firstSegment = memory.segment(first.segment);
    this.firstBytes = lookahead === null ? WHOLE : lookahead.bufferBytes;
    this.restSegment = memory.segment(buffers.segment);
    this.restBytes = lookahead === null ? 0 : buffers.bufferBytes - lookahead.bufferBytes;
    this.places = new Int32Array(2 * this.count);
    buffers.offsets.forEach((offset, buffer) => {
      this.places[2 * buffer] = first.offsets[buffer] as number;
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
    this.descriptors = image.descriptorOffset >> 2;
    this.completions = image.completionOffset >> 2;
    this.mask = image.ringEntries - 1;
    this.#host = memory.host.i32;
  }

  /** Number of the buffer at a position of the ring (free-running). */
  bufferAt(position: number): number {
    return this.state[STATE_SLOTS + (position & this.mask)] as number;
  }

  /** Gives `buffer` to the device at `position`. The loop for many is in `frame-loops.ts`. */
  post(position: number, buffer: number): void {
    const host = this.#host;
    const slot = position & this.mask;
    const descriptor = this.descriptors + slot * DESCRIPTOR_WORDS;
    const first = this.places[2 * buffer] as number;
    if (this.isSplit) {
      host[descriptor] = (this.places[2 * buffer + 1] as number) - this.firstBytes;
      host[descriptor + 1] = this.restSegment.id;
      host[descriptor + 2] = first;
      host[descriptor + 3] = this.firstSegment.id;
    } else {
      host[descriptor] = first;
      host[descriptor + 1] = this.firstSegment.id;
    }
    this.state[STATE_SLOTS + slot] = buffer;
  }
}
