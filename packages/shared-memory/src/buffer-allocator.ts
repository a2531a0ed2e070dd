/**
 * Fixed-stride buffers inside a block, for receive and transmit rings.
 *
 *   element 0  | buf 0 | buf 1 | buf 2 | rest |      a buffer never straddles two elements: a device must be
 *   element 1  | buf 3 | buf 4 |  rest    |          able to write it with one logical address
 *
 * The default stride of 2112 bytes (33 lines of 64) holds a full Ethernet frame. It is no power of two on
 * purpose: buffers 2048 apart put every frame header into the same cache sets.
 */
import type { Block } from './block.ts';

export const DEFAULT_BUFFER_STRIDE = 2112;

/** Buffers are taken and given back last-in-first-out, so that a busy few stay in the cache. */
export class BufferAllocator {
  /** Segment of all buffers. */
  readonly segment: number;
  readonly stride: number;
  readonly count: number;
  /** Byte offset in the segment, indexed by buffer number: the logical address. */
  readonly offsets: Int32Array;
  /** Byte offset in the block, indexed by buffer number: the SharedMemoryOffset of indications. */
  readonly blockOffsets: Int32Array;
  readonly #free: Int32Array;
  readonly #taken: Uint8Array;
  #available: number;

  constructor(block: Block, stride: number = DEFAULT_BUFFER_STRIDE) {
    if (!Number.isInteger(stride) || stride <= 0 || stride % 64 !== 0)
      throw new RangeError(`stride: a multiple of 64 bytes, got ${stride}`);
    const offsets: number[] = [];
    const blockOffsets: number[] = [];
    let start = 0;
    for (const { offset, length } of block.elements) {
      for (let at = 0; at + stride <= length; at += stride) {
        offsets.push(offset + at);
        blockOffsets.push(start + at);
      }
      start += length;
    }
    this.segment = block.segment;
    this.stride = stride;
    this.count = offsets.length;
    this.offsets = Int32Array.from(offsets);
    this.blockOffsets = Int32Array.from(blockOffsets);
    // Top of the stack is buffer 0, so a fresh allocator hands them out in order.
    this.#free = Int32Array.from(offsets, (_, i) => offsets.length - 1 - i);
    this.#taken = new Uint8Array(this.count);
    this.#available = this.count;
  }

  get available(): number {
    return this.#available;
  }

  /** Number of a free buffer, or -1. */
  take(): number {
    if (this.#available === 0) return -1;
    const buffer = this.#free[--this.#available];
    this.#taken[buffer] = 1;
    return buffer;
  }

  /** Throws for a buffer that was not taken: giving one back twice would hand it to two frames. */
  give(buffer: number): void {
    if (this.#taken[buffer] !== 1) throw new Error(`buffer ${buffer} of ${this.count} is not taken`);
    this.#taken[buffer] = 0;
    this.#free[this.#available++] = buffer;
  }
}

/** Bytes a block must have for `count` buffers, if it is contiguous. */
export function bytesForBuffers(count: number, stride: number = DEFAULT_BUFFER_STRIDE): number {
  return count * stride;
}
