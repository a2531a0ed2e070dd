/**
 * What pages ask of the receive-filter capability sets that a miniport registers or indicates (requirements CAP-04 to
 * CAP-15). None says that NDIS refuses a set, so each is advice (INIT-21): a driver goes on with what its set has.
 */
import {
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED,
  NDIS_RECEIVE_FILTER_IMPLAT_MIN_OF_QUEUES_MODE,
  NDIS_RECEIVE_FILTER_IMPLAT_SUM_OF_QUEUES_MODE,
  NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED,
  NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED,
  NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED,
  NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED,
  NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED,
  NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED,
  NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED,
  NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED,
  NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED,
  type NdisReceiveFilterCapabilities,
} from '@vmq/abi';

/** The set that is being judged. */
export interface CapabilitySubject {
  readonly value: NdisReceiveFilterCapabilities;
  readonly which: 'hardware' | 'current';
  /** NDIS version of the miniport. */
  readonly version: 620 | 630 | 660;
}

export interface CapabilityRule {
  readonly rule: string;
  /** Page that asks for it. */
  readonly page: string;
  readonly expected: string;
  /** What is wrong, or null if the rule holds. */
  found(subject: CapabilitySubject): string | null;
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

/** True for a current set with virtual machine queues and their filters enabled. */
export function vmqEnabled(value: NdisReceiveFilterCapabilities): boolean {
  return (
    (value.EnabledFilterTypes & NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED) !== 0 &&
    (value.EnabledQueueTypes & NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED) !== 0
  );
}

/** Sizes at which frames can be split, in bytes; null without the split. From NDIS 6.30 on there is none (CAP-11). */
export function lookaheadSplit(
  value: NdisReceiveFilterCapabilities,
  version: CapabilitySubject['version'],
): { readonly min: number; readonly max: number } | null {
  if (
    version !== 620 ||
    (value.SupportedQueueProperties & NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED) === 0
  )
    return null;
  const { MinLookaheadSplitSize: min, MaxLookaheadSplitSize: max } = value;
  return min > 0 && min <= max ? { min, max } : null;
}

/** Rules of a current set with VMQ on; others do not have to keep them. */
const whenVmq =
  (found: (value: NdisReceiveFilterCapabilities, version: number) => string | null) =>
  ({ value, which, version }: CapabilitySubject): string | null =>
    which === 'current' && (value.EnabledQueueTypes & NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED) !== 0
      ? found(value, version)
      : null;

const lacks = (value: number, wanted: number, member: string): string | null =>
  (value & wanted) === wanted ? null : `${member} ${hex(value)}`;

const LATER_PROPERTIES =
  NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED |
  NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED;
const IMPLAT = NDIS_RECEIVE_FILTER_IMPLAT_MIN_OF_QUEUES_MODE | NDIS_RECEIVE_FILTER_IMPLAT_SUM_OF_QUEUES_MODE;

const STRUCTURE_PAGE = 'NDIS_RECEIVE_FILTER_CAPABILITIES';
const VMQ_CAPABILITIES_PAGE = 'determining-the-vmq-capabilities-of-a-network-adapter';

export const CAPABILITY_RULES: readonly CapabilityRule[] = [
  {
    rule: 'CAP-04',
    page: STRUCTURE_PAGE,
    expected: 'the revision of the miniport’s NDIS version',
    found: ({ value, version }) => {
      const wanted = version === 620 ? 1 : 2;
      return value.Header.Revision === wanted ? null : `revision ${value.Header.Revision}, not ${wanted}`;
    },
  },
  {
    rule: 'CAP-04',
    page: STRUCTURE_PAGE,
    expected: 'the size of its revision',
    found: ({ value: { Header } }) =>
      Header.Size === NDIS_RECEIVE_FILTER_CAPABILITIES.sizeOf(Header.Revision <= 1 ? 1 : 2)
        ? null
        : `revision ${Header.Revision} of ${Header.Size} bytes`,
  },
  {
    rule: 'CAP-04',
    page: STRUCTURE_PAGE,
    expected: 'Flags, queue-group members and NdisReserved zero',
    found: ({ value }) => {
      for (const member of ['Flags', 'MaxQueueGroups', 'MaxQueuesPerQueueGroup', 'NdisReserved'] as const) {
        if ((value[member] ?? 0) !== 0) return `${member} ${value[member]}`;
      }
      return null;
    },
  },
  {
    rule: 'CAP-05',
    page: VMQ_CAPABILITIES_PAGE,
    expected: 'VMQ_FILTERS_ENABLED beside VM_QUEUES_ENABLED',
    found: whenVmq((value) =>
      lacks(value.EnabledFilterTypes, NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED, 'EnabledFilterTypes'),
    ),
  },
  {
    rule: 'CAP-06',
    page: STRUCTURE_PAGE,
    expected: 'VM_QUEUE_SUPPORTED and MSI_X_SUPPORTED',
    found: whenVmq((value) =>
      lacks(
        value.SupportedQueueProperties,
        NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED | NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED,
        'SupportedQueueProperties',
      ),
    ),
  },
  {
    rule: 'CAP-07',
    page: STRUCTURE_PAGE,
    expected: 'neither DYNAMIC_PROCESSOR_AFFINITY_CHANGE nor INTERRUPT_VECTOR_COALESCING below NDIS 6.30',
    found: ({ value, version }) =>
      version === 620 && (value.SupportedQueueProperties & LATER_PROPERTIES) !== 0
        ? `SupportedQueueProperties ${hex(value.SupportedQueueProperties)}`
        : null,
  },
  {
    rule: 'CAP-08',
    page: STRUCTURE_PAGE,
    expected: 'equality test, MAC header and destination address advertised',
    found: whenVmq(
      (value) =>
        lacks(
          value.SupportedFilterTests,
          NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED,
          'SupportedFilterTests',
        ) ??
        lacks(value.SupportedHeaders, NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED, 'SupportedHeaders') ??
        lacks(
          value.SupportedMacHeaderFields,
          NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED,
          'SupportedMacHeaderFields',
        ),
    ),
  },
  {
    rule: 'CAP-10',
    page: VMQ_CAPABILITIES_PAGE,
    expected: 'MaxMacHeaderFilters of at least NumQueues',
    found: ({ value }) =>
      value.MaxMacHeaderFilters >= value.NumQueues
        ? null
        : `${value.MaxMacHeaderFilters} filters for ${value.NumQueues} queues`,
  },
  {
    rule: 'CAP-11',
    page: STRUCTURE_PAGE,
    expected: 'no lookahead split from NDIS 6.30 on',
    found: ({ value, version }) => {
      if (version === 620) return null;
      if ((value.SupportedQueueProperties & NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED) !== 0)
        return 'LOOKAHEAD_SPLIT_SUPPORTED';
      if (value.MinLookaheadSplitSize !== 0) return `MinLookaheadSplitSize ${value.MinLookaheadSplitSize}`;
      return value.MaxLookaheadSplitSize === 0
        ? null
        : `MaxLookaheadSplitSize ${value.MaxLookaheadSplitSize}`;
    },
  },
  {
    rule: 'CAP-12',
    page: STRUCTURE_PAGE,
    expected: '0 < MinLookaheadSplitSize <= MaxLookaheadSplitSize where the split is supported',
    found: ({ value, version }) => {
      if (
        version !== 620 ||
        (value.SupportedQueueProperties & NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED) === 0
      )
        return null;
      const { MinLookaheadSplitSize: min, MaxLookaheadSplitSize: max } = value;
      return lookaheadSplit(value, version) === null ? `${min}..${max}` : null;
    },
  },
  {
    rule: 'CAP-13',
    page: STRUCTURE_PAGE,
    expected: 'no IMPLAT_MIN/SUM_OF_QUEUES_MODE from a miniport',
    found: ({ value }) =>
      (value.SupportedQueueProperties & IMPLAT) === 0
        ? null
        : `SupportedQueueProperties ${hex(value.SupportedQueueProperties)}`,
  },
  {
    rule: 'CAP-14',
    page: STRUCTURE_PAGE,
    expected: 'no coalescing maxima, or at least 5 field tests and 10 filters',
    found: ({ value }) => {
      const tests = value.MaxFieldTestsPerPacketCoalescingFilter ?? 0;
      const filters = value.MaxPacketCoalescingFilters ?? 0;
      if (tests === 0 && filters === 0) return null;
      return tests >= 5 && filters >= 10 ? null : `${tests} field tests, ${filters} filters`;
    },
  },
];
