/** The shared-memory provider that serves while no protocol has registered one: host memory for everything. */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { SharedMemoryProvider } from '@vmq/ddi';
import { HOST_SEGMENT } from '@vmq/machine';
import type { SharedMemoryManager } from '@vmq/shared-memory';

export function createDefaultProvider(memory: SharedMemoryManager): SharedMemoryProvider {
  return {
    name: 'ndis',
    allocateSharedMemoryHandler(adapter, { length, contiguous, usage, preferredNode }) {
      const owner = `adapter ${adapter}`;
      const result = memory.allocate({
        segment: HOST_SEGMENT,
        length,
        contiguous,
        owner,
        usage,
        preferredNode,
      });
      if (result.block === null) return { status: result.status, reason: result.reason };
      const { handle, elements } = result.block;
      return {
        status: NDIS_STATUS_SUCCESS,
        elements: elements.map((element) => ({ segment: HOST_SEGMENT, ...element })),
        sharedMemoryHandle: handle,
        allocationContext: handle,
      };
    },
    freeSharedMemoryHandler(_adapter, context) {
      memory.free(context as number);
    },
  };
}
