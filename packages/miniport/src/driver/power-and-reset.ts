/**
 * What quiesces an adapter, and has its traffic resume: OID_PNP_SET_POWER (LIFE-18) and MiniportResetEx, after which the
 * device begins anew and everything that was set on it is set again (LIFE-12 to LIFE-14).
 *
 *   D0 ──to D1, D2, D3──> traffic ended; sends complete LOW_POWER_STATE; the books are kept
 *    ^                         │  (the bus powers the device down, and up again)
 *    └─────────to D0───────────┘  everything is programmed from the books
 *
 * IRQL: PASSIVE_LEVEL.
 */
import {
  NDIS_DEVICE_POWER_STATE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_HARD_ERRORS,
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
  const { device, traffic } = context;
  if (state === D0) {
    if (!device.isAsleep) return NDIS_STATUS_SUCCESS;
    device.isAsleep = !traffic.resume();
    return device.isAsleep ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS;
  }
  if (!device.isAsleep) {
    traffic.quiesce('low power', true);
    device.isAsleep = true;
  }
  return NDIS_STATUS_SUCCESS;
}

/**
 * SUCCESS, or HARD_ERRORS if the device does not come back (a later reset may find it). Addressing is restored here,
 * so NDIS need not do it.
 */
export function resetAdapter({ context, queueFree }: OidTarget): {
  status: number;
  addressingReset: boolean;
} {
  queueFree.abort();
  if (context.isRemoved) return { status: NDIS_STATUS_HARD_ERRORS, addressingReset: false };
  context.traffic.quiesce('reset', false);
  const works = context.traffic.resume();
  return { status: works ? NDIS_STATUS_SUCCESS : NDIS_STATUS_HARD_ERRORS, addressingReset: false };
}
