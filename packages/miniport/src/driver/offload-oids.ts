/** OID_TCP_OFFLOAD_PARAMETERS: of all task offloads the device has VMQ on NVGRE frames alone (OFF-06). */
import {
  NDIS_OFFLOAD_PARAMETERS,
  NDIS_OFFLOAD_PARAMETERS_NO_CHANGE,
  NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED,
  NDIS_OFFLOAD_SET_NO_CHANGE,
  NDIS_OFFLOAD_SET_ON,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  type NdisOffloadParameters,
} from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';
import type { OidTarget } from './oid-target.ts';

const OTHERS = [
  'IPv4Checksum',
  'TCPIPv4Checksum',
  'UDPIPv4Checksum',
  'TCPIPv6Checksum',
  'UDPIPv6Checksum',
  'LsoV1',
  'IPsecV1',
  'LsoV2IPv4',
  'LsoV2IPv6',
  'TcpConnectionIPv4',
  'TcpConnectionIPv6',
  'IPsecV2',
  'IPsecV2IPv4',
  'RscIPv4',
  'RscIPv6',
] as const satisfies readonly (keyof NdisOffloadParameters)[];

/** SUCCESS, INVALID_PARAMETER, NOT_SUPPORTED for offloads the device does not have, FAILURE. */
export function setOffloadParameters({ context }: OidTarget, request: OidRequest): number {
  const decoded = NDIS_OFFLOAD_PARAMETERS.decode(
    request.informationBuffer.subarray(0, request.inputBufferLength),
  );
  if (!decoded.ok) return NDIS_STATUS_INVALID_PARAMETER;
  const { value } = decoded;
  // No change, or off: each offload's value for "disabled" is 1.
  const isOff = (wanted: number): boolean =>
    wanted === NDIS_OFFLOAD_PARAMETERS_NO_CHANGE || wanted === NDIS_OFFLOAD_PARAMETERS_TX_RX_DISABLED;
  if (!OTHERS.every((member) => isOff(value[member] ?? 0))) return NDIS_STATUS_NOT_SUPPORTED;
  request.bytesRead = request.inputBufferLength;
  const wanted = value.EncapsulatedPacketTaskOffload ?? NDIS_OFFLOAD_SET_NO_CHANGE;
  if (wanted === NDIS_OFFLOAD_SET_NO_CHANGE) return NDIS_STATUS_SUCCESS;
  return context.packetFilter.setEncapsulation(wanted === NDIS_OFFLOAD_SET_ON);
}
