/**
 * OID_GEN_CURRENT_PACKET_FILTER, OID_802_3_MULTICAST_LIST, OID_GEN_CURRENT_LOOKAHEAD: a set goes down with what all
 * bindings want together, a query is NDIS's to answer with the same. A set that the miniport refuses changes nothing.
 */
import {
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_MULTICAST_FULL,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { listBytes, listOf, MAC_BYTES, type Reception, wordBytes } from '../records/reception.ts';
import { done, type OidCall, refuse, type Verdict } from '../verification/oid-verification.ts';

type Change = Parameters<Reception['accept']>[1];

const WORD = 4;

/** Set: SUCCESS, INVALID_LENGTH, and what the miniport answers (NOT_SUPPORTED for types it does not know). */
export function setPacketFilter(call: OidCall): Verdict {
  const packetFilter = wordOf(call);
  if (packetFilter === null) return tooShort(call);
  const change = { packetFilter };
  return down(call, change, wordBytes(call.core.reception.combined(call.owner, change).packetFilter));
}

/**
 * Set: SUCCESS, INVALID_LENGTH, MULTICAST_FULL for more addresses than the general attributes allow, of all bindings
 * together, or one that is no group's.
 */
export function setMulticastList(call: OidCall): Verdict {
  const { core, owner, request } = call;
  const input = request.informationBuffer.subarray(0, request.inputBufferLength);
  if (input.length % MAC_BYTES !== 0) {
    const expected = 'addresses of 6 bytes';
    return refuse(
      call,
      { rule: 'OID_802_3_MULTICAST_LIST', status: NDIS_STATUS_INVALID_LENGTH, expected },
      `${input.length} bytes`,
    );
  }
  const full = (expected: string, found: string): Verdict =>
    refuse(call, { rule: 'OID_802_3_MULTICAST_LIST', status: NDIS_STATUS_MULTICAST_FULL, expected }, found);
  for (let at = 0; at < input.length; at += MAC_BYTES) {
    if ((input[at] & 1) === 0)
      return full('group addresses', `${listOf(input.subarray(at, at + MAC_BYTES))}`);
  }
  const change = { multicastList: listOf(input) };
  const { multicastList } = core.reception.combined(owner, change);
  const most = core.attributes.general?.maxMulticastListSize ?? 0;
  if (multicastList.length > most) return full(`at most ${most} addresses`, `${multicastList.length}`);
  return down(call, change, listBytes(multicastList));
}

/** Set: SUCCESS, INVALID_LENGTH, INVALID_DATA for more than the general attributes' LookaheadSize. */
export function setLookahead(call: OidCall): Verdict {
  const lookahead = wordOf(call);
  if (lookahead === null) return tooShort(call);
  const most = call.core.attributes.general?.lookaheadSize ?? 0;
  if (lookahead > most)
    return refuse(
      call,
      {
        rule: 'OID_GEN_CURRENT_LOOKAHEAD',
        status: NDIS_STATUS_INVALID_DATA,
        expected: `at most ${most} bytes`,
      },
      `${lookahead}`,
    );
  const change = { lookahead };
  return down(call, change, wordBytes(call.core.reception.combined(call.owner, change).lookahead));
}

/** Query: the packet types that any binding wants. */
export function queryPacketFilter(call: OidCall): Verdict {
  return answer(call, wordBytes(call.core.reception.combined().packetFilter));
}

/** Query: the addresses that any binding wants. */
export function queryMulticastList(call: OidCall): Verdict {
  return answer(call, listBytes(call.core.reception.combined().multicastList));
}

/** Query: the most bytes that any binding wants; before one has asked, what the general attributes say. */
export function queryLookahead(call: OidCall): Verdict {
  const { lookahead } = call.core.reception.combined();
  return answer(call, wordBytes(lookahead || (call.core.attributes.general?.lookaheadSize ?? 0)));
}

/** Hands `bytes` down in the place of what the binding asked for. */
function down({ core, owner, request }: OidCall, change: Change, bytes: Uint8Array): Verdict {
  const combined = { ...request, informationBuffer: bytes, inputBufferLength: bytes.length };
  return {
    kind: 'down',
    request: combined,
    complete(status) {
      request.bytesNeeded = combined.bytesNeeded;
      if (status !== NDIS_STATUS_SUCCESS) return status;
      request.bytesRead = request.inputBufferLength;
      request.supportedRevision = combined.supportedRevision;
      core.reception.accept(owner, change);
      core.receptionChanged();
      return status;
    },
  };
}

function wordOf({ request }: OidCall): number | null {
  if (request.inputBufferLength < WORD) return null;
  const { buffer, byteOffset } = request.informationBuffer;
  return new DataView(buffer, byteOffset, WORD).getUint32(0, true);
}

function tooShort(call: OidCall): Verdict {
  call.request.bytesNeeded = WORD;
  const found = `${call.request.inputBufferLength} bytes`;
  return refuse(
    call,
    { rule: 'INIT-12', status: NDIS_STATUS_INVALID_LENGTH, expected: `at least ${WORD} bytes` },
    found,
  );
}

function answer(call: OidCall, bytes: Uint8Array): Verdict {
  const { request } = call;
  if (request.outputBufferLength < bytes.length) {
    request.bytesNeeded = bytes.length;
    const found = `${request.outputBufferLength} bytes`;
    return refuse(
      call,
      { rule: 'INIT-12', status: NDIS_STATUS_INVALID_LENGTH, expected: `at least ${bytes.length} bytes` },
      found,
    );
  }
  request.informationBuffer.set(bytes);
  request.bytesWritten = bytes.length;
  return done(NDIS_STATUS_SUCCESS);
}
