/**
 * The OIDs of VM queues and filters: each is read from its bytes and turned into one call on the adapter's context.
 *
 * IRQL: PASSIVE_LEVEL.
 */
import {
  NDIS_FRAME_HEADER,
  NDIS_MAC_HEADER_FIELD,
  NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS,
  NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveFilterParameters,
  type NdisReceiveQueueParameters,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  OID_RECEIVE_FILTER_SET_FILTER,
  type StructCodec,
} from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';
import { FLTVLAN_ANY, FLTVLAN_EXACT, FLTVLAN_UNTAGGED_OR_ZERO } from '@vmq/nic';
import type { HardwareFilter } from '../hardware/device.ts';
import { METHOD, type OidHandler, SET } from './oid-dispatch.ts';
import type { OidTarget } from './oid-target.ts';

/** Each answers SUCCESS, INVALID_PARAMETER or what its function says; PENDING only a free that waits for NBLs. */
export const RECEIVE_FILTER_OIDS: readonly (readonly [number, OidHandler<OidTarget>])[] = [
  [OID_RECEIVE_FILTER_ALLOCATE_QUEUE, { types: METHOD, handle: allocateQueue }],
  [OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, { types: METHOD, handle: completeAllocation }],
  [OID_RECEIVE_FILTER_QUEUE_PARAMETERS, { types: SET, handle: setQueueParameters }],
  [OID_RECEIVE_FILTER_FREE_QUEUE, { types: SET, handle: freeQueue }],
  [OID_RECEIVE_FILTER_SET_FILTER, { types: METHOD, handle: setFilter }],
  [OID_RECEIVE_FILTER_CLEAR_FILTER, { types: SET, handle: clearFilter }],
];

/** Reads the input structure; NDIS has verified it, so a refusal here is a caller that bypassed NDIS. */
function read<T>(codec: StructCodec<T>, request: OidRequest): T | null {
  const decoded = codec.decode(request.informationBuffer.subarray(0, request.inputBufferLength));
  if (!decoded.ok) return null;
  request.bytesRead = request.inputBufferLength;
  return decoded.value;
}

/** Writes one 32-bit member of an answer in place: the rest of the buffer, and its revision, stay the caller's. */
function writeMember<T>(
  request: OidRequest,
  codec: StructCodec<T>,
  member: keyof T & string,
  value: number,
  base = 0,
): void {
  const field = codec.layout.fields.find(({ name }) => name === member);
  if (field === undefined) throw new Error(`${codec.name} has no member ${member}`);
  const { buffer, byteOffset, byteLength } = request.informationBuffer;
  new DataView(buffer, byteOffset, byteLength).setUint32(base + field.offset, value, true);
}

// --- queues -------------------------------------------------------------------------------------------

function allocateQueue({ context }: OidTarget, request: OidRequest): number {
  const parameters = read(NDIS_RECEIVE_QUEUE_PARAMETERS, request);
  if (parameters === null) return NDIS_STATUS_INVALID_PARAMETER;
  const entry = context.queues.allocate(parameters.QueueId, {
    affinity: parameters.ProcessorAffinity.Mask,
    suggestedBuffers: parameters.NumSuggestedReceiveBuffers,
    lookaheadBytes: lookaheadOf(parameters),
  });
  writeMember(request, NDIS_RECEIVE_QUEUE_PARAMETERS, 'MSIXTableEntry', entry);
  request.bytesWritten = Math.min(request.inputBufferLength, request.outputBufferLength);
  return NDIS_STATUS_SUCCESS;
}

/** NDIS lets a size through only where the split is current; from 6.30 on it is zero, whatever the flag (QUE-14). */
function lookaheadOf({ Flags, LookaheadSize }: NdisReceiveQueueParameters): number {
  return (Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED) !== 0 ? LookaheadSize : 0;
}

function completeAllocation({ context }: OidTarget, request: OidRequest): number {
  const array = read(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, request);
  if (array === null) return NDIS_STATUS_INVALID_PARAMETER;
  const statuses = context.queues.complete(array.elements.map((element) => element.QueueId));
  array.elements.forEach((element, i) => {
    const status = statuses.get(element.QueueId) ?? NDIS_STATUS_INVALID_PARAMETER;
    const at = array.FirstElementOffset + i * array.ElementSize;
    writeMember(request, NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, 'CompletionStatus', status, at);
  });
  request.bytesWritten = request.inputBufferLength;
  return NDIS_STATUS_SUCCESS;
}

function setQueueParameters({ context }: OidTarget, request: OidRequest): number {
  const parameters = read(NDIS_RECEIVE_QUEUE_PARAMETERS, request);
  if (parameters === null) return NDIS_STATUS_INVALID_PARAMETER;
  const { QueueId: queueId, Flags: flags } = parameters;
  request.supportedRevision = parameters.Header.Revision;
  // Names are NDIS's to remember; a suggestion is taken while there is no memory yet, a processor at any time.
  if ((flags & NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED) !== 0)
    context.queues.suggestBuffers(queueId, parameters.NumSuggestedReceiveBuffers);
  if ((flags & NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED) === 0) return NDIS_STATUS_SUCCESS;
  const entry = context.queues.move(queueId, parameters.ProcessorAffinity.Mask);
  if (entry === null) return NDIS_STATUS_INVALID_PARAMETER;
  writeMember(request, NDIS_RECEIVE_QUEUE_PARAMETERS, 'MSIXTableEntry', entry);
  return NDIS_STATUS_SUCCESS;
}

function freeQueue({ context, queueFree }: OidTarget, request: OidRequest): number {
  const parameters = read(NDIS_RECEIVE_QUEUE_FREE_PARAMETERS, request);
  if (parameters === null || !context.queues.has(parameters.QueueId)) return NDIS_STATUS_INVALID_PARAMETER;
  return queueFree.free(parameters.QueueId, request);
}

// --- filters ------------------------------------------------------------------------------------------

function setFilter({ context }: OidTarget, request: OidRequest): number {
  const parameters = read(NDIS_RECEIVE_FILTER_PARAMETERS, request);
  if (parameters === null) return NDIS_STATUS_INVALID_PARAMETER;
  const filter = hardwareFilter(parameters);
  if (filter === null) return NDIS_STATUS_INVALID_PARAMETER;
  const status = context.setFilter(parameters.FilterId, filter);
  if (status === NDIS_STATUS_SUCCESS)
    request.bytesWritten = Math.min(request.inputBufferLength, request.outputBufferLength);
  return status;
}

function clearFilter({ context }: OidTarget, request: OidRequest): number {
  const parameters = read(NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, request);
  if (parameters === null) return NDIS_STATUS_INVALID_PARAMETER;
  return context.clearFilter(parameters.FilterId, parameters.QueueId);
}

/** The device's form of a VMQ filter: one MAC test, and at most one VLAN test or the untagged-or-zero flag. */
function hardwareFilter(parameters: NdisReceiveFilterParameters): HardwareFilter | null {
  let mac: Uint8Array | null = null;
  let vlanMode: number = FLTVLAN_ANY;
  let vlanId = 0;
  for (const test of parameters.elements) {
    if (test.FrameHeader !== NDIS_FRAME_HEADER.NdisFrameHeaderMac || !('MacHeaderField' in test.HeaderField))
      return null;
    const field = test.HeaderField.MacHeaderField;
    if (field === NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldDestinationAddress) {
      if (!('FieldByteArrayValue' in test.FieldValue)) return null;
      mac = test.FieldValue.FieldByteArrayValue.slice(0, 6);
      if ((test.Flags & NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO) !== 0) {
        vlanMode = FLTVLAN_UNTAGGED_OR_ZERO;
      }
    } else if (
      field === NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldVlanId &&
      'FieldShortValue' in test.FieldValue
    ) {
      vlanMode = FLTVLAN_EXACT;
      vlanId = test.FieldValue.FieldShortValue;
    } else return null;
  }
  return mac === null ? null : { mac, vlanMode, vlanId, queue: parameters.QueueId };
}
