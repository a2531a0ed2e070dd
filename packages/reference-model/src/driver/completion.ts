/** From a completed OID request back to the reference model's vocabulary. */
import {
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
  NDIS_RECEIVE_FILTER_INFO_ARRAY,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_INFO_ARRAY,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION,
  NDIS_STATUS_SUCCESS,
  refusalText,
  type StructCodec,
  type StructLayout,
} from '@vmq/abi';
import { type OidRequest, outputOf } from '@vmq/ddi';
import { vmqEnabled } from '@vmq/ndis';
import type {
  CapabilitiesSeen,
  Completion,
  FilterSeen,
  ParametersSeen,
  Request,
} from '../reference/vocabulary.ts';
import { type AbiVersion, macText } from './request-bytes.ts';

export function completionOf(
  request: Request,
  oidRequest: OidRequest,
  status: number,
  version: AbiVersion,
): Completion {
  const { inputBufferLength, outputBufferLength } = oidRequest;
  const outputAlone = request.output === 'short' && request.input === 'whole' && !runsPastTheEnd(request);
  const faults: string[] = [];
  if (request.kind === 'set' && status === NDIS_STATUS_SUCCESS && oidRequest.supportedRevision === 0)
    faults.push('INIT-14: SupportedRevision 0');
  if (request.kind !== 'set' && oidRequest.bytesWritten > outputBufferLength)
    faults.push(`BytesWritten ${oidRequest.bytesWritten}, room for ${outputBufferLength}`);
  const base = {
    faults,
    request,
    status,
    bytesNeeded: oidRequest.bytesNeeded,
    bytesGiven: outputAlone || inputBufferLength === 0 ? outputBufferLength : inputBufferLength,
  };
  if (status !== NDIS_STATUS_SUCCESS) return base;
  const read = <T>(codec: StructCodec<T>): T => {
    const decoded = codec.decode(outputOf(oidRequest), { ndis: version });
    if (!decoded.ok)
      throw new Error(`${request.body.oid}: answered with no ${codec.name}: ${refusalText(decoded.refusal)}`);
    return decoded.value;
  };
  switch (request.body.oid) {
    case 'allocate queue':
      // A structure of a later revision comes back without its end if the caller left no room for it.
      return { ...base, id: u32At(oidRequest, QUEUE_ID_AT), msixEntry: u32At(oidRequest, MSIX_ENTRY_AT) };
    case 'set filter':
      // The caller may have left room for the head alone.
      return { ...base, id: u32At(oidRequest, FILTER_ID_AT) };
    case 'complete allocation': {
      const { elements } = read(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY);
      return { ...base, elements: elements.map(({ CompletionStatus }) => CompletionStatus) };
    }
    case 'query queue parameters':
      return { ...base, parameters: parametersSeen(read(NDIS_RECEIVE_QUEUE_PARAMETERS)) };
    case 'enumerate queues': {
      const { elements } = read(NDIS_RECEIVE_QUEUE_INFO_ARRAY);
      const queues = elements.map((queue) => ({
        queueId: queue.QueueId,
        operationalState: queue.QueueState,
        affinity: Number(queue.ProcessorAffinity.Mask),
        suggestedBuffers: queue.NumSuggestedReceiveBuffers,
        msixEntry: queue.QueueId === 0 ? -1 : queue.MSIXTableEntry,
        queueName: queue.QueueName,
        filters: queue.NumFilters ?? -1,
      }));
      return { ...base, queues };
    }
    case 'enumerate filters': {
      const { elements } = read(NDIS_RECEIVE_FILTER_INFO_ARRAY);
      return { ...base, filterIds: elements.map(({ FilterId }) => FilterId) };
    }
    case 'query current capabilities':
      return { ...base, capabilities: capabilitiesSeen(outputOf(oidRequest)) };
    case 'query filter':
      return { ...base, filter: filterSeen(read(NDIS_RECEIVE_FILTER_PARAMETERS)) };
    default:
      return base;
  }
}

/** What of NDIS_RECEIVE_FILTER_CAPABILITIES the model knows. */
export function capabilitiesSeen(bytes: Uint8Array): CapabilitiesSeen {
  const decoded = NDIS_RECEIVE_FILTER_CAPABILITIES.decode(bytes);
  if (!decoded.ok) throw new Error(`no NDIS_RECEIVE_FILTER_CAPABILITIES: ${refusalText(decoded.refusal)}`);
  const { NumQueues: numQueues, MaxMacHeaderFilters: maxFilters } = decoded.value;
  return { vmq: vmqEnabled(decoded.value), numQueues, maxFilters };
}

const offsetOf = (layout: StructLayout, member: string): number =>
  layout.fields.find(({ name }) => name === member)?.offset ?? 0;
const QUEUE_ID_AT = offsetOf(NDIS_RECEIVE_QUEUE_PARAMETERS.layout, 'QueueId');
const MSIX_ENTRY_AT = offsetOf(NDIS_RECEIVE_QUEUE_PARAMETERS.layout, 'MSIXTableEntry');
const FILTER_ID_AT = offsetOf(NDIS_RECEIVE_FILTER_PARAMETERS.layout, 'FilterId');

function u32At({ informationBuffer: bytes }: OidRequest, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}

function runsPastTheEnd({ body }: Request): boolean {
  return 'geometry' in body && body.geometry === 'past the end';
}

type Value<C> = C extends StructCodec<infer T> ? T : never;

function parametersSeen(value: Value<typeof NDIS_RECEIVE_QUEUE_PARAMETERS>): ParametersSeen {
  const { Flags: flags, ProcessorAffinity: affinity } = value;
  return {
    queueId: value.QueueId,
    perQueueIndication: (flags & NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION) !== 0,
    splitRequired: (flags & NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED) !== 0,
    affinity: Number(affinity.Mask),
    group: affinity.Group,
    suggestedBuffers: value.NumSuggestedReceiveBuffers,
    queueName: value.QueueName,
    lookaheadSize: value.LookaheadSize,
    portId: value.PortId ?? 0,
    vmName: value.VmName,
  };
}

function filterSeen(value: Value<typeof NDIS_RECEIVE_FILTER_PARAMETERS>): FilterSeen {
  let mac = '';
  let vlan: number | null = null;
  let untaggedOrZero = false;
  for (const { FieldValue: field, Flags: flags } of value.elements) {
    if ('FieldByteArrayValue' in field) mac = macText(field.FieldByteArrayValue);
    if ('FieldShortValue' in field) vlan = field.FieldShortValue;
    if ((flags & NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO) !== 0) untaggedOrZero = true;
  }
  return { filterId: value.FilterId, queueId: value.QueueId, mac, vlan, untaggedOrZero };
}
