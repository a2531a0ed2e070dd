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
  NDIS_RECEIVE_SCALE_CAPABILITIES,
  NDIS_RSS_CAPS_MESSAGE_SIGNALED_INTERRUPTS,
  NDIS_RSS_CAPS_SUPPORTS_MSI_X,
  NDIS_RSS_CAPS_USING_MSI_X,
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

/**
 * NDIS_RECEIVE_SCALE_CAPABILITIES of the hardware, whether RSS is in use or not (CAP-01): it has queues and messages to
 * scale over, and no unit that hashes, so there is no hash type.
 */
export function receiveScaleCapabilities(
  { queues, msixEntries }: HardwareSizes,
  minorVersion: number,
): Uint8Array {
  return NDIS_RECEIVE_SCALE_CAPABILITIES.encode(
    {
      CapabilitiesFlags:
        NDIS_RSS_CAPS_MESSAGE_SIGNALED_INTERRUPTS | NDIS_RSS_CAPS_SUPPORTS_MSI_X | NDIS_RSS_CAPS_USING_MSI_X,
      NumberOfInterruptMessages: msixEntries,
      NumberOfReceiveQueues: queues + 1,
    },
    { revision: minorVersion === 20 ? 1 : 2 },
  );
}

/** Which of the hardware's capabilities a set has. */
interface Features {
  readonly queues: number;
  readonly vlan: boolean;
  readonly split: boolean;
}

/**
 * Both sets for a miniport of NDIS 6.`minorVersion`. Only a 6.20 miniport may report the lookahead split
 * (CAP-11, CAP-12), only a later one the dynamic affinity change and vector coalescing (CAP-07).
 */
export class CapabilitySets {
  /** A queue without a filter is of no use, so there are never more queues than filters (CAP-10). */
  readonly mostQueues: number;
  readonly mode: ReceiveMode;
  readonly minorVersion: 20 | 30 | 60;
  readonly #sizes: HardwareSizes;

  constructor(sizes: HardwareSizes, mode: ReceiveMode, minorVersion: 20 | 30 | 60) {
    this.#sizes = sizes;
    this.mode = mode;
    this.minorVersion = minorVersion;
    this.mostQueues = Math.min(sizes.queues, sizes.filters);
  }

  /** Complete, whatever the keywords say (CAP-01); in it, too, the types count as enabled. */
  hardware(): Uint8Array {
    return this.#set({ queues: this.mostQueues, vlan: true, split: true });
  }

  /** What the keywords left, with `queues` of the VM queues; 0 withdraws it. */
  current(queues: number = this.mostQueues): Uint8Array {
    const { mode, vlanFiltering, lookaheadSplit } = this.mode;
    if (mode === 'vmq' && queues > 0)
      return this.#set({ queues, vlan: vlanFiltering, split: lookaheadSplit });
    // Filters go to virtual ports, and there are no VM queues (CAP-15).
    if (mode === 'sriov') return this.#set({ queues: 0, vlan: vlanFiltering, split: false });
    // Disabled: a current structure whose members besides Header are zero (CAP-03).
    return NDIS_RECEIVE_FILTER_CAPABILITIES.encode({}, { revision: this.#revision });
  }

  get #revision(): number {
    return this.minorVersion === 20 ? 1 : 2;
  }

  #set({ queues, vlan, split }: Features): Uint8Array {
    const { filters, lookaheadMin, lookaheadMax } = this.#sizes;
    const splits = split && this.minorVersion === 20 && lookaheadMax > 0;
    const properties =
      NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED |
      NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED |
      (splits ? NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED : 0) |
      (this.minorVersion === 20
        ? 0
        : NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED |
          NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED);
    return NDIS_RECEIVE_FILTER_CAPABILITIES.encode(
      {
        EnabledFilterTypes: NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED,
        EnabledQueueTypes: queues > 0 ? NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED : 0,
        NumQueues: queues,
        SupportedQueueProperties: properties,
        SupportedFilterTests: NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED,
        SupportedHeaders: NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED,
        SupportedMacHeaderFields:
          NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED |
          (vlan ? NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED : 0),
        MaxMacHeaderFilters: filters,
        MinLookaheadSplitSize: splits ? lookaheadMin : 0,
        MaxLookaheadSplitSize: splits ? lookaheadMax : 0,
      },
      { revision: this.#revision },
    );
  }
}
