/**
 * The second half of a split frame (NDIS 6.20: RX-08, RX-10, SHM-10, SHM-14).
 *
 *   lookahead buffer       post-lookahead buffer
 *   ┌───────────┐          ┌ ─ ─ ─ ─ ─ ┬──────────────────────┐
 *   │ first H   │          │ H bytes   │ the rest of the frame│
 *   └───────────┘          └ ─ ─ ─ ─ ─ ┴──────────────────────┘
 *    first MDL              backfill     second MDL (0 bytes long if the frame fits the lookahead buffer)
 *
 * The device leaves room for the first part in front of the rest, so that whoever wants the frame in one piece
 * copies H bytes at most. The second MDL belongs to the buffer, the first to the pooled NBL.
 */
import type { MemorySegment } from '@vmq/machine';
import { Mdl, type NetBufferList, type NetBufferSharedMemory } from '@vmq/ndis';
import type { BufferBlock } from './queue-image.ts';
import { describeBuffers } from './shared-memory-info.ts';

export class LookaheadSplit {
  /** Where each buffer's header goes: words 2 and 3 of its descriptor. */
  readonly segment: MemorySegment;
  readonly offsets: Int32Array;
  readonly #size: number;
  /** Bytes that fit behind the lookahead: whatever the device says it wrote, an MDL never describes more. */
  readonly #restBytes: number;
  readonly #packetOffsets: Int32Array;
  readonly #rest: Mdl[];
  readonly #sharedMemory: NetBufferSharedMemory[];

  /** `sharedMemory` describes the post-lookahead buffers. */
  constructor(
    lookahead: BufferBlock,
    lookaheadSegment: MemorySegment,
    packet: BufferBlock,
    packetSegment: MemorySegment,
    sharedMemory: readonly NetBufferSharedMemory[],
  ) {
    this.segment = lookaheadSegment;
    this.offsets = lookahead.offsets;
    this.#size = lookahead.bufferBytes;
    this.#restBytes = packet.bufferBytes - lookahead.bufferBytes;
    this.#packetOffsets = packet.offsets;
    this.#rest = Array.from(packet.offsets, () => new Mdl(packetSegment));
    this.#sharedMemory = describeBuffers(lookahead);
    this.#sharedMemory.forEach((first, buffer) => {
      first.next = sharedMemory[buffer] ?? null;
    });
  }

  /**
   * Describes the chain's frames, by buffer number and length: two MDLs, two SharedMemoryInfos each. `isElsewhere`
   * unless the lookahead lies in host memory, where the MDLs of pooled NBLs point.
   */
  describe(chain: NetBufferList, isElsewhere: boolean): void {
    const size = this.#size;
    const restBytes = this.#restBytes;
    const segment = this.segment;
    const offsets = this.offsets;
    const packetOffsets = this.#packetOffsets;
    const rests = this.#rest;
    const sharedMemory = this.#sharedMemory;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const netBuffer = nbl.firstNetBuffer;
      const buffer = nbl.originatorReserved & 0xffff;
      const length = netBuffer.dataLength;
      const first = Math.min(length, size);
      const mdl = netBuffer.mdl;
      if (isElsewhere) mdl.segment = segment;
      mdl.byteOffset = offsets[buffer] as number;
      mdl.byteCount = first;
      const rest = rests[buffer] as Mdl;
      rest.byteOffset = ((packetOffsets[buffer] as number) + size) | 0;
      const left = length - first;
      rest.byteCount = Math.min(left, restBytes);
      mdl.next = rest;
      netBuffer.sharedMemoryInfo = sharedMemory[buffer] as NetBufferSharedMemory;
    }
  }
}
