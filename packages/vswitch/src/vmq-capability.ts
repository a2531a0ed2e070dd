/** Whether an adapter's current capabilities let the switch use VM queues (SW-01), and what they allow. */
import {
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED,
  NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED,
  NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED,
  NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED,
  refusalText,
} from '@vmq/abi';

export interface VmqCapability {
  /** Receive filters can be set, on the default queue at least. */
  readonly filters: boolean;
  /** VM queues can be allocated. */
  readonly queues: boolean;
  /** Why not, if not. */
  readonly reason: string;
  /** VM queues besides the default one. */
  readonly numQueues: number;
  /** Filters may test the VLAN id. */
  readonly vlanFiltering: boolean;
  /** 6.30: a filter without VLAN test takes any VLAN (FLT-19). */
  readonly anyVlan: boolean;
  /** Whose structures the binding speaks. */
  readonly ndis: 620 | 630;
  /** 6.20: sizes at which frames can be split, in bytes; both 0 if they cannot. */
  readonly lookaheadMin: number;
  readonly lookaheadMax: number;
}

/** No adapter, or one without receive filtering. */
export function noVmq(reason: string): VmqCapability {
  return {
    filters: false,
    queues: false,
    reason,
    numQueues: 0,
    vlanFiltering: false,
    anyVlan: false,
    ndis: 630,
    lookaheadMin: 0,
    lookaheadMax: 0,
  };
}

/**
 * Reads the NDIS_RECEIVE_FILTER_CAPABILITIES of bind parameters or of a capability indication.
 * `revision` is that of the bind parameters: 3 for a 6.20 miniport, 4 from 6.30 on (INIT-05).
 */
export function readVmqCapability(bytes: Uint8Array | null, revision: number): VmqCapability {
  if (bytes === null) return noVmq('the adapter reports no receive filtering');
  const decoded = NDIS_RECEIVE_FILTER_CAPABILITIES.decode(bytes);
  if (!decoded.ok) return noVmq(`its capabilities cannot be read: ${refusalText(decoded.refusal)}`);
  const { EnabledFilterTypes, EnabledQueueTypes, NumQueues, SupportedMacHeaderFields } = decoded.value;
  const { SupportedQueueProperties, MinLookaheadSplitSize, MaxLookaheadSplitSize } = decoded.value;
  const filters = (EnabledFilterTypes & NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED) !== 0;
  const queueType = (EnabledQueueTypes & NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED) !== 0;
  const ndis = revision >= 4 ? 630 : 620;
  // From 6.30 on nobody splits, whatever a miniport reports (CAP-11).
  const split =
    ndis === 620 && (SupportedQueueProperties & NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED) !== 0;
  return {
    filters,
    queues: filters && queueType && NumQueues > 0,
    reason: !filters
      ? 'VMQ filters are not enabled on the adapter'
      : !queueType
        ? 'VM queues are not enabled on the adapter'
        : NumQueues === 0
          ? 'the adapter has no VM queue'
          : '',
    numQueues: NumQueues,
    vlanFiltering: (SupportedMacHeaderFields & NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED) !== 0,
    anyVlan: ndis === 630,
    ndis,
    lookaheadMin: split ? MinLookaheadSplitSize : 0,
    lookaheadMax: split ? MaxLookaheadSplitSize : 0,
  };
}
