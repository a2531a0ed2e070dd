/**
 * NDIS_RECEIVE_FILTER_CAPABILITIES of the modelled hardware: what it can do (hardware set) and what the keywords
 * left of it (current set), as bytes.
 */
import {
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED,
  NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED,
  NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED,
  NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED,
  NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED,
  NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED,
  NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED,
  NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED,
  NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED,
  NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED,
  NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED,
} from '@vmq/abi';
import type { ReceiveMode } from './keywords.ts';

/** What the registers CAPQ, CAPF, CAPL say. */
export interface HardwareSizes {
  /** VM queues, the default queue not counted. */
  readonly queues: number;
  readonly filters: number;
  readonly msixEntries: number;
  readonly lookaheadMin: number;
  readonly lookaheadMax: number;
}

export interface ReceiveFilterCapabilitySets {
  readonly hardware: Uint8Array;
  readonly current: Uint8Array;
}

/**
 * Both sets for a miniport of NDIS 6.`minorVersion`. Only a 6.20 miniport may report the lookahead split
 * (CAP-11, CAP-12), only a later one the dynamic affinity change and vector coalescing (CAP-07).
 */
export function buildCapabilities(
  sizes: HardwareSizes,
  mode: ReceiveMode,
  minorVersion: 20 | 30 | 60,
): ReceiveFilterCapabilitySets {
  const revision = minorVersion === 20 ? 1 : 2;
  const canSplit = minorVersion === 20 && sizes.lookaheadMax > 0;
  const properties =
    NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED |
    NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED |
    (minorVersion === 20
      ? 0
      : NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED |
        NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED);
  const set = (split: boolean, vlan: boolean, queues: number): Uint8Array =>
    NDIS_RECEIVE_FILTER_CAPABILITIES.encode(
      {
        EnabledFilterTypes: NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED,
        EnabledQueueTypes: queues > 0 ? NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED : 0,
        NumQueues: queues,
        SupportedQueueProperties: properties | (split ? NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED : 0),
        SupportedFilterTests: NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED,
        SupportedHeaders: NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED,
        SupportedMacHeaderFields:
          NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED |
          (vlan ? NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED : 0),
        MaxMacHeaderFilters: sizes.filters,
        MinLookaheadSplitSize: split ? sizes.lookaheadMin : 0,
        MaxLookaheadSplitSize: split ? sizes.lookaheadMax : 0,
      },
      { revision },
    );
  // A queue without a filter is of no use, so there are never more queues than filters (CAP-10).
  const queues = Math.min(sizes.queues, sizes.filters);
  const current = (): Uint8Array => {
    if (mode.mode === 'vmq') return set(canSplit && mode.lookaheadSplit, mode.vlanFiltering, queues);
    // Filters go to virtual ports, and there are no VM queues (CAP-15).
    if (mode.mode === 'sriov') return set(false, mode.vlanFiltering, 0);
    // Disabled: a current structure whose members besides Header are zero (CAP-03).
    return NDIS_RECEIVE_FILTER_CAPABILITIES.encode({}, { revision });
  };
  // The hardware set is complete whatever the keywords say (CAP-01); in it, too, the types count as enabled.
  return { hardware: set(canSplit, true, queues), current: current() };
}
