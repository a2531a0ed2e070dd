/**
 * Which member of a union a buffer holds.
 *
 * C does not say; NDIS does, through another member of the same structure. A union without a rule
 * here is read through its first member. The bytes of the other members are not part of the value.
 */

import {
  NDIS_ARP_HEADER_FIELD,
  NDIS_FRAME_HEADER,
  NDIS_IPV4_HEADER_FIELD,
  NDIS_IPV6_HEADER_FIELD,
  NDIS_MAC_HEADER_FIELD,
  NDIS_RECEIVE_FILTER_TEST,
  NDIS_REQUEST_TYPE,
  NDIS_UDP_HEADER_FIELD,
} from '../generated/constants/enums.ts';

/** A structure decoded so far: the members before the union. */
export type PartialValue = Readonly<Record<string, unknown>>;

const HEADER_FIELD_MEMBERS: Readonly<Record<number, string>> = {
  [NDIS_FRAME_HEADER.NdisFrameHeaderMac]: 'MacHeaderField',
  [NDIS_FRAME_HEADER.NdisFrameHeaderArp]: 'ArpHeaderField',
  [NDIS_FRAME_HEADER.NdisFrameHeaderIPv4]: 'IPv4HeaderField',
  [NDIS_FRAME_HEADER.NdisFrameHeaderIPv6]: 'IPv6HeaderField',
  [NDIS_FRAME_HEADER.NdisFrameHeaderUdp]: 'UdpHeaderField',
};

type ValueWidth = 'Byte' | 'Short' | 'Long' | 'ByteArray';

/** Width of each header field, by the union member that names it. */
const FIELD_WIDTHS: Readonly<Record<string, Readonly<Record<number, ValueWidth>>>> = {
  MacHeaderField: {
    [NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldDestinationAddress]: 'ByteArray',
    [NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldSourceAddress]: 'ByteArray',
    [NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldProtocol]: 'Short',
    [NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldVlanId]: 'Short',
    [NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldPriority]: 'Byte',
    [NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldPacketType]: 'Byte',
  },
  ArpHeaderField: {
    [NDIS_ARP_HEADER_FIELD.NdisARPHeaderFieldOperation]: 'Short',
    [NDIS_ARP_HEADER_FIELD.NdisARPHeaderFieldSPA]: 'Long',
    [NDIS_ARP_HEADER_FIELD.NdisARPHeaderFieldTPA]: 'Long',
  },
  IPv4HeaderField: { [NDIS_IPV4_HEADER_FIELD.NdisIPv4HeaderFieldProtocol]: 'Byte' },
  IPv6HeaderField: { [NDIS_IPV6_HEADER_FIELD.NdisIPv6HeaderFieldProtocol]: 'Byte' },
  UdpHeaderField: { [NDIS_UDP_HEADER_FIELD.NdisUdpHeaderFieldDestinationPort]: 'Short' },
};

function fieldWidth(value: PartialValue): ValueWidth {
  const chosen = Object.entries(value['HeaderField'] as Record<string, number>)[0]!;
  // An undefined field has no width: all 16 bytes, so that nothing is hidden from the caller.
  return FIELD_WIDTHS[chosen[0]]?.[chosen[1]] ?? 'ByteArray';
}

const RULES: Readonly<Record<string, (value: PartialValue) => string>> = {
  'NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.HeaderField': (value) =>
    HEADER_FIELD_MEMBERS[value['FrameHeader'] as number] ?? 'MacHeaderField',
  'NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.FieldValue': (value) => `Field${fieldWidth(value)}Value`,
  // Only MaskEqual reads the result; for other tests it is a placeholder.
  'NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.ResultValue': (value) =>
    value['ReceiveFilterTest'] === NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestMaskEqual
      ? `Result${fieldWidth(value)}Value`
      : 'ResultByteValue',
  'NDIS_OID_REQUEST.DATA': (value) => {
    if (value['RequestType'] === NDIS_REQUEST_TYPE.NdisRequestSetInformation) return 'SET_INFORMATION';
    if (value['RequestType'] === NDIS_REQUEST_TYPE.NdisRequestMethod) return 'METHOD_INFORMATION';
    return 'QUERY_INFORMATION';
  },
};

/** Name of the union's member to read, given the members already decoded; undefined means the first. */
export function unionMember(structure: string, union: string, value: PartialValue): string | undefined {
  return RULES[`${structure}.${union}`]?.(value);
}
