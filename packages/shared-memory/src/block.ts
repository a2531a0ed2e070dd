/**
 * A block of shared memory: what one allocation gives.
 *
 *   block   |<------------------ length ------------------>|
 *   elements|  [offset, length)  |  [offset, length)  | [) |     page-aligned, in one segment, not overlapping
 */
import type { SharedMemoryUsage } from './usage.ts';

/** One scatter-gather element: `length` bytes at byte `offset` of the block's segment. */
export interface BlockElement {
  /** Byte offset in the segment, a multiple of the page size. */
  readonly offset: number;
  /** Bytes; only the last element may end inside a page, and the rest of that page belongs to the block too. */
  readonly length: number;
}

/** An address: byte `offset` of a segment. */
export interface SegmentAddress {
  readonly segment: number;
  readonly offset: number;
}

export interface Block {
  /** Number of the allocation, from 1 up; never used twice. */
  readonly handle: number;
  /** Id of the segment that all elements lie in. */
  readonly segment: number;
  /** In ascending order of offset; their lengths add up to `length`. */
  readonly elements: readonly BlockElement[];
  readonly length: number;
  /** Who asked for it, e.g. `adapter nic0` or `vm web`. */
  readonly owner: string;
  readonly usage: SharedMemoryUsage;
  /** Address of the first byte. The block is only contiguous there if it has one element. */
  readonly virtualAddress: SegmentAddress;
}

/**
 * Address of byte `at` of a block, counted through its elements (what NET_BUFFER_SHARED_MEMORY calls
 * SharedMemoryOffset). Throws if the block has no such byte.
 */
export function addressInBlock(block: Block, at: number): SegmentAddress {
  let left = at;
  for (const { offset, length } of block.elements) {
    if (left >= 0 && left < length) return { segment: block.segment, offset: offset + left };
    left -= length;
  }
  throw new RangeError(`block ${block.handle} has ${block.length} bytes, no byte ${at}`);
}
