/**
 * OID_PNP_SET_POWER (LIFE-18).
 *
 *   D0 ──to D1, D2, D3──> traffic ended; sends complete LOW_POWER_STATE; the books are kept
 *    ^                         │  (the bus powers the device down, and up again)
 *    └─────────to D0───────────┘  everything is programmed from the books
 */
import {
  NDIS_DEVICE_POWER_STATE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';
import type { OidTarget } from './oid-target.ts';

const { NdisDeviceStateD0: D0 } = NDIS_DEVICE_POWER_STATE;

/** SUCCESS, INVALID_LENGTH, FAILURE if the device does not come back. */
export function setPower({ context }: OidTarget, request: OidRequest): number {
  if (request.inputBufferLength < 4) {
    request.bytesNeeded = 4;
    return NDIS_STATUS_INVALID_LENGTH;
  }
  const { buffer, byteOffset, byteLength } = request.informationBuffer;
  const state = new DataView(buffer, byteOffset, byteLength).getUint32(0, true);
  request.bytesRead = 4;
  const { device, standstill } = context;
  if (state === D0) {
    if (!device.isAsleep) return NDIS_STATUS_SUCCESS;
    device.isAsleep = !standstill.end();
    return device.isAsleep ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS;
  }
  if (!device.isAsleep) {
    standstill.begin('low power', true);
    device.isAsleep = true;
  }
  return NDIS_STATUS_SUCCESS;
}
