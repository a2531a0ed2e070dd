// Valid OID requests around queues 0 to 3 and filters 1 to 5, for the target of OID requests.
import * as abi from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';

export type RequestType = OidRequest['requestType'];
export const QUERY: RequestType = abi.NDIS_REQUEST_TYPE.NdisRequestQueryInformation;
export const SET: RequestType = abi.NDIS_REQUEST_TYPE.NdisRequestSetInformation;
export const STATISTICS: RequestType = abi.NDIS_REQUEST_TYPE.NdisRequestQueryStatistics;
export const METHOD: RequestType = abi.NDIS_REQUEST_TYPE.NdisRequestMethod;

export interface ValidRequest {
  readonly oid: number;
  readonly type: RequestType;
  readonly bytes: Uint8Array;
}

interface Options {
  readonly ndis: 620 | 630;
}

const QUERIES = [
  abi.OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
  abi.OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  abi.OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
  abi.OID_RECEIVE_FILTER_ENUM_QUEUES,
  abi.OID_GEN_STATISTICS,
  abi.OID_NIC_SWITCH_HARDWARE_CAPABILITIES,
];

export function validRequests(ndis: 620 | 630): ValidRequest[] {
  const options: Options = { ndis };
  const made: ValidRequest[] = [];
  for (let queue = 0; queue < 4; queue++) {
    for (let n = 0; n < 3; n++) made.push(...setUp(queue, options));
    made.push(...useAndFree(queue, options));
  }
  for (let filter = 1; filter <= 3; filter++)
    made.push({
      oid: abi.OID_RECEIVE_FILTER_PARAMETERS,
      type: METHOD,
      bytes: abi.NDIS_RECEIVE_FILTER_PARAMETERS.encode({ FilterId: filter, elements: [] }, options),
    });
  made.push(
    { oid: abi.OID_GEN_CURRENT_PACKET_FILTER, type: SET, bytes: Uint8Array.of(0x2f, 0, 0, 0) },
    {
      oid: abi.OID_802_3_MULTICAST_LIST,
      type: SET,
      bytes: Uint8Array.of(1, 0, 0x5e, 0, 0, 1, 1, 0, 0x5e, 0, 0, 2),
    },
    {
      oid: abi.OID_TCP_OFFLOAD_PARAMETERS,
      type: SET,
      bytes: abi.NDIS_OFFLOAD_PARAMETERS.encode({}, options),
    },
    { oid: abi.OID_PNP_SET_POWER, type: SET, bytes: Uint8Array.of(4, 0, 0, 0) },
    ...QUERIES.map((oid): ValidRequest => ({ oid, type: QUERY, bytes: new Uint8Array(0) })),
  );
  return made;
}

/** A queue allocated, said to be complete, and two filters set on it. */
function setUp(queue: number, options: Options): ValidRequest[] {
  const parameters = {
    Flags: queue & 3,
    QueueType: 1,
    ProcessorAffinity: { Mask: BigInt(1 + (queue & 1)) },
    NumSuggestedReceiveBuffers: 8 * queue,
    LookaheadSize: options.ndis === 620 && (queue & 2) !== 0 ? 64 : 0,
    VmName: 'web',
  };
  const complete = { elements: [{ QueueId: queue }] };
  return [
    {
      oid: abi.OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
      type: METHOD,
      bytes: abi.NDIS_RECEIVE_QUEUE_PARAMETERS.encode(parameters, options),
    },
    {
      oid: abi.OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
      type: METHOD,
      bytes: abi.NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.encode(complete, options),
    },
    setFilter(queue, 0, options),
    setFilter(queue, 100, options),
  ];
}

/** A filter by MAC, and by VLAN where that is not 0. */
function setFilter(queue: number, vlan: number, options: Options): ValidRequest {
  const mac = {
    FrameHeader: 1,
    ReceiveFilterTest: 1,
    HeaderField: { MacHeaderField: 1 },
    FieldValue: { FieldByteArrayValue: Uint8Array.of(0, 0x15, 0x5d, 0, 0, queue) },
  };
  const tag = {
    FrameHeader: 1,
    ReceiveFilterTest: 1,
    HeaderField: { MacHeaderField: 4 },
    FieldValue: { FieldShortValue: vlan },
  };
  const value = { FilterType: 1, QueueId: queue, elements: vlan === 0 ? [mac] : [mac, tag] };
  return {
    oid: abi.OID_RECEIVE_FILTER_SET_FILTER,
    type: METHOD,
    bytes: abi.NDIS_RECEIVE_FILTER_PARAMETERS.encode(value, options),
  };
}

/** What is asked of a queue while it lives, and how it goes. */
function useAndFree(queue: number, options: Options): ValidRequest[] {
  const id = { QueueId: queue };
  const changes = { ...id, Flags: 0xe0000001, ProcessorAffinity: { Mask: 2n }, QueueName: 'q' };
  return [
    {
      oid: abi.OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
      type: SET,
      bytes: abi.NDIS_RECEIVE_QUEUE_PARAMETERS.encode(changes, options),
    },
    {
      oid: abi.OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
      type: METHOD,
      bytes: abi.NDIS_RECEIVE_QUEUE_PARAMETERS.encode(id, options),
    },
    {
      oid: abi.OID_RECEIVE_FILTER_FREE_QUEUE,
      type: SET,
      bytes: abi.NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.encode(id, options),
    },
    {
      oid: abi.OID_RECEIVE_FILTER_ENUM_FILTERS,
      type: METHOD,
      bytes: abi.NDIS_RECEIVE_FILTER_INFO_ARRAY.encode({ ...id, elements: [] }, options),
    },
    ...[1, 2, 3, 4, 5].map((filter): ValidRequest => {
      const ids = { QueueId: queue, FilterId: filter };
      return {
        oid: abi.OID_RECEIVE_FILTER_CLEAR_FILTER,
        type: SET,
        bytes: abi.NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS.encode(ids, options),
      };
    }),
  ];
}
