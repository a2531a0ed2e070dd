/**
 * The shared-memory provider hook: NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS and what passes through it.
 *
 *   miniport ──allocateSharedMemory──> NDIS ──allocateSharedMemoryHandler──> provider (the switch)
 *            <──address, SG list, handles──      <──block, context──
 */
import type { SharedMemoryUsage } from '@vmq/shared-memory';

/** NDIS_SHARED_MEMORY_PARAMETERS, the caller's side. Lengths in bytes. */
export interface SharedMemoryParameters {
  /** NDIS_SHARED_MEM_PARAMETERS_CONTIGOUS (spelled so): one scatter-gather element. */
  readonly contiguous: boolean;
  readonly queueId: number;
  readonly vportId: number;
  readonly usage: SharedMemoryUsage;
  readonly length: number;
  /** NUMA node to take memory of if it has any, or MM_ANY_NODE_OK (SHM-18). */
  readonly preferredNode: number;
  /** Most scatter-gather elements the caller can take (from SGListBufferLength). */
  readonly maximumElements: number;
}

/** One SCATTER_GATHER_ELEMENT as the device sees it. */
export interface SharedMemoryElement {
  /** Segment the element lies in. */
  readonly segment: number;
  /** Byte offset in the segment: the logical address. */
  readonly offset: number;
  readonly length: number;
}

/** What a provider answers. */
export interface ProviderAllocation {
  readonly status: number;
  /** Present on NDIS_STATUS_SUCCESS. */
  readonly elements?: readonly SharedMemoryElement[];
  /** SharedMemoryHandle for indications (NET_BUFFER_SHARED_MEMORY). */
  readonly sharedMemoryHandle?: number;
  /** The provider's own context; NDIS hands it back to the free handler. */
  readonly allocationContext?: unknown;
  /** Why it was refused. */
  readonly reason?: string;
}

/** NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS. */
export interface SharedMemoryProvider {
  readonly name: string;
  /** @irql PASSIVE_LEVEL */
  allocateSharedMemoryHandler(adapter: string, parameters: SharedMemoryParameters): ProviderAllocation;
  /** @irql PASSIVE_LEVEL */
  freeSharedMemoryHandler(adapter: string, allocationContext: unknown): void;
}

/** What NdisAllocateSharedMemory gives the miniport. */
export interface SharedMemoryAllocation {
  readonly status: number;
  readonly elements: readonly SharedMemoryElement[];
  readonly sharedMemoryHandle: number;
  /** For {@link MiniportAdapter.freeSharedMemory}; 0 (NULL) on failure. */
  readonly allocationHandle: number;
}
