/**
 * OID_TCP_OFFLOAD_PARAMETERS, as far as it concerns receive filters: NVGRE (requirements OFF-06, FLT-38).
 */
import {
  NDIS_OFFLOAD_PARAMETERS,
  NDIS_OFFLOAD_SET_NO_CHANGE,
  NDIS_OFFLOAD_SET_OFF,
  NDIS_OFFLOAD_SET_ON,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { type OidCall, readInput, refuse, type Verdict } from '../verification/oid-verification.ts';

const KNOWN = [NDIS_OFFLOAD_SET_NO_CHANGE, NDIS_OFFLOAD_SET_ON, NDIS_OFFLOAD_SET_OFF];

/** Set: SUCCESS, INVALID_PARAMETER, INVALID_LENGTH, NOT_SUPPORTED without the hardware for it, FAILURE. */
export function setOffloadParameters(call: OidCall): Verdict {
  const { core } = call;
  const input = readInput(call, NDIS_OFFLOAD_PARAMETERS, 'OFF-06');
  if (input.refusal !== null) return input.refusal;
  const wanted = input.value.EncapsulatedPacketTaskOffload ?? NDIS_OFFLOAD_SET_NO_CHANGE;
  if (!KNOWN.includes(wanted)) {
    const expected = 'EncapsulatedPacketTaskOffload NO_CHANGE, ON or OFF';
    return refuse(call, { rule: 'OFF-06', status: NDIS_STATUS_INVALID_PARAMETER, expected }, `${wanted}`);
  }
  if (wanted === NDIS_OFFLOAD_SET_ON && !core.encapsulation.supported) {
    const expected = 'VMQ on encapsulated packets among the hardware’s offloads';
    return refuse(call, { rule: 'OFF-06', status: NDIS_STATUS_NOT_SUPPORTED, expected }, 'none');
  }
  return {
    kind: 'down',
    complete(status) {
      if (status === NDIS_STATUS_SUCCESS && wanted !== NDIS_OFFLOAD_SET_NO_CHANGE)
        core.encapsulation.enabled = wanted === NDIS_OFFLOAD_SET_ON;
      return status;
    },
  };
}
