import type { NDIS_SHARED_MEMORY_USAGE } from '@vmq/abi';

/** What a block of shared memory is for. */
export type SharedMemoryUsage = NDIS_SHARED_MEMORY_USAGE;
