/**
 * The OID requests of a VM queue's life, as the switch sends them over its binding: each is encoded to the bytes
 * the header declares, waited for, and its answer decoded.
 *
 *   ALLOCATE_QUEUE ─> SET_FILTER ─> QUEUE_ALLOCATION_COMPLETE ─> … ─> CLEAR_FILTER ─> FREE_QUEUE
 */
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
  NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION,
  NDIS_RECEIVE_QUEUE_TYPE,
  NDIS_STATUS_ADAPTER_NOT_READY,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESET_IN_PROGRESS,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_SET_FILTER,
} from '@vmq/abi';
import { type Binding, methodRequest, type OidRequest, outputOf, setRequest } from '@vmq/ddi';
import type { ExtensionStack } from '../extensions/extension-stack.ts';
import { NDIS_SWITCH_DEFAULT_PORT_ID } from '../model/switch-extension.ts';

/** Times that a request which gives something back is tried again, and after which statuses. */
const AGAIN = 3;
const TRANSIENT: readonly number[] = [
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_ADAPTER_NOT_READY,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESET_IN_PROGRESS,
];

/** What a queue is asked for. */
export interface QueueRequest {
  /** Names as the guest's VM and NIC have them; at most 255 characters each. */
  readonly vmName: string;
  readonly queueName: string;
  /** Number of the switch port (6.30 and later). */
  readonly portId: number;
  readonly processor: number;
  readonly suggestedBuffers: number;
  /** LookaheadSize: bytes at which frames are to be split, 0 = not at all (always, from 6.30 on). */
  readonly lookaheadSize: number;
}

/** VLAN part of a filter: this VLAN, none or zero, or any. */
export type FilterVlan = number | 'untagged' | 'any';

export class ReceiveFilterRequests {
  readonly #binding: Binding;
  /** Structures of 6.20 or of 6.30, by the binding's revision. */
  readonly #ndis: 620 | 630;
  readonly #extensions: ExtensionStack;
  #waiting = 0;

  constructor(binding: Binding, ndis: 620 | 630, extensions: ExtensionStack) {
    this.#binding = binding;
    this.#ndis = ndis;
    this.#extensions = extensions;
  }

  /** Extension that vetoed the last ALLOCATE_QUEUE or SET_FILTER, '' = none did. */
  get vetoedBy(): string {
    return this.#extensions.vetoedBy;
  }

  /** A request is being waited for, and other work may come in between. */
  get isWaiting(): boolean {
    return this.#waiting > 0;
  }

  /** SW-02, SW-03: a queue with names, affinity, PortId and per-queue indications; split only where QUE-12 allows. */
  allocateQueue(wanted: QueueRequest): { status: number; queueId: number } {
    const bytes = NDIS_RECEIVE_QUEUE_PARAMETERS.encode(
      {
        Flags:
          NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION |
          (wanted.lookaheadSize === 0 ? 0 : NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED),
        QueueType: NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue,
        ProcessorAffinity: { Mask: 1n << BigInt(wanted.processor), Group: 0 },
        NumSuggestedReceiveBuffers: wanted.suggestedBuffers,
        LookaheadSize: wanted.lookaheadSize,
        VmName: wanted.vmName,
        QueueName: wanted.queueName,
        PortId: this.#ndis === 620 ? undefined : wanted.portId,
      },
      { ndis: this.#ndis },
    );
    const request = methodRequest(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, bytes);
    const status = this.#issue(request, wanted.portId);
    if (status !== NDIS_STATUS_SUCCESS) return { status, queueId: 0 };
    const answer = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(outputOf(request), { ndis: this.#ndis });
    if (!answer.ok) return { status: NDIS_STATUS_FAILURE, queueId: 0 };
    return { status, queueId: answer.value.QueueId };
  }

  /** SW-05, SW-06: a filter for a port's MAC and VLAN on a queue (0 = the default queue). */
  setFilter(
    queueId: number,
    mac: Uint8Array,
    vlan: FilterVlan,
    port: number,
  ): { status: number; filterId: number } {
    const macTest = {
      Flags: vlan === 'untagged' ? NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO : 0,
      FrameHeader: NDIS_FRAME_HEADER.NdisFrameHeaderMac,
      ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual,
      HeaderField: { MacHeaderField: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldDestinationAddress },
      FieldValue: { FieldByteArrayValue: mac },
    };
    const vlanTest = {
      FrameHeader: NDIS_FRAME_HEADER.NdisFrameHeaderMac,
      ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual,
      HeaderField: { MacHeaderField: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldVlanId },
      FieldValue: { FieldShortValue: typeof vlan === 'number' ? vlan : 0 },
    };
    const bytes = NDIS_RECEIVE_FILTER_PARAMETERS.encode(
      {
        FilterType: NDIS_RECEIVE_FILTER_TYPE.NdisReceiveFilterTypeVMQueue,
        QueueId: queueId,
        FilterId: 0,
        VPortId: this.#ndis === 620 ? undefined : 0,
        elements: typeof vlan === 'number' ? [macTest, vlanTest] : [macTest],
      },
      { ndis: this.#ndis },
    );
    const request = methodRequest(OID_RECEIVE_FILTER_SET_FILTER, bytes);
    const status = this.#issue(request, port);
    if (status !== NDIS_STATUS_SUCCESS) return { status, filterId: 0 };
    const answer = NDIS_RECEIVE_FILTER_PARAMETERS.decode(outputOf(request), { ndis: this.#ndis });
    if (!answer.ok) return { status: NDIS_STATUS_FAILURE, filterId: 0 };
    return { status, filterId: answer.value.FilterId };
  }

  /** SW-04: completes the allocation of all of a batch's queues; one status per queue, in order. */
  completeAllocation(queueIds: readonly number[]): number[] {
    const bytes = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.encode({
      elements: queueIds.map((QueueId) => ({ QueueId, CompletionStatus: NDIS_STATUS_FAILURE })),
    });
    const request = methodRequest(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, bytes);
    const status = this.#issue(request, NDIS_SWITCH_DEFAULT_PORT_ID);
    if (status !== NDIS_STATUS_SUCCESS) return queueIds.map(() => status);
    const answer = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.decode(outputOf(request));
    return queueIds.map((queueId) => {
      const element = answer.ok
        ? answer.value.elements.find(({ QueueId }) => QueueId === queueId)
        : undefined;
      return element?.CompletionStatus ?? NDIS_STATUS_FAILURE;
    });
  }

  clearFilter(queueId: number, filterId: number, port: number): number {
    const bytes = NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS.encode({ QueueId: queueId, FilterId: filterId });
    return this.#insist(() => this.#issue(setRequest(OID_RECEIVE_FILTER_CLEAR_FILTER, bytes), port));
  }

  /** Returns when the adapter has given everything of the queue back. */
  freeQueue(queueId: number, port: number): number {
    const bytes = NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.encode({ QueueId: queueId });
    return this.#insist(() => this.#issue(setRequest(OID_RECEIVE_FILTER_FREE_QUEUE, bytes), port));
  }

  /** What gives something back is asked for again: a reset may have aborted it, or the device was busy. */
  #insist(issue: () => number): number {
    let status = issue();
    for (let again = 0; again < AGAIN && TRANSIENT.includes(status); again++) status = issue();
    return status;
  }

  /** Sets NDIS_PACKET_TYPE_* bits; without it ports may get nothing, so it is asked for again, too. */
  setPacketFilter(filter: number): number {
    return this.#insist(() => this.#wait(packetFilterRequest(filter)));
  }

  /** The same without waiting: NDIS_STATUS_PENDING, and later the protocol driver's `oidRequestComplete`. */
  beginPacketFilter(filter: number): number {
    return this.#binding.oidRequest(packetFilterRequest(filter));
  }

  /** SW-25: extensions first, then the adapter. `port` is the one it is for. */
  #issue(oidRequest: OidRequest, port: number): number {
    return this.#extensions.request(oidRequest, port, (request) => this.#wait(request));
  }

  #wait(request: OidRequest): number {
    this.#waiting++;
    try {
      return this.#binding.oidRequestAndWait(request);
    } finally {
      this.#waiting--;
    }
  }
}

function packetFilterRequest(filter: number): OidRequest {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, filter, true);
  return setRequest(OID_GEN_CURRENT_PACKET_FILTER, bytes);
}
