/** From a request of the reference model's vocabulary to an OID request with its bytes, malformed ones included. */
import {
  NDIS_FRAME_HEADER,
  NDIS_MAC_HEADER_FIELD,
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS,
  NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
  NDIS_RECEIVE_FILTER_INFO_ARRAY,
  NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_FILTER_TEST,
  NDIS_RECEIVE_FILTER_TYPE,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION,
  NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED,
  NDIS_RECEIVE_QUEUE_TYPE,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  OID_RECEIVE_FILTER_ENUM_FILTERS,
  OID_RECEIVE_FILTER_ENUM_QUEUES,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
  OID_RECEIVE_FILTER_MOVE_FILTER,
  OID_RECEIVE_FILTER_PARAMETERS,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  OID_RECEIVE_FILTER_SET_FILTER,
  type StructLayout,
} from '@vmq/abi';
import {
  NdisRequestMethod,
  NdisRequestQueryInformation,
  NdisRequestQueryStatistics,
  NdisRequestSetInformation,
  type NdisRequestType,
  type OidRequest,
} from '@vmq/ddi';
import type { Body, FieldTest, Geometry, OidWord, Request, RequestKind } from '../reference/vocabulary.ts';

export type AbiVersion = 620 | 630;

const OIDS: Readonly<Record<OidWord, number>> = {
  'allocate queue': OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  'complete allocation': OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  'query queue parameters': OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  'set queue parameters': OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  'free queue': OID_RECEIVE_FILTER_FREE_QUEUE,
  'enumerate queues': OID_RECEIVE_FILTER_ENUM_QUEUES,
  'set filter': OID_RECEIVE_FILTER_SET_FILTER,
  'clear filter': OID_RECEIVE_FILTER_CLEAR_FILTER,
  'enumerate filters': OID_RECEIVE_FILTER_ENUM_FILTERS,
  'query filter': OID_RECEIVE_FILTER_PARAMETERS,
  'move filter': OID_RECEIVE_FILTER_MOVE_FILTER,
  'query current capabilities': OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  'query global parameters': OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
  'set packet filter': OID_GEN_CURRENT_PACKET_FILTER,
  'set multicast list': OID_802_3_MULTICAST_LIST,
};
const KINDS: Readonly<Record<RequestKind, NdisRequestType>> = {
  query: NdisRequestQueryInformation,
  statistics: NdisRequestQueryStatistics,
  set: NdisRequestSetInformation,
  method: NdisRequestMethod,
};

/** Room for any answer: of one structure, or an enumeration of all queues. */
const AMPLE = 1200;
const AMPLE_FOR_ALL = 5000;
/** Too little for any answer. */
const SCANT = 8;

export function oidRequestOf(request: Request, version: AbiVersion): OidRequest {
  const { body, kind, room } = request;
  let input = kind === 'query' || kind === 'statistics' ? new Uint8Array(0) : inputBytes(body, version);
  // More than any padding at the end of an element, so that a member is always cut.
  if (request.input === 'short') input = input.slice(0, Math.max(0, input.length - 12));
  const ample = body.oid === 'enumerate queues' ? AMPLE_FOR_ALL : AMPLE;
  let output = kind === 'set' ? 0 : request.output === 'short' ? SCANT : ample;
  if (room !== null && kind !== 'set') output = room;
  const informationBuffer = new Uint8Array(Math.max(input.length, output));
  informationBuffer.set(input);
  return {
    requestType: KINDS[kind],
    oid: OIDS[body.oid],
    informationBuffer,
    inputBufferLength: input.length,
    outputBufferLength: output,
    portNumber: 0,
    timeoutSeconds: 10,
    requestId: 0,
    bytesRead: 0,
    bytesWritten: 0,
    bytesNeeded: 0,
    supportedRevision: 0,
  };
}

type Of<W extends Body['oid']> = Extract<Body, { oid: W }>;

function changeBytes(body: Of<'set queue parameters'>, ndis: AbiVersion): Uint8Array {
  const { flags, affinity, buffers, name } = body.changes;
  return NDIS_RECEIVE_QUEUE_PARAMETERS.encode(
    {
      QueueId: body.queueId,
      Flags:
        (settingFlags(body) |
          (flags ? NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED : 0) |
          (affinity ? NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED : 0) |
          (buffers ? NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED : 0) |
          (name ? NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED : 0)) >>>
        0,
      ProcessorAffinity: { Mask: BigInt(body.affinity), Group: body.group },
      NumSuggestedReceiveBuffers: body.suggestedBuffers,
      QueueName: body.queueName,
    },
    { ndis },
  );
}

function acceptBytes(body: Of<'set packet filter'>): Uint8Array {
  const { directed, multicast, allMulticast, broadcast, promiscuous } = body.accepts;
  return Uint8Array.of(
    (directed ? NDIS_PACKET_TYPE_DIRECTED : 0) |
      (multicast ? NDIS_PACKET_TYPE_MULTICAST : 0) |
      (allMulticast ? NDIS_PACKET_TYPE_ALL_MULTICAST : 0) |
      (broadcast ? NDIS_PACKET_TYPE_BROADCAST : 0) |
      (promiscuous ? NDIS_PACKET_TYPE_PROMISCUOUS : 0),
    0,
    0,
    0,
  );
}

function inputBytes(body: Body, ndis: AbiVersion): Uint8Array {
  const options = { ndis };
  switch (body.oid) {
    case 'allocate queue':
      return allocationBytes(body, ndis);
    case 'complete allocation': {
      const elements = body.queueIds.map((QueueId) => ({ QueueId }));
      const bytes = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.encode({ elements }, options);
      return misplaced(
        bytes,
        NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.layout,
        body.geometry,
        COMPLETE_ARRAY,
      );
    }
    case 'query queue parameters':
      return NDIS_RECEIVE_QUEUE_PARAMETERS.encode({ QueueId: body.queueId }, options);
    case 'set queue parameters':
      return changeBytes(body, ndis);
    case 'free queue':
      return NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.encode({ QueueId: body.queueId }, options);
    case 'set filter': {
      const bytes = NDIS_RECEIVE_FILTER_PARAMETERS.encode(
        {
          FilterType: body.vmQueueType
            ? NDIS_RECEIVE_FILTER_TYPE.NdisReceiveFilterTypeVMQueue
            : NDIS_RECEIVE_FILTER_TYPE.NdisReceiveFilterTypePacketCoalescing,
          QueueId: body.queueId,
          FilterId: body.filterId,
          RequestedFilterIdBitCount: body.idBits,
          elements: body.tests.map(fieldParameters),
        },
        options,
      );
      return misplaced(bytes, NDIS_RECEIVE_FILTER_PARAMETERS.layout, body.geometry, FIELD_ARRAY);
    }
    case 'clear filter':
      return NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS.encode(
        { QueueId: body.queueId, FilterId: body.filterId },
        options,
      );
    case 'enumerate filters':
      return NDIS_RECEIVE_FILTER_INFO_ARRAY.encode({ QueueId: body.queueId, elements: [] }, options);
    case 'query filter':
      return NDIS_RECEIVE_FILTER_PARAMETERS.encode({ FilterId: body.filterId, elements: [] }, options);
    case 'move filter':
      return NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS.encode({ FilterId: body.filterId });
    case 'set packet filter':
      return acceptBytes(body);
    case 'set multicast list':
      return Uint8Array.from(body.addresses.flatMap((address) => [...macBytes(address)]));
    default:
      return new Uint8Array(0);
  }
}

const settingFlags = (settings: { perQueueIndication: boolean; splitRequired: boolean }): number =>
  (settings.perQueueIndication ? NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION : 0) |
  (settings.splitRequired ? NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED : 0);

function allocationBytes(body: Extract<Body, { oid: 'allocate queue' }>, ndis: AbiVersion): Uint8Array {
  const value = {
    Flags: settingFlags(body),
    QueueType: body.vmQueueType ? NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue : 0,
    QueueId: body.queueId,
    ProcessorAffinity: { Mask: BigInt(body.affinity), Group: body.group },
    NumSuggestedReceiveBuffers: body.suggestedBuffers,
    LookaheadSize: body.lookaheadSize,
    VmName: body.vmName,
    QueueName: body.queueName,
  };
  if (body.qosSqId === null) {
    const later = ndis === 620 ? {} : { PortId: body.portId };
    return NDIS_RECEIVE_QUEUE_PARAMETERS.encode({ ...value, ...later }, { ndis });
  }
  // Revision 3 of NDIS 6.50: revision 2 with QosSqId behind it.
  const older = NDIS_RECEIVE_QUEUE_PARAMETERS.encode({ ...value, PortId: body.portId }, { revision: 2 });
  const bytes = new Uint8Array(older.length + 4);
  bytes.set(older);
  const view = new DataView(bytes.buffer);
  view.setUint8(1, 3);
  view.setUint16(2, bytes.length, true);
  view.setUint32(older.length, body.qosSqId, true);
  return bytes;
}

/** Members that say where an array is. */
interface ArrayMembers {
  readonly offset: string;
  readonly count: string;
  readonly stride: string;
}
const COMPLETE_ARRAY: ArrayMembers = {
  offset: 'FirstElementOffset',
  count: 'NumElements',
  stride: 'ElementSize',
};
const FIELD_ARRAY: ArrayMembers = {
  offset: 'FieldParametersArrayOffset',
  count: 'FieldParametersArrayNumElements',
  stride: 'FieldParametersArrayElementSize',
};

/** The same buffer with an array that lies wrongly. */
function misplaced(
  bytes: Uint8Array,
  { fields }: StructLayout,
  geometry: Geometry,
  members: ArrayMembers,
): Uint8Array {
  if (geometry === 'fine') return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const at = (name: string): number => fields.find((field) => field.name === name)?.offset ?? 0;
  const add = (name: string, value: number): void =>
    view.setUint32(at(name), view.getUint32(at(name), true) + value, true);
  if (geometry === 'past the end') add(members.count, 1);
  else if (geometry === 'inside the header') add(members.offset, -4);
  else add(members.stride, -4);
  return bytes;
}

const HEADERS = {
  mac: { number: NDIS_FRAME_HEADER.NdisFrameHeaderMac, member: 'MacHeaderField' },
  arp: { number: NDIS_FRAME_HEADER.NdisFrameHeaderArp, member: 'ArpHeaderField' },
  ipv4: { number: NDIS_FRAME_HEADER.NdisFrameHeaderIPv4, member: 'IPv4HeaderField' },
  udp: { number: NDIS_FRAME_HEADER.NdisFrameHeaderUdp, member: 'UdpHeaderField' },
} as const;
const FIELDS = {
  destination: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldDestinationAddress,
  source: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldSourceAddress,
  vlan: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldVlanId,
  'packet type': NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldPacketType,
} as const;
const TESTS = {
  equal: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual,
  'mask equal': NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestMaskEqual,
  'not equal': NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestNotEqual,
} as const;

function fieldParameters({ header, field, test, mac, vlan, untaggedOrZero }: FieldTest): {
  Flags: number;
  FrameHeader: number;
  ReceiveFilterTest: number;
  HeaderField: { MacHeaderField: number };
  FieldValue: { FieldShortValue: number } | { FieldByteArrayValue: Uint8Array };
} {
  const { number, member } = HEADERS[header];
  const isAddress = header === 'mac' && (field === 'destination' || field === 'source');
  return {
    Flags: untaggedOrZero ? NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO : 0,
    FrameHeader: number,
    ReceiveFilterTest: TESTS[test],
    // The member's name is chosen by the header; its place and size are the same for all.
    HeaderField: { [member]: header === 'mac' ? FIELDS[field] : 1 } as { MacHeaderField: number },
    FieldValue: isAddress ? { FieldByteArrayValue: macBytes(mac) } : { FieldShortValue: vlan },
  };
}

/** `00-15-5D-00-00-01` to six bytes. */
export function macBytes(text: string): Uint8Array {
  return Uint8Array.from(text.split('-'), (pair) => Number.parseInt(pair, 16));
}

export function macText(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 6), (byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(
    '-',
  );
}
