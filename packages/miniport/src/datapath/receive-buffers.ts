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

import type { Mdl, NetBufferList, NetBufferSharedMemory } from '@vmq/ddi';
import type { AgentContext, MemorySegment, PhysicalMemory } from '@vmq/machine';
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
import { advance, Ring } from '../hardware/ring.ts';
import { type ReceiveQueueImage, STATE_CONSUMED, STATE_POSTED, STATE_SLOTS } from '../model/queue-image.ts';
import { describeBuffers } from '../model/shared-memory-info.ts';

const DESCRIPTOR_WORDS = DESCRIPTOR_BYTES >> 2;
const COMPLETION_WORDS = COMPLETION_BYTES >> 2;
/** More than any frame's bytes. */
const WHOLE = 0xffff;

/** An NBL's `originatorReserved`: the queue's slot in its processor's table, and the number of its buffer. */
export function ownerOf(slot: number, buffer: number): number {
  return (slot << 16) | buffer;
}

/** The queue's slot of an NBL's `originatorReserved`. */
export function slotOf(nbl: NetBufferList): number {
  return nbl.originatorReserved >>> 16;
}

/** The buffer of an NBL's `originatorReserved`. */
export function bufferOf(nbl: NetBufferList): number {
  return nbl.originatorReserved & 0xffff;
}

/** The ring of a receive queue, where its last processor left it. */
export function receiveRing(context: AgentContext, registers: NicRegisters, image: ReceiveQueueImage): Ring {
  const state = new Int32Array(image.state);
  const headRegister = REG.RDH + image.hardwareQueue * RX_QUEUE_STRIDE;
  const shape = { entries: image.ringEntries, statusOffset: image.statusOffset, headRegister };
  const ring = new Ring(context.machine.memory.host.i32, registers, shape);
  ring.consumed = state[STATE_CONSUMED];
  ring.posted = state[STATE_POSTED];
  return ring;
}

export class ReceiveBuffers {
  readonly count: number;
  readonly isSplit: boolean;
  /** Where a frame begins, and where the rest of a split frame lies. */
  readonly firstSegment: MemorySegment;
  readonly restSegment: MemorySegment;
  /** Bytes of a frame that lie where it begins, at most. */
  readonly firstBytes: number;
  /** By buffer: byte offset of a frame's beginning, and of the rest of a split frame. */
  readonly offsets: Int32Array;
  readonly restOffsets: Int32Array;
  /** By buffer: byte offset of the packet buffer, which on a split queue holds the rest. */
  readonly packetOffsets: Int32Array;
  /** What each buffer's NB says of shared memory: of the beginning, with that of the rest behind it. */
  readonly sharedMemory: readonly NetBufferSharedMemory[];
  /** Number of the buffer in each descriptor slot; in the queue's state, for the next processor to serve it. */
  readonly slots: Int32Array;
  /** Numbers of buffers that are to be posted: whoever has some puts them here and calls {@link post}. */
  readonly batch: Int32Array;
  readonly #ring: Ring;
  readonly #host: Int32Array;
  readonly #descriptorOffset: number;
  readonly #completionOffset: number;
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
    this.offsets = first.offsets;
    this.packetOffsets = buffers.offsets;
    this.restOffsets = buffers.offsets.map((offset) => offset + (lookahead?.bufferBytes ?? 0));
    this.sharedMemory = describeBuffers(first);
    if (lookahead !== null) {
      const rests = describeBuffers(buffers);
      this.sharedMemory.forEach((info, buffer) => {
        info.next = rests[buffer];
      });
    }
    this.slots = new Int32Array(image.state, STATE_SLOTS * 4, image.ringEntries);
    this.batch = new Int32Array(image.ringEntries);
    this.#ring = ring;
    this.#host = memory.host.i32;
    this.#descriptorOffset = image.descriptorOffset;
    this.#completionOffset = image.completionOffset;
    this.#registers = registers;
    this.#tail = REG.RDT + image.hardwareQueue * RX_QUEUE_STRIDE;
  }

  /** Number of the buffer at a position of the ring. */
  bufferAt(position: number): number {
    return this.slots[position & this.#ring.mask];
  }

  /**
   * Posts the first `count` buffers of {@link batch} and rings the doorbell once (RDT). The completions that will answer
   * them are empty from then on.
   */
  post(count: number): void {
    const { batch, slots, offsets, packetOffsets, isSplit } = this;
    const host = this.#host;
    const ring = this.#ring;
    const descriptors = this.#descriptorOffset >> 2;
    const completions = this.#completionOffset >> 2;
    const firstSegment = this.firstSegment.id;
    const restSegment = this.restSegment.id;
    const mask = ring.entries - 1;
    let slot = ring.posted & mask;
    for (let i = 0; i < count; i++) {
      const buffer = batch[i];
      const descriptor = descriptors + slot * DESCRIPTOR_WORDS;
      // The segment of the packet buffer is the rest's; without a split there is but one.
      host[descriptor + RXD_PACKET_OFFSET] = packetOffsets[buffer];
      host[descriptor + RXD_PACKET_SEGMENT] = restSegment;
      if (isSplit === true) {
        host[descriptor + RXD_HEADER_OFFSET] = offsets[buffer];
        host[descriptor + RXD_HEADER_SEGMENT] = firstSegment;
      }
      host[completions + slot * COMPLETION_WORDS] = 0;
      slots[slot] = buffer;
      slot = (slot + 1) & mask;
    }
    ring.posted = advance(ring.posted, count);
    this.#registers.write32(this.#tail, ring.posted);
  }

  /** Gives the device every buffer: once in a queue's life, before the device is told to use the queue. */
  postAll(start: number): void {
    this.#ring.restart(start);
    for (let buffer = 0; buffer < this.count; buffer++) this.batch[buffer] = buffer;
    this.post(this.count);
  }

  /** Posts what lies in the ring anew, for a device that was reset or powered down and counts from `start` again. */
  postAgain(start: number): void {
    const ring = this.#ring;
    const { consumed, pending } = ring;
    for (let i = 0; i < pending; i++) this.batch[i] = this.bufferAt(advance(consumed, i));
    ring.restart(start);
    this.post(pending);
  }
}

/**
 * A frame in two buffers: its first MDL ends with the lookahead buffer, and the rest is described by a second one, which was
 * made with the NBL (`processor-queues.ts`).
 */
export function describeSplit(
  nbl: NetBufferList,
  restOffset: number,
  firstBytes: number,
  restSegment: MemorySegment,
): void {
  const { mdl, dataLength } = nbl.firstNetBuffer;
  const rest = nbl.miniportReserved as Mdl;
  const isShort = dataLength <= firstBytes;
  mdl.byteCount = isShort ? dataLength : firstBytes;
  rest.byteOffset = restOffset;
  rest.byteCount = isShort ? 0 : dataLength - firstBytes;
  if (rest.segment !== restSegment) rest.segment = restSegment;
  if (mdl.next !== rest) mdl.next = rest;
}
