/** The OIDs that this miniport answers, and with what. */
import {
  NDIS_STATUS_NOT_ACCEPTED,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_INTERRUPT_MODERATION,
  OID_GEN_LINK_PARAMETERS,
  OID_GEN_RCV_OK,
  OID_GEN_STATISTICS,
  OID_GEN_XMIT_OK,
  OID_PNP_SET_POWER,
  OID_TCP_OFFLOAD_PARAMETERS,
} from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';
import { REG } from '@vmq/nic';
import { OID_VMQ_MINIPORT_VM_QUEUES } from '../queues/current-set.ts';
import { queryFrames, queryStatistics, setLookahead } from './general-oids.ts';
import { IDENTITY_QUERIES } from './identity-oids.ts';
import { setLinkParameters } from './link-oids.ts';
import { setOffloadParameters } from './offload-oids.ts';
import { OidDispatchTable, type OidHandler, QUERY, SET } from './oid-dispatch.ts';
import type { OidTarget } from './oid-target.ts';
import { setPower } from './power-and-reset.ts';
import { RECEIVE_FILTER_OIDS } from './receive-filter-oids.ts';

const TABLE: OidDispatchTable<OidTarget> = new OidDispatchTable<OidTarget>([
  ...RECEIVE_FILTER_OIDS,
  [
    OID_GEN_CURRENT_PACKET_FILTER,
    { types: SET, handle: ({ context }, request) => context.packetFilter.setTypes(request) },
  ],
  [OID_GEN_CURRENT_LOOKAHEAD, { types: SET, handle: (_, request) => setLookahead(request) }],
  [
    OID_802_3_MULTICAST_LIST,
    { types: SET, handle: ({ context }, request) => context.packetFilter.setMulticastList(request) },
  ],
  [
    OID_GEN_STATISTICS,
    { types: QUERY, handle: ({ context }, request) => queryStatistics(context.device, request) },
  ],
  [
    OID_GEN_RCV_OK,
    { types: QUERY, handle: ({ context }, request) => queryFrames(context.device, REG.GPRC, request) },
  ],
  [
    OID_GEN_XMIT_OK,
    { types: QUERY, handle: ({ context }, request) => queryFrames(context.device, REG.GPTC, request) },
  ],
  [
    OID_GEN_INTERRUPT_MODERATION,
    { types: [...QUERY, ...SET], handle: ({ context }, request) => context.moderation.handle(request) },
  ],
  [
    OID_GEN_LINK_PARAMETERS,
    { types: SET, handle: ({ context }, request) => setLinkParameters(context.device, request) },
  ],
  ...IDENTITY_QUERIES.map(([oid, query]): [number, OidHandler<OidTarget>] => [
    oid,
    { types: QUERY, handle: ({ context }, request) => query(context.room, request) },
  ]),
  [OID_PNP_SET_POWER, { types: SET, handle: setPower }],
  [OID_TCP_OFFLOAD_PARAMETERS, { types: SET, handle: setOffloadParameters }],
  [
    OID_VMQ_MINIPORT_VM_QUEUES,
    { types: [...QUERY, ...SET], handle: ({ currentSet }, request) => currentSet.handle(request) },
  ],
]);

/** SupportedOidList of the general attributes. */
export const SUPPORTED_OIDS: readonly number[] = TABLE.supportedOids;

/**
 * MiniportOidRequest: NDIS_STATUS_PENDING only for a free that waits for NBLs, NOT_ACCEPTED after surprise removal
 * (LIFE-16).
 */
export function handleOidRequest(target: OidTarget, request: OidRequest): number {
  return target.context.isRemoved ? NDIS_STATUS_NOT_ACCEPTED : TABLE.dispatch(target, request);
}
