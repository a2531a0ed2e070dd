/**
 * Which OIDs NDIS knows, in which request kinds, and who handles them.
 *
 *   OID_RECEIVE_FILTER_…        query   set       method
 *   HARDWARE_CAPABILITIES       NDIS
 *   CURRENT_CAPABILITIES        NDIS
 *   GLOBAL_PARAMETERS           NDIS
 *   ALLOCATE_QUEUE                                miniport
 *   QUEUE_ALLOCATION_COMPLETE                     miniport
 *   QUEUE_PARAMETERS                    miniport  NDIS
 *   FREE_QUEUE                          miniport
 *   ENUM_QUEUES                 NDIS
 *   SET_FILTER                                    miniport
 *   CLEAR_FILTER                        miniport
 *   ENUM_FILTERS                                  NDIS
 *   PARAMETERS                                    NDIS
 *   MOVE_FILTER                         refused without a NIC switch
 *   OID_NIC_SWITCH_…            refused without a NIC switch
 *   OID_TCP_OFFLOAD_PARAMETERS          miniport
 *   OID_PNP_SET_POWER                   miniport; from NDIS itself only
 *   PACKET_FILTER, MULTICAST_LIST,
 *   CURRENT_LOOKAHEAD           NDIS      miniport, with what all bindings want together
 *   OID_GEN_RECEIVE_SCALE_PARAMETERS   miniport; a set is refused while VMQ is current
 *   …RECEIVE_SCALE_CAPABILITIES NDIS
 *   SUPPORTED_LIST, LINK_STATE and
 *   others of oids-general.ts   NDIS
 *   BYTES_RCV and others of
 *   statistics-oids.ts          miniport's OID_GEN_STATISTICS
 *   any other                   miniport, unverified
 *
 * NDIS-answered requests neither wait for nor reach the miniport (INIT-11). A kind without an entry gets
 * NOT_SUPPORTED (INIT-13).
 */
import {
  NDIS_STATUS_NOT_SUPPORTED,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_RECEIVE_SCALE_CAPABILITIES,
  OID_GEN_RECEIVE_SCALE_PARAMETERS,
  OID_NIC_SWITCH_ALLOCATE_VF,
  OID_NIC_SWITCH_CREATE_SWITCH,
  OID_NIC_SWITCH_CREATE_VPORT,
  OID_NIC_SWITCH_CURRENT_CAPABILITIES,
  OID_NIC_SWITCH_DELETE_SWITCH,
  OID_NIC_SWITCH_DELETE_VPORT,
  OID_NIC_SWITCH_ENUM_SWITCHES,
  OID_NIC_SWITCH_ENUM_VFS,
  OID_NIC_SWITCH_ENUM_VPORTS,
  OID_NIC_SWITCH_FREE_VF,
  OID_NIC_SWITCH_HARDWARE_CAPABILITIES,
  OID_NIC_SWITCH_PARAMETERS,
  OID_NIC_SWITCH_VF_PARAMETERS,
  OID_NIC_SWITCH_VPORT_PARAMETERS,
  OID_PNP_SET_POWER,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  OID_RECEIVE_FILTER_ENUM_FILTERS,
  OID_RECEIVE_FILTER_ENUM_QUEUES,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
  OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
  OID_RECEIVE_FILTER_MOVE_FILTER,
  OID_RECEIVE_FILTER_PARAMETERS,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  OID_RECEIVE_FILTER_SET_FILTER,
  OID_TCP_OFFLOAD_PARAMETERS,
} from '@vmq/abi';
import { NdisRequestMethod, NdisRequestSetInformation, type NdisRequestType } from '@vmq/ddi';
import { type OidCall, refuse, refuseWithoutVmq, type Verdict } from '../verification/oid-verification.ts';
import { completeQueueAllocation } from './oids-allocation-complete.ts';
import {
  queryCurrentCapabilities,
  queryGlobalParameters,
  queryHardwareCapabilities,
  queryNicSwitchCurrentCapabilities,
  queryNicSwitchHardwareCapabilities,
} from './oids-capabilities.ts';
import { GENERAL_QUERIES, queryReceiveScaleCapabilities } from './oids-general.ts';
import { setOffloadParameters } from './oids-offload.ts';
import { queryQueueParameters, setQueueParameters } from './oids-queue-parameters.ts';
import { clearFilter, enumerateFilters, queryFilter, setFilter } from './oids-receive-filter.ts';
import { allocateQueue, enumerateQueues, freeQueue } from './oids-receive-queue.ts';
import {
  queryLookahead,
  queryMulticastList,
  queryPacketFilter,
  setLookahead,
  setMulticastList,
  setPacketFilter,
} from './oids-reception.ts';
import { STATISTICS_QUERIES } from './statistics-oids.ts';

/** Owner of requests that NDIS makes for itself. */
export const NDIS_ITSELF = -1;

type Kind = 'query' | 'set' | 'method';

export interface OidHandling {
  /** NDIS answers at once; or the miniport does, after verification, one request at a time. */
  readonly by: 'ndis' | 'miniport';
  verify(call: OidCall): Verdict;
}

type OidRow = Partial<Readonly<Record<Kind, OidHandling>>>;

const ndis = (verify: (call: OidCall) => Verdict): OidHandling => ({ by: 'ndis', verify });
const miniport = (verify: (call: OidCall) => Verdict): OidHandling => ({ by: 'miniport', verify });
/** A request for something new, which needs VMQ to be current (INIT-10). What exists can always be given back (CAP-31). */
const vmq = (verify: (call: OidCall) => Verdict): OidHandling =>
  miniport((call) => refuseWithoutVmq(call) ?? verify(call));

const passDown = (): Verdict => ({ kind: 'down', complete: (status) => status });
/** What bindings share: `set` combines; NDIS's own requests are combinations already. */
const shared = (query: (call: OidCall) => Verdict, set: (call: OidCall) => Verdict): OidRow => ({
  query: ndis(query),
  set: miniport((call) => (call.owner === NDIS_ITSELF ? passDown() : set(call))),
});
const noNicSwitch = ndis((call) =>
  refuse(
    call,
    { rule: 'VPT-24', status: NDIS_STATUS_NOT_SUPPORTED, expected: 'a NIC switch in the current set' },
    'none',
  ),
);
const NO_NIC_SWITCH: OidRow = { query: noNicSwitch, set: noNicSwitch, method: noNicSwitch };

const ROWS: ReadonlyMap<number, OidRow> = new Map<number, OidRow>([
  [OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, { query: ndis(queryHardwareCapabilities) }],
  [OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, { query: ndis(queryCurrentCapabilities) }],
  [OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, { query: ndis(queryGlobalParameters) }],
  [OID_RECEIVE_FILTER_ALLOCATE_QUEUE, { method: vmq(allocateQueue) }],
  [OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, { method: vmq(completeQueueAllocation) }],
  [OID_RECEIVE_FILTER_QUEUE_PARAMETERS, { set: vmq(setQueueParameters), method: ndis(queryQueueParameters) }],
  [OID_RECEIVE_FILTER_FREE_QUEUE, { set: miniport(freeQueue) }],
  [OID_RECEIVE_FILTER_ENUM_QUEUES, { query: ndis(enumerateQueues) }],
  [OID_RECEIVE_FILTER_SET_FILTER, { method: miniport(setFilter) }],
  [OID_RECEIVE_FILTER_CLEAR_FILTER, { set: miniport(clearFilter) }],
  [OID_RECEIVE_FILTER_ENUM_FILTERS, { method: ndis(enumerateFilters) }],
  [OID_RECEIVE_FILTER_PARAMETERS, { method: ndis(queryFilter) }],
  [OID_RECEIVE_FILTER_MOVE_FILTER, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_HARDWARE_CAPABILITIES, { query: ndis(queryNicSwitchHardwareCapabilities) }],
  [OID_NIC_SWITCH_CURRENT_CAPABILITIES, { query: ndis(queryNicSwitchCurrentCapabilities) }],
  [OID_NIC_SWITCH_CREATE_SWITCH, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_PARAMETERS, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_DELETE_SWITCH, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_ENUM_SWITCHES, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_CREATE_VPORT, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_VPORT_PARAMETERS, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_ENUM_VPORTS, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_DELETE_VPORT, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_ALLOCATE_VF, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_FREE_VF, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_VF_PARAMETERS, NO_NIC_SWITCH],
  [OID_NIC_SWITCH_ENUM_VFS, NO_NIC_SWITCH],
  [OID_GEN_CURRENT_PACKET_FILTER, shared(queryPacketFilter, setPacketFilter)],
  [OID_802_3_MULTICAST_LIST, shared(queryMulticastList, setMulticastList)],
  [OID_GEN_CURRENT_LOOKAHEAD, shared(queryLookahead, setLookahead)],
  [OID_TCP_OFFLOAD_PARAMETERS, { set: miniport(setOffloadParameters) }],
  [
    OID_PNP_SET_POWER,
    {
      set: miniport((call) =>
        call.owner === NDIS_ITSELF
          ? passDown()
          : refuse(
              call,
              { rule: 'LIFE-18', status: NDIS_STATUS_NOT_SUPPORTED, expected: 'power changes by NDIS' },
              'a request for one',
            ),
      ),
    },
  ],
  ...GENERAL_QUERIES.map(([oid, query]): [number, OidRow] => [oid, { query: ndis(query) }]),
  ...STATISTICS_QUERIES.map(([oid, query]): [number, OidRow] => [oid, { query: miniport(query) }]),
  [OID_GEN_RECEIVE_SCALE_CAPABILITIES, { query: ndis(queryReceiveScaleCapabilities) }],
  [
    OID_GEN_RECEIVE_SCALE_PARAMETERS,
    {
      query: miniport(passDown),
      set: miniport((call) =>
        call.core.capabilities.vmqCurrent
          ? refuse(
              call,
              { rule: 'OFF-05', status: NDIS_STATUS_NOT_SUPPORTED, expected: 'VMQ not current' },
              'VMQ current',
            )
          : passDown(),
      ),
    },
  ],
]);

const UNKNOWN_OID: OidHandling = miniport(passDown);

function kindOf(requestType: NdisRequestType): Kind {
  if (requestType === NdisRequestSetInformation) return 'set';
  return requestType === NdisRequestMethod ? 'method' : 'query';
}

/** Who handles a request, or a handling that refuses its kind. */
export function handlingOf(oid: number, requestType: NdisRequestType): OidHandling {
  const row = ROWS.get(oid);
  if (row === undefined) return UNKNOWN_OID;
  const kind = kindOf(requestType);
  return row[kind] ?? refuseKind(kind, row);
}

function refuseKind(kind: Kind, row: OidRow): OidHandling {
  return ndis((call) =>
    refuse(
      call,
      {
        rule: 'INIT-13',
        status: NDIS_STATUS_NOT_SUPPORTED,
        expected: `a ${Object.keys(row).join(' or ')} request`,
      },
      kind,
    ),
  );
}
