/**
 * The OIDs this miniport handles, each read from its bytes and turned into one call on the adapter's context.
 */
import {
  NDIS_FRAME_HEADER,
  NDIS_MAC_HEADER_FIELD,
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS,
  NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED,
  NDIS_STATISTICS_INFO,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveFilterParameters,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_STATISTICS,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  OID_RECEIVE_FILTER_SET_FILTER,
  type StructCodec,
} from '@vmq/abi';
import {
  type MiniportAdapter,
  NdisRequestMethod,
  NdisRequestSetInformation,
  type OidRequest,
} from '@vmq/ndis';
import { RCTL_AAM, RCTL_BAM, RCTL_MPE, RCTL_UPE, REG } from '@vmq/nic';
import type { AdapterContext } from './adapter-context.ts';
import {
  FILTER_ANY_VLAN,
  FILTER_EXACT_VLAN,
  FILTER_UNTAGGED_OR_ZERO,
  type HardwareFilter,
} from './device.ts';

/** Handles one request; NDIS_STATUS_PENDING only for a free that waits for NBLs. */
export function handleOidRequest(
  adapter: MiniportAdapter,
  context: AdapterContext,
  request: OidRequest,
): number {
  const isSet = request.requestType === NdisRequestSetInformation;
  const isMethod = request.requestType === NdisRequestMethod;
  switch (request.oid) {
    case OID_RECEIVE_FILTER_ALLOCATE_QUEUE:
      return isMethod ? allocateQueue(context, request) : NDIS_STATUS_NOT_SUPPORTED;
    case OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE:
      return isMethod ? completeAllocation(context, request) : NDIS_STATUS_NOT_SUPPORTED;
    case OID_RECEIVE_FILTER_QUEUE_PARAMETERS:
      return isSet ? setQueueParameters(context, request) : NDIS_STATUS_NOT_SUPPORTED;
    case OID_RECEIVE_FILTER_FREE_QUEUE:
      return isSet ? freeQueue(adapter, context, request) : NDIS_STATUS_NOT_SUPPORTED;
    case OID_RECEIVE_FILTER_SET_FILTER:
      return isMethod ? setFilter(context, request) : NDIS_STATUS_NOT_SUPPORTED;
    case OID_RECEIVE_FILTER_CLEAR_FILTER:
      return isSet ? clearFilter(context, request) : NDIS_STATUS_NOT_SUPPORTED;
    case OID_GEN_CURRENT_PACKET_FILTER:
      return isSet ? setPacketFilter(context, request) : NDIS_STATUS_NOT_SUPPORTED;
    case OID_802_3_MULTICAST_LIST:
      return isSet ? setMulticastList(context, request) : NDIS_STATUS_NOT_SUPPORTED;
    case OID_GEN_STATISTICS:
      return isSet || isMethod ? NDIS_STATUS_NOT_SUPPORTED : queryStatistics(context, request);
    default:
      return NDIS_STATUS_NOT_SUPPORTED;
  }
}

/** Reads the input structure; NDIS has verified it, so a refusal here is a caller that bypassed NDIS. */
function read<T>(codec: StructCodec<T>, request: OidRequest): T | null {
  const decoded = codec.decode(request.informationBuffer.subarray(0, request.inputBufferLength));
  if (!decoded.ok) return null;
  request.bytesRead = request.inputBufferLength;
  return decoded.value;
}

function allocateQueue(context: AdapterContext, request: OidRequest): number {
  const parameters = read(NDIS_RECEIVE_QUEUE_PARAMETERS, request);
  if (parameters === null) return NDIS_STATUS_INVALID_PARAMETER;
  const processor = lowestProcessor(parameters.ProcessorAffinity.Mask);
  const { status, msixEntry } = context.allocateQueue(
    parameters.QueueId,
    processor,
    parameters.NumSuggestedReceiveBuffers,
  );
  if (status !== NDIS_STATUS_SUCCESS) return status;
  const reply = NDIS_RECEIVE_QUEUE_PARAMETERS.encode(
    { ...parameters, MSIXTableEntry: msixEntry },
    { revision: parameters.Header.Revision },
  );
  request.informationBuffer.set(reply);
  request.bytesWritten = reply.length;
  return NDIS_STATUS_SUCCESS;
}

function completeAllocation(context: AdapterContext, request: OidRequest): number {
  const array = read(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, request);
  if (array === null) return NDIS_STATUS_INVALID_PARAMETER;
  const statuses = context.completeQueues(array.elements.map((element) => element.QueueId));
  // Each element's CompletionStatus is written where the element lies; the geometry stays the caller's.
  const view = new DataView(request.informationBuffer.buffer, request.informationBuffer.byteOffset);
  array.elements.forEach((element, i) => {
    const at = array.FirstElementOffset + i * array.ElementSize + COMPLETION_STATUS_OFFSET;
    view.setUint32(at, statuses.get(element.QueueId) ?? NDIS_STATUS_INVALID_PARAMETER, true);
  });
  request.bytesWritten = request.inputBufferLength;
  return NDIS_STATUS_SUCCESS;
}
/** Offset of CompletionStatus in NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS. */
const COMPLETION_STATUS_OFFSET = 12;

function setQueueParameters(context: AdapterContext, request: OidRequest): number {
  const parameters = read(NDIS_RECEIVE_QUEUE_PARAMETERS, request);
  if (parameters === null) return NDIS_STATUS_INVALID_PARAMETER;
  request.supportedRevision = parameters.Header.Revision;
  // Names and the buffer suggestion are NDIS's to remember; only a new processor means work here.
  if ((parameters.Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED) === 0)
    return NDIS_STATUS_SUCCESS;
  return context.moveQueue(parameters.QueueId, lowestProcessor(parameters.ProcessorAffinity.Mask));
}

function freeQueue(adapter: MiniportAdapter, context: AdapterContext, request: OidRequest): number {
  const parameters = read(NDIS_RECEIVE_QUEUE_FREE_PARAMETERS, request);
  if (parameters === null || !context.hasQueue(parameters.QueueId)) return NDIS_STATUS_INVALID_PARAMETER;
  const queueId = parameters.QueueId;
  if (context.stopQueue(queueId)) {
    context.finishFree(queueId);
    return NDIS_STATUS_SUCCESS;
  }
  // Somebody holds frames of the queue: the request waits for them (QUE-32).
  whenTrue(
    adapter,
    () => context.canFinishFree(queueId),
    () => {
      context.finishFree(queueId);
      adapter.oidRequestComplete(request, NDIS_STATUS_SUCCESS);
    },
  );
  return NDIS_STATUS_PENDING;
}

/** Runs `then` at PASSIVE_LEVEL once `ready` holds: a work item that queues itself again until it does. */
export function whenTrue(adapter: MiniportAdapter, ready: () => boolean, then: () => void): void {
  const look = (): void => (ready() ? then() : adapter.queueWorkItem(look));
  adapter.queueWorkItem(look);
}

function setFilter(context: AdapterContext, request: OidRequest): number {
  const parameters = read(NDIS_RECEIVE_FILTER_PARAMETERS, request);
  if (parameters === null) return NDIS_STATUS_INVALID_PARAMETER;
  const filter = hardwareFilter(parameters);
  if (filter === null) return NDIS_STATUS_INVALID_PARAMETER;
  const status = context.setFilter(parameters.FilterId, filter);
  if (status === NDIS_STATUS_SUCCESS) request.bytesWritten = request.inputBufferLength;
  return status;
}

function clearFilter(context: AdapterContext, request: OidRequest): number {
  const parameters = read(NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, request);
  if (parameters === null) return NDIS_STATUS_INVALID_PARAMETER;
  return context.clearFilter(parameters.FilterId, parameters.QueueId);
}

/** The device's form of a VMQ filter: one MAC test, and at most one VLAN test or the untagged-or-zero flag. */
function hardwareFilter(parameters: NdisReceiveFilterParameters): HardwareFilter | null {
  let mac: Uint8Array | null = null;
  let vlanMode = FILTER_ANY_VLAN;
  let vlanId = 0;
  for (const test of parameters.elements) {
    if (test.FrameHeader !== NDIS_FRAME_HEADER.NdisFrameHeaderMac || !('MacHeaderField' in test.HeaderField))
      return null;
    const field = test.HeaderField.MacHeaderField;
    if (field === NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldDestinationAddress) {
      if (!('FieldByteArrayValue' in test.FieldValue)) return null;
      mac = test.FieldValue.FieldByteArrayValue.slice(0, 6);
      if ((test.Flags & NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO) !== 0) {
        vlanMode = FILTER_UNTAGGED_OR_ZERO;
      }
    } else if (
      field === NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldVlanId &&
      'FieldShortValue' in test.FieldValue
    ) {
      vlanMode = FILTER_EXACT_VLAN;
      vlanId = test.FieldValue.FieldShortValue;
    } else return null;
  }
  return mac === null ? null : { mac, vlanMode, vlanId, queue: parameters.QueueId };
}

/** The lowest processor of an affinity mask: the one that is used (INT-05). */
function lowestProcessor(mask: bigint): number {
  for (let processor = 0; processor < 64; processor++) if ((mask >> BigInt(processor)) & 1n) return processor;
  return 0;
}

function setPacketFilter(context: AdapterContext, request: OidRequest): number {
  if (request.inputBufferLength < 4) return needs(request, 4);
  const buffer = request.informationBuffer;
  const filter = new DataView(buffer.buffer, buffer.byteOffset).getUint32(0, true);
  const has = (bit: number): boolean => (filter & bit) !== 0;
  const { device } = context;
  device.registers.write32(
    REG.RCTL,
    (has(NDIS_PACKET_TYPE_PROMISCUOUS) ? RCTL_UPE | RCTL_MPE | RCTL_BAM : 0) |
      (has(NDIS_PACKET_TYPE_ALL_MULTICAST) ? RCTL_MPE : 0) |
      (has(NDIS_PACKET_TYPE_BROADCAST) ? RCTL_BAM : 0) |
      (has(NDIS_PACKET_TYPE_DIRECTED) ? RCTL_AAM : 0),
  );
  request.bytesRead = 4;
  return device.commit() ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
}

function setMulticastList(context: AdapterContext, request: OidRequest): number {
  const length = request.inputBufferLength;
  if (length % 6 !== 0) return NDIS_STATUS_INVALID_LENGTH;
  const addresses = Array.from({ length: length / 6 }, (_, i) =>
    request.informationBuffer.slice(i * 6, i * 6 + 6),
  );
  if (!context.device.writeMulticastList(addresses)) return NDIS_STATUS_FAILURE;
  request.bytesRead = length;
  return context.device.commit() ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
}

function queryStatistics(context: AdapterContext, request: OidRequest): number {
  const { device } = context;
  const count = (register: number): bigint => BigInt(device.counter(register));
  const discards = [
    REG.NOMATCH,
    REG.MCREFUSED,
    REG.BCREFUSED,
    REG.RXDISABLED,
    REG.QSTOPPED,
    REG.NODESC,
    REG.BUFSMALL,
  ];
  const reply = NDIS_STATISTICS_INFO.encode({
    SupportedStatistics: 0x7,
    ifInDiscards: discards.reduce((sum, register) => sum + count(register), 0n),
    ifInErrors: count(REG.RUNT) + count(REG.OVERSIZE) + count(REG.RXFAULTS),
    ifHCInOctets: count(REG.GORC),
    ifHCInUcastPkts: count(REG.GPRC),
    ifHCOutOctets: count(REG.GOTC),
    ifHCOutUcastPkts: count(REG.GPTC),
    ifOutErrors: count(REG.TXFAULTS),
  });
  if (request.outputBufferLength < reply.length) return needs(request, reply.length);
  request.informationBuffer.set(reply);
  request.bytesWritten = reply.length;
  return NDIS_STATUS_SUCCESS;
}

function needs(request: OidRequest, bytes: number): number {
  request.bytesNeeded = bytes;
  return NDIS_STATUS_INVALID_LENGTH;
}
