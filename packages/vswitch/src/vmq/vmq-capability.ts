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

/** TenGigVmqEnabled, BelowTenGigVmqEnabled: 0 = the host's default (off on Windows Server 2008 R2), 1 = on, 2 = off. */
export type VmqSetting = 0 | 1 | 2;

/** The switch's settings, of which an adapter's link speed decides one (CAP-33). */
export interface VmqSettings {
  readonly tenGigVmqEnabled: VmqSetting;
  readonly belowTenGigVmqEnabled: VmqSetting;
  readonly hostVersion: 620 | 630;
}

const TEN_GIG = 10e9;

/** Why the switch does not use VMQ on an adapter of that link speed, in bits per second; '' if it does. */
export function forbiddenBySpeed(linkSpeed: number, settings: VmqSettings): string {
  const name = linkSpeed >= TEN_GIG ? 'tenGigVmqEnabled' : 'belowTenGigVmqEnabled';
  const setting = settings[name];
  const isOn = setting === 1 || (setting === 0 && settings.hostVersion !== 620);
  return isOn ? '' : `${name} is ${setting}, and the adapter's link has ${linkSpeed / 1e9} Gbit/s`;
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
