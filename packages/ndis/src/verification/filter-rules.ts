/**
 * The rules that a VMQ receive filter has to keep before a miniport may see it (requirements FLT-02 to FLT-24).
 */
import {
  NDIS_FRAME_HEADER,
  NDIS_MAC_HEADER_FIELD,
  NDIS_RECEIVE_FILTER_ARP_HEADER_SUPPORTED,
  NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
  NDIS_RECEIVE_FILTER_IPV4_HEADER_SUPPORTED,
  NDIS_RECEIVE_FILTER_IPV6_HEADER_SUPPORTED,
  NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED,
  NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION,
  NDIS_RECEIVE_FILTER_TEST,
  NDIS_RECEIVE_FILTER_UDP_HEADER_SUPPORTED,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  type NdisReceiveFilterCapabilities,
  type NdisReceiveFilterFieldParameters,
  type NdisReceiveFilterParameters,
} from '@vmq/abi';
import type { AdapterCore } from '../records/adapter-core.ts';
import { macOf, testsMacField, vlanOf } from '../records/receive-filter.ts';
import { DEFAULT_QUEUE } from '../records/receive-queue.ts';
import type { RequestRule } from './oid-verification.ts';

export interface FilterSubject {
  readonly core: AdapterCore;
  /** Binding that asks. */
  readonly owner: number;
  readonly value: NdisReceiveFilterParameters;
}

const { NdisMacHeaderFieldDestinationAddress: MAC, NdisMacHeaderFieldVlanId: VLAN } = NDIS_MAC_HEADER_FIELD;
const EQUAL = NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual;

/** Bit of SupportedHeaders, member with the supported fields, by frame header. */
const HEADERS: Readonly<
  Record<number, { readonly bit: number; readonly fields: keyof NdisReceiveFilterCapabilities }>
> = {
  [NDIS_FRAME_HEADER.NdisFrameHeaderMac]: {
    bit: NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED,
    fields: 'SupportedMacHeaderFields',
  },
  [NDIS_FRAME_HEADER.NdisFrameHeaderArp]: {
    bit: NDIS_RECEIVE_FILTER_ARP_HEADER_SUPPORTED,
    fields: 'SupportedARPHeaderFields',
  },
  [NDIS_FRAME_HEADER.NdisFrameHeaderIPv4]: {
    bit: NDIS_RECEIVE_FILTER_IPV4_HEADER_SUPPORTED,
    fields: 'SupportedIPv4HeaderFields',
  },
  [NDIS_FRAME_HEADER.NdisFrameHeaderIPv6]: {
    bit: NDIS_RECEIVE_FILTER_IPV6_HEADER_SUPPORTED,
    fields: 'SupportedIPv6HeaderFields',
  },
  [NDIS_FRAME_HEADER.NdisFrameHeaderUdp]: {
    bit: NDIS_RECEIVE_FILTER_UDP_HEADER_SUPPORTED,
    fields: 'SupportedUdpHeaderFields',
  },
};

/** The bit that stands for value n of an enumeration whose first member is 1. */
const bitOf = (value: number): number => (value >= 1 && value <= 31 ? 1 << (value - 1) : 0);

/** FLT-08: what of one field test the current set lacks, or null. */
function unsupported(
  test: NdisReceiveFilterFieldParameters,
  caps: NdisReceiveFilterCapabilities,
): string | null {
  const header = HEADERS[test.FrameHeader];
  if (header === undefined || (caps.SupportedHeaders & header.bit) === 0) return `header ${test.FrameHeader}`;
  const field = Object.values(test.HeaderField)[0];
  const fields = (caps[header.fields] as number | undefined) ?? 0;
  if ((fields & bitOf(field)) === 0) return `header ${test.FrameHeader} field ${field}`;
  const supported = (caps.SupportedFilterTests & bitOf(test.ReceiveFilterTest)) !== 0;
  return supported ? null : `test ${test.ReceiveFilterTest}`;
}

const vlanTests = (value: NdisReceiveFilterParameters): NdisReceiveFilterFieldParameters[] =>
  value.elements.filter((test) => testsMacField(test, VLAN));
const untaggedFlag = (value: NdisReceiveFilterParameters): boolean =>
  value.elements.some(
    (test) => (test.Flags & NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO) !== 0,
  );

/** Rules of every filter, VMQ or coalescing. */
export const FILTER_TARGET_RULES: readonly RequestRule<FilterSubject>[] = [
  {
    rule: 'FLT-05',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'RequestedFilterIdBitCount 0',
    found: ({ value }) =>
      value.RequestedFilterIdBitCount === 0 ? null : `${value.RequestedFilterIdBitCount}`,
  },
  {
    rule: 'FLT-23',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'an existing queue',
    found: ({ core, value }) =>
      core.queues.find(value.QueueId) === undefined ? `no queue ${value.QueueId}` : null,
  },
  {
    rule: 'FLT-22',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'the protocol that allocated the queue',
    found({ core, owner, value }) {
      const queue = core.queues.find(value.QueueId);
      if (queue === undefined || queue.id === DEFAULT_QUEUE || queue.owner === owner) return null;
      return `binding ${owner}, the queue is binding ${queue.owner}’s`;
    },
  },
  {
    rule: 'STA-04',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'a queue that is not being freed',
    found({ core, value }) {
      const queue = core.queues.find(value.QueueId);
      return queue === undefined || queue.transition('set filter').ok ? null : queue.state;
    },
  },
  {
    rule: 'FLT-08',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'headers, fields and tests of the current set',
    found({ core, value }) {
      const caps = core.capabilities.current?.value;
      if (caps === undefined) return 'no receive filtering';
      for (const test of value.elements) {
        const lacking = unsupported(test, caps);
        if (lacking !== null) return lacking;
      }
      return null;
    },
  },
];

/** Rules of a VMQ filter besides {@link FILTER_TARGET_RULES}. */
export const VMQ_FILTER_RULES: readonly RequestRule<FilterSubject>[] = [
  {
    rule: 'FLT-04',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'FilterId 0: VMQ filters cannot be changed',
    found: ({ value }) => (value.FilterId === 0 ? null : `FilterId ${value.FilterId}`),
  },
  ...FILTER_TARGET_RULES,
  {
    rule: 'FLT-38',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'PACKET_ENCAPSULATION only while VMQ on encapsulated packets is enabled',
    found: ({ core, value }) =>
      (value.Flags & NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION) !== 0 && !core.encapsulation.enabled
        ? `Flags 0x${value.Flags.toString(16)}, ${core.encapsulation.supported ? 'disabled' : 'not supported'}`
        : null,
  },
  {
    rule: 'FLT-07',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'exactly one destination-MAC test, at most one VLAN-id test, nothing else',
    found({ value }) {
      const macs = value.elements.filter((test) => testsMacField(test, MAC)).length;
      const vlans = vlanTests(value).length;
      const others = value.elements.length - macs - vlans;
      return macs === 1 && vlans <= 1 && others === 0
        ? null
        : `${macs} MAC, ${vlans} VLAN, ${others} other tests`;
    },
  },
  {
    rule: 'FLT-21',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'a unicast MAC and a VLAN id of 1..4094',
    found({ value }) {
      for (const test of value.elements) {
        if (test.ReceiveFilterTest !== EQUAL) continue;
        const mac = testsMacField(test, MAC) ? macOf(test) : null;
        if (mac !== null && (mac[0] & 1) !== 0) return 'a group MAC';
        const vlan = testsMacField(test, VLAN) ? vlanOf(test) : null;
        if (vlan !== null && (vlan < 1 || vlan > 4094)) return `VLAN ${vlan}`;
      }
      return null;
    },
  },
  {
    rule: 'FLT-17',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'a VLAN test or UNTAGGED_OR_ZERO, not both',
    found: ({ value }) => (untaggedFlag(value) && vlanTests(value).length > 0 ? 'both' : null),
  },
  {
    rule: 'FLT-18',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'a VLAN test or UNTAGGED_OR_ZERO below NDIS 6.30',
    found: ({ core, value }) =>
      core.version === 620 && !untaggedFlag(value) && vlanTests(value).length === 0 ? 'neither' : null,
  },
  {
    rule: 'FLT-24',
    status: NDIS_STATUS_FAILURE,
    expected: 'fewer filters than MaxMacHeaderFilters',
    found: ({ core }) =>
      core.filters.count < core.capabilities.filterLimit
        ? null
        : `${core.filters.count} of ${core.capabilities.filterLimit} filters set`,
  },
];
