/**
 * General OIDs that NDIS answers for miniports of NDIS 6.0 and later, from the general attributes and from what was
 * indicated since (INIT-22). Their pages say that such a miniport is not asked.
 *
 *   attributes ──> OID_GEN_SUPPORTED_LIST, …MAC_OPTIONS, OID_802_3_CURRENT_ADDRESS, …    a ULONG each, or as noted
 */
import {
  NDIS_HARDWARE_STATUS,
  NDIS_LINK_SPEED,
  NDIS_LINK_STATE,
  NDIS_MEDIA_CONNECT_STATE,
  NDIS_MEDIA_STATE,
  NDIS_MEDIUM,
  NDIS_STATUS_NOT_SUPPORTED,
  OID_802_3_CURRENT_ADDRESS,
  OID_802_3_MAXIMUM_LIST_SIZE,
  OID_802_3_PERMANENT_ADDRESS,
  OID_GEN_DRIVER_VERSION,
  OID_GEN_HARDWARE_STATUS,
  OID_GEN_LINK_SPEED,
  OID_GEN_LINK_SPEED_EX,
  OID_GEN_LINK_STATE,
  OID_GEN_MAC_OPTIONS,
  OID_GEN_MAX_LINK_SPEED,
  OID_GEN_MAXIMUM_FRAME_SIZE,
  OID_GEN_MAXIMUM_LOOKAHEAD,
  OID_GEN_MEDIA_CONNECT_STATUS,
  OID_GEN_MEDIA_CONNECT_STATUS_EX,
  OID_GEN_MEDIA_DUPLEX_STATE,
  OID_GEN_MEDIA_IN_USE,
  OID_GEN_MEDIA_SUPPORTED,
  OID_GEN_PHYSICAL_MEDIUM,
  OID_GEN_RCV_LINK_SPEED,
  OID_GEN_RECEIVE_SCALE_CAPABILITIES,
  OID_GEN_SUPPORTED_LIST,
  OID_GEN_XMIT_LINK_SPEED,
} from '@vmq/abi';
import type { GeneralInformation } from '../records/adapter-core.ts';
import { wordBytes } from '../records/reception.ts';
import { answer, type OidCall, refuse, type Verdict } from '../verification/oid-verification.ts';

/** Bits per second in one unit of OID_GEN_LINK_SPEED. */
const OLD_SPEED_UNIT = 100;

/** An OID that asks for a statistic: of general and of 802.3 statistics the second byte is 2. */
const isStatistic = (oid: number): boolean => ((oid >>> 16) & 0xff) === 2;

function listBytes(oids: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * oids.length);
  const view = new DataView(bytes.buffer);
  for (const [i, oid] of oids.entries()) view.setUint32(4 * i, oid, true);
  return bytes;
}

function longBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

/** 620 is 6.20: minor version, then major. */
function versionBytes(version: number): Uint8Array {
  const major = Math.floor(version / 100);
  return Uint8Array.of(version - 100 * major, major);
}

type Answer = (general: GeneralInformation, call: OidCall) => Uint8Array;

const ANSWERS: readonly (readonly [number, Answer])[] = [
  // Protocols make no statistics queries, so theirs are left out.
  [
    OID_GEN_SUPPORTED_LIST,
    ({ supportedOidList }, { owner }) =>
      listBytes(owner === 0 ? supportedOidList : supportedOidList.filter((oid) => !isStatistic(oid))),
  ],
  [OID_GEN_HARDWARE_STATUS, () => wordBytes(NDIS_HARDWARE_STATUS.NdisHardwareStatusReady)],
  [OID_GEN_MEDIA_SUPPORTED, () => wordBytes(NDIS_MEDIUM.NdisMedium802_3)],
  [OID_GEN_MEDIA_IN_USE, () => wordBytes(NDIS_MEDIUM.NdisMedium802_3)],
  [OID_GEN_PHYSICAL_MEDIUM, ({ physicalMedium }) => wordBytes(physicalMedium)],
  [OID_GEN_MAXIMUM_LOOKAHEAD, ({ lookaheadSize }) => wordBytes(lookaheadSize)],
  [OID_GEN_MAXIMUM_FRAME_SIZE, ({ mtuSize }) => wordBytes(mtuSize)],
  [OID_GEN_MAC_OPTIONS, ({ macOptions }) => wordBytes(macOptions)],
  // NDIS version, major in the high byte; two bytes.
  [OID_GEN_DRIVER_VERSION, (_, { core }) => versionBytes(core.version)],
  [
    OID_GEN_LINK_SPEED,
    ({ linkState }) => wordBytes(Number(linkState.XmitLinkSpeed / BigInt(OLD_SPEED_UNIT))),
  ],
  // Transmit and receive speed, 64 bits each.
  [
    OID_GEN_MAX_LINK_SPEED,
    ({ maxXmitLinkSpeed }) => {
      const speed = BigInt(maxXmitLinkSpeed);
      return NDIS_LINK_SPEED.encode({ XmitLinkSpeed: speed, RcvLinkSpeed: speed });
    },
  ],
  [
    OID_GEN_LINK_SPEED_EX,
    ({ linkState: { XmitLinkSpeed, RcvLinkSpeed } }) =>
      NDIS_LINK_SPEED.encode({ XmitLinkSpeed, RcvLinkSpeed }),
  ],
  [OID_GEN_XMIT_LINK_SPEED, ({ linkState }) => longBytes(linkState.XmitLinkSpeed)],
  [OID_GEN_RCV_LINK_SPEED, ({ linkState }) => longBytes(linkState.RcvLinkSpeed)],
  [OID_GEN_LINK_STATE, ({ linkState }) => NDIS_LINK_STATE.encode(linkState)],
  [
    OID_GEN_MEDIA_CONNECT_STATUS,
    ({ linkState }) => {
      const down = NDIS_MEDIA_CONNECT_STATE.MediaConnectStateDisconnected;
      return wordBytes(
        linkState.MediaConnectState === down
          ? NDIS_MEDIA_STATE.NdisMediaStateDisconnected
          : NDIS_MEDIA_STATE.NdisMediaStateConnected,
      );
    },
  ],
  [OID_GEN_MEDIA_CONNECT_STATUS_EX, ({ linkState }) => wordBytes(linkState.MediaConnectState)],
  [OID_GEN_MEDIA_DUPLEX_STATE, ({ linkState }) => wordBytes(linkState.MediaDuplexState)],
  [OID_802_3_PERMANENT_ADDRESS, ({ permanentMacAddress }) => permanentMacAddress],
  [OID_802_3_CURRENT_ADDRESS, ({ currentMacAddress }) => currentMacAddress],
  [OID_802_3_MAXIMUM_LIST_SIZE, ({ maxMulticastListSize }) => wordBytes(maxMulticastListSize)],
];

/** Each OID that NDIS answers from what it knows, with what answers it. Query: SUCCESS, INVALID_LENGTH. */
export const GENERAL_QUERIES: readonly (readonly [number, (call: OidCall) => Verdict])[] = ANSWERS.map(
  ([oid, bytesOf]) => [oid, (call) => answerFrom(call, bytesOf)],
);

function answerFrom(call: OidCall, bytesOf: Answer): Verdict {
  const { general } = call.core.attributes;
  if (general !== null) return answer(call, bytesOf(general, call));
  return refuse(
    call,
    { rule: 'INIT-22', status: NDIS_STATUS_NOT_SUPPORTED, expected: 'general attributes' },
    'none',
  );
}

/** {@link OID_GEN_RECEIVE_SCALE_CAPABILITIES}, query: SUCCESS, INVALID_LENGTH, NOT_SUPPORTED without RSS hardware. */
export function queryReceiveScaleCapabilities(call: OidCall): Verdict {
  const set = call.core.attributes.general?.recvScaleCapabilities ?? null;
  if (set !== null) return answer(call, set);
  return refuse(
    call,
    { rule: 'CAP-01', status: NDIS_STATUS_NOT_SUPPORTED, expected: 'RSS capabilities of the hardware' },
    'none',
  );
}
