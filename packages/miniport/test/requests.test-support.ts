/** The requests that tests of a bench make of its adapter, from an allocation to a packet filter. */
import {
  NDIS_FRAME_HEADER,
  NDIS_MAC_HEADER_FIELD,
  NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS,
  NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_FILTER_TEST,
  NDIS_RECEIVE_FILTER_TYPE,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_TYPE,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveQueueParameters,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  OID_RECEIVE_FILTER_SET_FILTER,
  type StructInput,
  statusName,
} from '@vmq/abi';
import { methodRequest, type OidRequest, setRequest } from '@vmq/ddi';

import type { Bench } from './bench.test-support.ts';
import { macOf } from './frames.test-support.ts';

/** Allocates a queue for `processors` and returns its id. */
export function allocate(
  bench: Bench,
  processors: readonly number[] = [0],
  change: StructInput<NdisReceiveQueueParameters> = {},
): number {
  const request = allocateRequest(processors, change);
  const status = bench.binding.oidRequestAndWait(request);
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`allocate: ${statusName(status)}`);
  return decodedQueue(request).QueueId;
}

export function decodedQueue(request: OidRequest): NdisReceiveQueueParameters {
  const decoded = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(request.informationBuffer);
  if (!decoded.ok) throw new Error('undecodable answer');
  return decoded.value;
}

const maskOf = (processors: readonly number[]): bigint =>
  processors.reduce((mask, processor) => mask | (1n << BigInt(processor)), 0n);

export function allocateRequest(
  processors: readonly number[],
  change: StructInput<NdisReceiveQueueParameters> = {},
): OidRequest {
  const parameters = {
    QueueType: NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue,
    ProcessorAffinity: { Mask: maskOf(processors) },
    NumSuggestedReceiveBuffers: 32,
    VmName: 'web',
    ...change,
  };
  return methodRequest(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, NDIS_RECEIVE_QUEUE_PARAMETERS.encode(parameters));
}

/** Completes allocations; the element statuses. */
export function complete(bench: Bench, ...queueIds: readonly number[]): string[] {
  const elements = queueIds.map((QueueId) => ({ QueueId }));
  const request = methodRequest(
    OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.encode({ elements }),
  );
  const status = bench.binding.oidRequestAndWait(request);
  const decoded = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.decode(request.informationBuffer);
  if (status !== NDIS_STATUS_SUCCESS || !decoded.ok) throw new Error(`complete: ${statusName(status)}`);
  return decoded.value.elements.map(({ CompletionStatus }) => statusName(CompletionStatus));
}

/** Sets a filter on MAC `last`: untagged or VLAN 0, or the VLAN given, or any (`null`). Returns its id. */
export function setFilter(bench: Bench, queueId: number, last: number, vlan: number | null = 0): number {
  const test = { FrameHeader: NDIS_FRAME_HEADER.NdisFrameHeaderMac };
  const equal = { ...test, ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual };
  const mac = {
    ...equal,
    Flags: vlan === 0 ? NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO : 0,
    HeaderField: { MacHeaderField: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldDestinationAddress },
    FieldValue: { FieldByteArrayValue: macOf(last) },
  };
  const tag = {
    ...equal,
    HeaderField: { MacHeaderField: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldVlanId },
    FieldValue: { FieldShortValue: vlan ?? 0 },
  };
  const request = methodRequest(
    OID_RECEIVE_FILTER_SET_FILTER,
    NDIS_RECEIVE_FILTER_PARAMETERS.encode({
      FilterType: NDIS_RECEIVE_FILTER_TYPE.NdisReceiveFilterTypeVMQueue,
      QueueId: queueId,
      elements: vlan ? [mac, tag] : [mac],
    }),
  );
  const status = bench.binding.oidRequestAndWait(request);
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`set filter: ${statusName(status)}`);
  const decoded = NDIS_RECEIVE_FILTER_PARAMETERS.decode(request.informationBuffer);
  if (!decoded.ok) throw new Error('undecodable answer');
  return decoded.value.FilterId;
}

export function clearFilter(bench: Bench, queueId: number, filterId: number): string {
  const parameters = NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS.encode({ QueueId: queueId, FilterId: filterId });
  return statusName(bench.binding.oidRequestAndWait(setRequest(OID_RECEIVE_FILTER_CLEAR_FILTER, parameters)));
}

/** Frees a queue: the status, NDIS_STATUS_PENDING included. */
export function free(bench: Bench, queueId: number): string {
  const parameters = NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.encode({ QueueId: queueId });
  return statusName(bench.binding.oidRequest(setRequest(OID_RECEIVE_FILTER_FREE_QUEUE, parameters)));
}

/** Sets parameters of a queue; `Flags` says which. */
export function setParameters(
  bench: Bench,
  queueId: number,
  change: StructInput<NdisReceiveQueueParameters>,
): string {
  const parameters = NDIS_RECEIVE_QUEUE_PARAMETERS.encode({
    QueueType: NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue,
    QueueId: queueId,
    ...change,
  });
  return statusName(bench.binding.oidRequest(setRequest(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, parameters)));
}

const AFFINITY_CHANGED = 0x20000;

export function move(bench: Bench, queueId: number, ...processors: readonly number[]): string {
  const affinity = { Mask: maskOf(processors) };
  return setParameters(bench, queueId, { Flags: AFFINITY_CHANGED, ProcessorAffinity: affinity });
}

/** Allocates, sets a filter for MAC `last`, completes: a Running queue. */
export function runningQueue(
  bench: Bench,
  last: number,
  processor = 0,
  change: StructInput<NdisReceiveQueueParameters> = {},
): { queueId: number; filterId: number } {
  const queueId = allocate(bench, [processor], change);
  const filterId = setFilter(bench, queueId, last);
  const [status] = complete(bench, queueId);
  if (status !== 'NDIS_STATUS_SUCCESS') throw new Error(`complete: ${status}`);
  return { queueId, filterId };
}

/** OID_GEN_CURRENT_PACKET_FILTER. */
export function packetFilter(bench: Bench, types: number): string {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, types, true);
  return statusName(bench.binding.oidRequestAndWait(setRequest(OID_GEN_CURRENT_PACKET_FILTER, bytes)));
}
