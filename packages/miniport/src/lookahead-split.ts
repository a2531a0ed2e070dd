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
 * copies H bytes at most. Both MDLs belong to the pooled NBL: a few hundred of them stay in the cache however many
 * buffers there are.
 */
import type { MemorySegment } from '@vmq/machine';
import type { Mdl, NetBufferList, NetBufferSharedMemory } from '@vmq/ndis';
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
  readonly #packetSegment: MemorySegment;
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
    this.#packetSegment = packetSegment;
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
    const size = this.#size | 0;
    const restBytes = this.#restBytes | 0;
    const segment = this.segment;
    const offsets = this.offsets;
    const packetOffsets = this.#packetOffsets;
    const packetSegment = this.#packetSegment;
    const sharedMemory = this.#sharedMemory;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const netBuffer = nbl.firstNetBuffer;
      const buffer = nbl.originatorReserved & 0xffff;
      const length = netBuffer.dataLength | 0;
      const first = Math.min(length, size) | 0;
      const mdl = netBuffer.mdl;
      if (isElsewhere) mdl.segment = segment;
      mdl.byteOffset = offsets[buffer] as number;
      mdl.byteCount = first;
      // Made with the NBL; see `data-path.ts`.
      const rest = nbl.miniportReserved as Mdl;
      rest.segment = packetSegment;
      rest.byteOffset = ((packetOffsets[buffer] as number) + size) | 0;
      rest.byteCount = Math.min((length - first) | 0, restBytes) | 0;
      mdl.next = rest;
      netBuffer.sharedMemoryInfo = sharedMemory[buffer] as NetBufferSharedMemory;
    }
  }
}
