/** The SharedMemoryInfo of receive buffers: made once per buffer, hung into each NB that holds it (RX-06, RX-09). */
import { NetBufferSharedMemory } from '@vmq/ddi';
import type { BufferBlock } from './queue-image.ts';

/** One NET_BUFFER_SHARED_MEMORY per buffer of the block, in its order; each describes the whole buffer. */
export function describeBuffers(block: BufferBlock): NetBufferSharedMemory[] {
  return Array.from(block.sharedMemoryOffsets, (offset) => {
    const info = new NetBufferSharedMemory();
    info.sharedMemoryHandle = block.sharedMemoryHandle;
    info.sharedMemoryOffset = offset;
    info.sharedMemoryLength = block.bufferBytes;
    return info;
  });
}
