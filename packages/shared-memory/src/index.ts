/**
 * `@vmq/shared-memory`: pages of the machine's memory, who has them, and which device may reach them.
 *
 * A machine has one segment of host memory and one per virtual machine. The manager keeps an ownership table
 * of each, hands out blocks (contiguous, or scattered over several elements), programs the DMA domains of
 * devices, and zeroes a page before another owner gets it. {@link BufferAllocator} cuts a block into the
 * fixed-stride buffers of a ring.
 *
 * @packageDocumentation
 */
export { addressInBlock, type Block, type BlockElement, type SegmentAddress } from './block.ts';
export { BufferAllocator, bytesForBuffers, DEFAULT_BUFFER_STRIDE } from './buffer-allocator.ts';
export {
  type AllocationGuard,
  type AllocationRequest,
  type AllocationResult,
  type BlockReport,
  createSharedMemoryManager,
  type FreeResult,
  type PartitionReport,
  type SharedMemoryManager,
  type SharedMemoryOptions,
  type SharedMemoryReport,
} from './manager.ts';
export type * from './usage.ts';
