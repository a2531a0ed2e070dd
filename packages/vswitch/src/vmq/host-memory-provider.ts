/**
 * The shared-memory provider of a 6.30 host: every request of the miniport is served from host memory (SHM-12),
 * so the switch can check a frame before any VM sees it (SEC-07). A 6.20 host's stands before it, see
 * vm-memory-provider.ts.
 */
import { NDIS_SHARED_MEMORY_USAGE, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { SharedMemoryProvider } from '@vmq/ddi';
import { HOST_SEGMENT } from '@vmq/machine';
import type { SharedMemoryManager } from '@vmq/shared-memory';

/** One allocation, as the provider remembers it. */
export interface ProvidedBlock {
  readonly handle: number;
  readonly adapter: string;
  readonly queueId: number;
  /** Segment the memory lies in: 0 is the host's, others are VMs'. */
  readonly segment: number;
  readonly length: number;
  /** '' or what the request might have got and did not. */
  readonly note: string;
}

const POST_LOOKAHEAD = NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceivePostLookahead;
const IN_HOST_MEMORY = 'post-lookahead data in VM memory (6.20) is not offered: host memory instead';

export function createHostMemoryProvider(
  name: string,
  sharedMemory: SharedMemoryManager,
): SharedMemoryProvider & { readonly provided: readonly ProvidedBlock[] } {
  const provided = new Map<number, ProvidedBlock>();
  return {
    name,
    get provided() {
      return [...provided.values()];
    },
    allocateSharedMemoryHandler(adapter, parameters) {
      const { contiguous, length, usage, queueId, maximumElements, preferredNode } = parameters;
      const segment = HOST_SEGMENT;
      const owner = `${adapter} queue ${queueId}`;
      const wanted = { segment, length, owner, usage, preferredNode };
      let answer = sharedMemory.allocate({ ...wanted, contiguous });
      // A list that is too long for the caller is tried again as one element.
      if (answer.block !== null && answer.block.elements.length > maximumElements) {
        sharedMemory.free(answer.block.handle);
        answer = sharedMemory.allocate({ ...wanted, contiguous: true });
      }
      if (answer.block === null) {
        const { status, reason } = answer as { status: number; reason: string };
        return { status: status === NDIS_STATUS_SUCCESS ? NDIS_STATUS_RESOURCES : status, reason };
      }
      const { handle, elements } = answer.block;
      const note = usage === POST_LOOKAHEAD ? IN_HOST_MEMORY : '';
      provided.set(handle, { handle, adapter, queueId, segment, length, note });
      return {
        status: NDIS_STATUS_SUCCESS,
        elements: elements.map(({ offset, length }) => ({ segment, offset, length })),
        sharedMemoryHandle: handle,
        allocationContext: handle,
      };
    },
    freeSharedMemoryHandler(_adapter, allocationContext) {
      const handle = allocationContext as number;
      provided.delete(handle);
      sharedMemory.free(handle);
    },
  };
}
