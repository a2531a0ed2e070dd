/**
 * The statistics OIDs that NDIS answers from OID_GEN_STATISTICS: which member of NDIS_STATISTICS_INFO each is.
 *
 *   miniport's OID_GEN_STATISTICS ──> one member ──> OID_GEN_BYTES_RCV, …                64 or 32 bits, by the room there is
 */
import {
  NDIS_STATISTICS_FLAGS_VALID_BROADCAST_BYTES_RCV,
  NDIS_STATISTICS_FLAGS_VALID_BROADCAST_BYTES_XMIT,
  NDIS_STATISTICS_FLAGS_VALID_BROADCAST_FRAMES_RCV,
  NDIS_STATISTICS_FLAGS_VALID_BROADCAST_FRAMES_XMIT,
  NDIS_STATISTICS_FLAGS_VALID_BYTES_RCV,
  NDIS_STATISTICS_FLAGS_VALID_BYTES_XMIT,
  NDIS_STATISTICS_FLAGS_VALID_DIRECTED_BYTES_RCV,
  NDIS_STATISTICS_FLAGS_VALID_DIRECTED_BYTES_XMIT,
  NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_RCV,
  NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_XMIT,
  NDIS_STATISTICS_FLAGS_VALID_MULTICAST_BYTES_RCV,
  NDIS_STATISTICS_FLAGS_VALID_MULTICAST_BYTES_XMIT,
  NDIS_STATISTICS_FLAGS_VALID_MULTICAST_FRAMES_RCV,
  NDIS_STATISTICS_FLAGS_VALID_MULTICAST_FRAMES_XMIT,
  NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS,
  NDIS_STATISTICS_FLAGS_VALID_RCV_ERROR,
  NDIS_STATISTICS_FLAGS_VALID_XMIT_DISCARDS,
  NDIS_STATISTICS_FLAGS_VALID_XMIT_ERROR,
  NDIS_STATISTICS_INFO,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  type NdisStatisticsInfo,
  OID_GEN_BROADCAST_BYTES_RCV,
  OID_GEN_BROADCAST_BYTES_XMIT,
  OID_GEN_BROADCAST_FRAMES_RCV,
  OID_GEN_BROADCAST_FRAMES_XMIT,
  OID_GEN_BYTES_RCV,
  OID_GEN_BYTES_XMIT,
  OID_GEN_DIRECTED_BYTES_RCV,
  OID_GEN_DIRECTED_BYTES_XMIT,
  OID_GEN_DIRECTED_FRAMES_RCV,
  OID_GEN_DIRECTED_FRAMES_XMIT,
  OID_GEN_MULTICAST_BYTES_RCV,
  OID_GEN_MULTICAST_BYTES_XMIT,
  OID_GEN_MULTICAST_FRAMES_RCV,
  OID_GEN_MULTICAST_FRAMES_XMIT,
  OID_GEN_RCV_DISCARDS,
  OID_GEN_RCV_ERROR,
  OID_GEN_STATISTICS,
  OID_GEN_XMIT_DISCARDS,
  OID_GEN_XMIT_ERROR,
} from '@vmq/abi';
import { queryRequest } from '@vmq/ddi';
import { type OidCall, refuseShortOutput, type Verdict } from '../verification/oid-verification.ts';

interface StatisticsMember {
  readonly member: keyof NdisStatisticsInfo;
  /** NDIS_STATISTICS_FLAGS_VALID_* under which the member means something. */
  readonly flag: number;
}

const MEMBERS: readonly (readonly [number, StatisticsMember])[] = [
  [OID_GEN_RCV_DISCARDS, { member: 'ifInDiscards', flag: NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS }],
  [OID_GEN_RCV_ERROR, { member: 'ifInErrors', flag: NDIS_STATISTICS_FLAGS_VALID_RCV_ERROR }],
  [OID_GEN_BYTES_RCV, { member: 'ifHCInOctets', flag: NDIS_STATISTICS_FLAGS_VALID_BYTES_RCV }],
  [
    OID_GEN_DIRECTED_FRAMES_RCV,
    { member: 'ifHCInUcastPkts', flag: NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_RCV },
  ],
  [
    OID_GEN_MULTICAST_FRAMES_RCV,
    { member: 'ifHCInMulticastPkts', flag: NDIS_STATISTICS_FLAGS_VALID_MULTICAST_FRAMES_RCV },
  ],
  [
    OID_GEN_BROADCAST_FRAMES_RCV,
    { member: 'ifHCInBroadcastPkts', flag: NDIS_STATISTICS_FLAGS_VALID_BROADCAST_FRAMES_RCV },
  ],
  [OID_GEN_BYTES_XMIT, { member: 'ifHCOutOctets', flag: NDIS_STATISTICS_FLAGS_VALID_BYTES_XMIT }],
  [
    OID_GEN_DIRECTED_FRAMES_XMIT,
    { member: 'ifHCOutUcastPkts', flag: NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_XMIT },
  ],
  [
    OID_GEN_MULTICAST_FRAMES_XMIT,
    { member: 'ifHCOutMulticastPkts', flag: NDIS_STATISTICS_FLAGS_VALID_MULTICAST_FRAMES_XMIT },
  ],
  [
    OID_GEN_BROADCAST_FRAMES_XMIT,
    { member: 'ifHCOutBroadcastPkts', flag: NDIS_STATISTICS_FLAGS_VALID_BROADCAST_FRAMES_XMIT },
  ],
  [OID_GEN_XMIT_ERROR, { member: 'ifOutErrors', flag: NDIS_STATISTICS_FLAGS_VALID_XMIT_ERROR }],
  [OID_GEN_XMIT_DISCARDS, { member: 'ifOutDiscards', flag: NDIS_STATISTICS_FLAGS_VALID_XMIT_DISCARDS }],
  [
    OID_GEN_DIRECTED_BYTES_RCV,
    { member: 'ifHCInUcastOctets', flag: NDIS_STATISTICS_FLAGS_VALID_DIRECTED_BYTES_RCV },
  ],
  [
    OID_GEN_MULTICAST_BYTES_RCV,
    { member: 'ifHCInMulticastOctets', flag: NDIS_STATISTICS_FLAGS_VALID_MULTICAST_BYTES_RCV },
  ],
  [
    OID_GEN_BROADCAST_BYTES_RCV,
    { member: 'ifHCInBroadcastOctets', flag: NDIS_STATISTICS_FLAGS_VALID_BROADCAST_BYTES_RCV },
  ],
  [
    OID_GEN_DIRECTED_BYTES_XMIT,
    { member: 'ifHCOutUcastOctets', flag: NDIS_STATISTICS_FLAGS_VALID_DIRECTED_BYTES_XMIT },
  ],
  [
    OID_GEN_MULTICAST_BYTES_XMIT,
    { member: 'ifHCOutMulticastOctets', flag: NDIS_STATISTICS_FLAGS_VALID_MULTICAST_BYTES_XMIT },
  ],
  [
    OID_GEN_BROADCAST_BYTES_XMIT,
    { member: 'ifHCOutBroadcastOctets', flag: NDIS_STATISTICS_FLAGS_VALID_BROADCAST_BYTES_XMIT },
  ],
];

/** Each statistics OID with what asks the miniport for it: the shape of GENERAL_QUERIES. */
export const STATISTICS_QUERIES: readonly (readonly [number, (call: OidCall) => Verdict])[] = MEMBERS.map(
  ([oid, member]) => [oid, queryStatistic(member)],
);

/**
 * A statistic by itself, query: the miniport is asked for all of them, and the one is handed on. SUCCESS, INVALID_LENGTH,
 * NOT_SUPPORTED if the miniport does not count it, and what it answers.
 */
function queryStatistic({ member, flag }: StatisticsMember): (call: OidCall) => Verdict {
  return (call) => {
    const short = refuseShortOutput(call, 4);
    if (short !== null) return short;
    const inner = queryRequest(OID_GEN_STATISTICS, NDIS_STATISTICS_INFO.sizeOf(1));
    return {
      kind: 'down',
      request: inner,
      complete(status) {
        if (status !== NDIS_STATUS_SUCCESS) return status;
        const decoded = NDIS_STATISTICS_INFO.decode(inner.informationBuffer.subarray(0, inner.bytesWritten));
        if (!decoded.ok || (decoded.value.SupportedStatistics & flag) === 0) return NDIS_STATUS_NOT_SUPPORTED;
        writeCount(call, decoded.value[member] as bigint);
        return NDIS_STATUS_SUCCESS;
      },
    };
  };
}

/** 64 bits where there is room for them, the low 32 else; BytesNeeded then says that there is more. */
function writeCount({ request }: OidCall, count: bigint): void {
  const { buffer, byteOffset, byteLength } = request.informationBuffer;
  const view = new DataView(buffer, byteOffset, byteLength);
  request.bytesNeeded = 8;
  if (request.outputBufferLength >= 8) {
    view.setBigUint64(0, count, true);
    request.bytesWritten = 8;
    return;
  }
  view.setUint32(0, Number(count & 0xffff_ffffn), true);
  request.bytesWritten = 4;
}
