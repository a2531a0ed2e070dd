/**
 * The buffers of one receive queue, and how they are posted to the device.
 *
 *   descriptor   packet buffer: offset, segment / header buffer: offset, segment (split queues)
 *   slots        the buffer's number by descriptor: completion k answers descriptor k, so its slot tells the buffer
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
 *
 * IRQL: DISPATCH_LEVEL, on the processor that serves the queue.
 */

import type { NetBufferList, NetBufferSharedMemory } from '@vmq/ddi';
import type { MemorySegment, PhysicalMemory } from '@vmq/machine';
import {
  COMPLETION_BYTES,
  DESCRIPTOR_BYTES,
  type NicRegisters,
  REG,
  RX_QUEUE_STRIDE,
  RXD_HEADER_OFFSET,
  RXD_HEADER_SEGMENT,
  RXD_PACKET_OFFSET,
  RXD_PACKET_SEGMENT,
} from '@vmq/nic';
import { advance, type Ring } from '../hardware/ring.ts';
import { type ReceiveQueueImage, STATE_SLOTS } from '../model/queue-image.ts';
import { describeBuffers } from '../model/shared-memory-info.ts';

const DESCRIPTOR_WORDS = DESCRIPTOR_BYTES >> 2;
const COMPLETION_WORDS = COMPLETION_BYTES >> 2;
/** More than any frame's bytes. */
const WHOLE = 0xffff;

/** An NBL's `originatorReserved`: the queue's slot in its processor's table, and the number of its buffer. */
export const ownerOf = (slot: number, buffer: number): number => (slot << 16) | buffer;
/** The two parts of it. */
export const slotOf = (nbl: NetBufferList): number => nbl.originatorReserved >>> 16;
export const bufferOf = (nbl: NetBufferList): number => nbl.originatorReserved & 0xffff;

export class ReceiveBuffers {
  readonly count: number;
  readonly isSplit: boolean;
  /** Where a frame begins, and where the rest of a split frame lies. */
  readonly firstSegment: MemorySegment;
  readonly restSegment: MemorySegment;
  /** Bytes of a frame that lie where it begins, at most; bytes that fit where its rest lies: an MDL never describes more. */
  readonly firstBytes: number;
  readonly restBytes: number;
  /** Two words a buffer: byte offsets of the frame's beginning, and of its rest. */
  readonly offsets: Int32Array;
  /** What each buffer's NB says of shared memory: of the beginning, with that of the rest behind it. */
  readonly sharedMemory: readonly NetBufferSharedMemory[];
  /** Number of the buffer in each descriptor slot; in the queue's state, for the next processor to serve it. */
  readonly slots: Int32Array;
  readonly #ring: Ring;
  readonly #host: Int32Array;
  readonly #descriptors: number;
  readonly #completions: number;
  readonly #registers: NicRegisters;
  readonly #tail: number;

  constructor(memory: PhysicalMemory, image: ReceiveQueueImage, ring: Ring, registers: NicRegisters) {
    const { buffers, lookahead } = image;
    const first = lookahead ?? buffers;
    this.count = buffers.offsets.length;
    this.isSplit = lookahead !== null;
    this.firstSegment = memory.segment(first.segment);
    this.restSegment = memory.segment(buffers.segment);
    this.firstBytes = lookahead === null ? WHOLE : lookahead.bufferBytes;
    this.restBytes = lookahead === null ? 0 : buffers.bufferBytes - lookahead.bufferBytes;
    this.offsets = new Int32Array(2 * this.count);
    buffers.offsets.forEach((offset, buffer) => {
      this.offsets[2 * buffer] = first.offsets[buffer];
      this.offsets[2 * buffer + 1] = lookahead === null ? offset : offset + lookahead.bufferBytes;
    });
    this.sharedMemory = describeBuffers(first);
    if (lookahead !== null) {
      const rests = describeBuffers(buffers);
      this.sharedMemory.forEach((info, buffer) => {
        info.next = rests[buffer];
      });
    }
    this.slots = new Int32Array(image.state, STATE_SLOTS * 4, image.ringEntries);
    this.#ring = ring;
    this.#host = memory.host.i32;
    this.#descriptors = image.descriptorOffset >> 2;
    this.#completions = image.completionOffset >> 2;
    this.#registers = registers;
    this.#tail = REG.RDT + image.hardwareQueue * RX_QUEUE_STRIDE;
  }

  /** Number of the buffer at a position of the ring. */
  bufferAt(position: number): number {
    return this.slots[position & this.#ring.mask];
  }

  /** Posts `buffer` at the end of the ring, whose completion there is empty from then on. {@link ringDoorbell} after the last. */
  post(buffer: number): void {
    const host = this.#host;
    const ring = this.#ring;
    const slot = ring.posted & ring.mask;
    const descriptor = this.#descriptors + slot * DESCRIPTOR_WORDS;
    const first = this.offsets[2 * buffer];
    if (this.isSplit) {
      host[descriptor + RXD_PACKET_OFFSET] = this.offsets[2 * buffer + 1] - this.firstBytes;
      host[descriptor + RXD_PACKET_SEGMENT] = this.restSegment.id;
      host[descriptor + RXD_HEADER_OFFSET] = first;
      host[descriptor + RXD_HEADER_SEGMENT] = this.firstSegment.id;
    } else {
      host[descriptor + RXD_PACKET_OFFSET] = first;
      host[descriptor + RXD_PACKET_SEGMENT] = this.firstSegment.id;
    }
    host[this.#completions + slot * COMPLETION_WORDS] = 0;
    this.slots[slot] = buffer;
    ring.posted = advance(ring.posted, 1);
  }

  /**
   * Posts the buffers of the leading NBLs of `chain` that belong to the queue in `slot` of its processor's table; the
   * first one does. Returns the last of them.
   */
  postChain(chain: NetBufferList, slot: number): NetBufferList {
    let last = chain;
    for (let nbl: NetBufferList | null = chain; nbl !== null && slotOf(nbl) === slot; nbl = nbl.next) {
      this.post(bufferOf(nbl));
      last = nbl;
    }
    return last;
  }

  /** Gives the device every buffer: once in a queue's life, before the device is told to use the queue. */
  postAll(start: number): void {
    this.#ring.restart(start);
    for (let buffer = 0; buffer < this.count; buffer++) this.post(buffer);
    this.ringDoorbell();
  }

  /** Posts what lies in the ring anew, for a device that was reset or powered down and counts from `start` again. */
  postAgain(start: number): void {
    const ring = this.#ring;
    const buffers: number[] = [];
    for (let at = ring.consumed; at !== ring.posted; at = advance(at, 1)) buffers.push(this.bufferAt(at));
    ring.restart(start);
    for (const buffer of buffers) this.post(buffer);
    this.ringDoorbell();
  }

  /** Tells the device what was posted (RDT). */
  ringDoorbell(): void {
    this.#registers.write32(this.#tail, this.#ring.posted);
  }
}
