/** OID_GEN_LINK_PARAMETERS, and the link as the general attributes state it. The device has one speed, and no choice. */
import {
  NDIS_LINK_PARAMETERS,
  NDIS_LINK_STATE_DUPLEX_AUTO_NEGOTIATED,
  NDIS_LINK_STATE_PAUSE_FUNCTIONS_AUTO_NEGOTIATED,
  NDIS_LINK_STATE_RCV_LINK_SPEED_AUTO_NEGOTIATED,
  NDIS_LINK_STATE_XMIT_LINK_SPEED_AUTO_NEGOTIATED,
  NDIS_MEDIA_CONNECT_STATE,
  NDIS_MEDIA_DUPLEX_STATE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_SUCCESS,
  NDIS_SUPPORTED_PAUSE_FUNCTIONS,
  type NdisLinkState,
  refusalStatus,
} from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';
import { STATUS_LU } from '@vmq/nic';
import type { Device } from '../hardware/device.ts';

const { NdisPauseFunctionsUnsupported: NO_PAUSE } = NDIS_SUPPORTED_PAUSE_FUNCTIONS;
const { MediaDuplexStateFull: FULL_DUPLEX } = NDIS_MEDIA_DUPLEX_STATE;

/** The link as the device says it is. */
export function linkState(device: Device): Omit<NdisLinkState, 'Header'> {
  const { MediaConnectStateConnected: up, MediaConnectStateDisconnected: down } = NDIS_MEDIA_CONNECT_STATE;
  const speed = BigInt(device.linkSpeed);
  return {
    MediaConnectState: (device.status & STATUS_LU) !== 0 ? up : down,
    MediaDuplexState: FULL_DUPLEX,
    XmitLinkSpeed: speed,
    RcvLinkSpeed: speed,
    PauseFunctions: NO_PAUSE,
    AutoNegotiationFlags: 0,
  };
}

/** Set: SUCCESS for what the link is anyway or may negotiate, INVALID_DATA for any other, INVALID_LENGTH. */
export function setLinkParameters(device: Device, request: OidRequest): number {
  const decoded = NDIS_LINK_PARAMETERS.decode(
    request.informationBuffer.subarray(0, request.inputBufferLength),
  );
  if (!decoded.ok) {
    const status = refusalStatus(decoded.refusal);
    if (status === NDIS_STATUS_INVALID_LENGTH) request.bytesNeeded = NDIS_LINK_PARAMETERS.sizeOf(1);
    return status;
  }
  const wanted = decoded.value;
  const speed = BigInt(device.linkSpeed);
  const holds = (flag: number, isSo: boolean): boolean => (wanted.AutoNegotiationFlags & flag) !== 0 || isSo;
  request.bytesRead = decoded.bytesRead;
  return holds(NDIS_LINK_STATE_XMIT_LINK_SPEED_AUTO_NEGOTIATED, wanted.XmitLinkSpeed === speed) &&
    holds(NDIS_LINK_STATE_RCV_LINK_SPEED_AUTO_NEGOTIATED, wanted.RcvLinkSpeed === speed) &&
    holds(NDIS_LINK_STATE_DUPLEX_AUTO_NEGOTIATED, wanted.MediaDuplexState === FULL_DUPLEX) &&
    holds(NDIS_LINK_STATE_PAUSE_FUNCTIONS_AUTO_NEGOTIATED, wanted.PauseFunctions === NO_PAUSE)
    ? NDIS_STATUS_SUCCESS
    : NDIS_STATUS_INVALID_DATA;
}
