/**
 * The capability OIDs, answered from what the miniport registered; it is never called (CAP-16, CAP-17).
 */
import {
  NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
} from '@vmq/abi';
import { answer, type OidCall, refuse, type Verdict } from '../verification/oid-verification.ts';

const NO_FILTERING = 'no receive filtering';

/** OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, query: SUCCESS, INVALID_LENGTH, NOT_SUPPORTED. */
export function queryHardwareCapabilities(call: OidCall): Verdict {
  const set = call.core.capabilities.hardware;
  if (set !== null) return answer(call, set.bytes);
  return refuse(
    call,
    { rule: 'CAP-17', status: NDIS_STATUS_NOT_SUPPORTED, expected: 'receive filtering' },
    NO_FILTERING,
  );
}

/** OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, query: SUCCESS, INVALID_LENGTH, NOT_SUPPORTED. */
export function queryCurrentCapabilities(call: OidCall): Verdict {
  const set = call.core.capabilities.current;
  if (set !== null) return answer(call, set.bytes);
  return refuse(
    call,
    { rule: 'CAP-17', status: NDIS_STATUS_NOT_SUPPORTED, expected: 'receive filtering' },
    NO_FILTERING,
  );
}

/** OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, query: SUCCESS, INVALID_LENGTH, FAILURE. */
export function queryGlobalParameters(call: OidCall): Verdict {
  const set = call.core.capabilities.current;
  if (set === null)
    return refuse(
      call,
      { rule: 'CAP-16', status: NDIS_STATUS_FAILURE, expected: 'receive filtering' },
      NO_FILTERING,
    );
  const { EnabledFilterTypes, EnabledQueueTypes } = set.value;
  return answer(
    call,
    NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS.encode({ EnabledFilterTypes, EnabledQueueTypes }),
  );
}

/** OID_NIC_SWITCH_CURRENT_CAPABILITIES, query: SUCCESS, INVALID_LENGTH, NOT_SUPPORTED without a current set. */
export function queryNicSwitchCurrentCapabilities(call: OidCall): Verdict {
  return answerNicSwitch(call, call.core.attributes.nicSwitchCapabilities);
}

/** OID_NIC_SWITCH_HARDWARE_CAPABILITIES, query: the same of the hardware set. */
export function queryNicSwitchHardwareCapabilities(call: OidCall): Verdict {
  const { hardwareNicSwitchCapabilities, nicSwitchCapabilities } = call.core.attributes;
  return answerNicSwitch(call, nicSwitchCapabilities === null ? null : hardwareNicSwitchCapabilities);
}

function answerNicSwitch(call: OidCall, bytes: Uint8Array | null): Verdict {
  if (bytes !== null) return answer(call, bytes);
  return refuse(
    call,
    { rule: 'VPT-24', status: NDIS_STATUS_NOT_SUPPORTED, expected: 'a current NIC switch' },
    'none',
  );
}
