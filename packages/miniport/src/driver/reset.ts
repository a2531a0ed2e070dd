/** MiniportResetEx: the device begins anew, and everything that was set on it is set again (LIFE-12 to LIFE-14). */
import { NDIS_STATUS_HARD_ERRORS, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { OidTarget } from './oid-target.ts';

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
  context.standstill.begin('reset', false);
  const works = context.standstill.end();
  return { status: works ? NDIS_STATUS_SUCCESS : NDIS_STATUS_HARD_ERRORS, addressingReset: false };
}
