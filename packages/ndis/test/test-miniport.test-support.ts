/**
 * A small but whole miniport: allocates memory for its queues, keeps records of them, pends a free while NBLs are
 * out, indicates DmaStopped. Switches let a test make it misbehave.
 */
import {
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_STATE,
  NDIS_SHARED_MEMORY_USAGE,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveQueueParameters,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_PNP_SET_POWER,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  OID_RECEIVE_FILTER_SET_FILTER,
  OID_TCP_OFFLOAD_PARAMETERS,
} from '@vmq/abi';
import type { MiniportAdapter, MiniportAdapterAttributes, MiniportDriver, OidRequest } from '@vmq/ddi';
import { capabilities } from './bench.test-support.ts';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);

export interface TestMiniportOptions {
  readonly minor?: 20 | 30 | 60;
  readonly hardware?: Uint8Array | null;
  readonly current?: Uint8Array | null;
  /** Replaces what initializeEx does. */
  readonly initialize?: (adapter: MiniportAdapter, miniport: TestMiniport) => number;
  readonly resettable?: boolean;
  /** NDIS_MINIPORT_ATTRIBUTES_*. */
  readonly attributeFlags?: number;
  readonly checkForHangTimeInSeconds?: number;
  /** VMQ on encapsulated packets: registers offload attributes. */
  readonly encapsulation?: { readonly hardware: boolean; readonly current: boolean };
}

interface Queue {
  allocationHandle: number;
  /** NBLs a protocol holds. */
  outstanding: number;
}

export class TestMiniport implements MiniportDriver {
  readonly name = 'test-miniport';
  readonly majorNdisVersion = 6;
  readonly minorNdisVersion: 20 | 30 | 60;
  readonly dataPathFactory = 'test-miniport';
  readonly #options: TestMiniportOptions;
  /** Every request that reached it. */
  readonly seen: OidRequest[] = [];
  readonly queues = new Map<number, Queue>();
  readonly events: string[] = [];
  /** Request kept back by `pendNext`. */
  pended: OidRequest | null = null;
  /** The next request is pended until the test completes it. */
  pendNext = false;
  /** Status of the next request, instead of handling it. */
  failNext: number | null = null;
  packetFilter = 0;
  multicastList: Uint8Array = new Uint8Array(0);
  lookahead = 0;
  /** DmaStopped indications per free. */
  dmaStops = 1;
  freeStatus: number = NDIS_STATUS_SUCCESS;
  /** It fills MSIXTableEntry at the allocation. */
  saysEntry = true;
  /** What it leaves in the buffer of a queue-parameters set. */
  onSetParameters: (parameters: NdisReceiveQueueParameters) => NdisReceiveQueueParameters = (same) => same;
  removed = false;
  adapter!: MiniportAdapter;
  resetResult: { status: number; addressingReset: boolean } = {
    status: NDIS_STATUS_SUCCESS,
    addressingReset: false,
  };
  readonly resetEx?: () => { status: number; addressingReset: boolean };
  onReset: () => void = () => {};

  constructor(options: TestMiniportOptions = {}) {
    this.#options = options;
    this.minorNdisVersion = options.minor ?? 30;
    if (options.resettable === true) {
      this.resetEx = () => {
        this.onReset();
        return this.resetResult;
      };
    }
  }

  attributes(): MiniportAdapterAttributes[] {
    const minor = this.minorNdisVersion;
    const { hardware = capabilities(minor), current = capabilities(minor), encapsulation } = this.#options;
    return [
      {
        type: 'registration',
        revision: 1,
        attributeFlags: this.#options.attributeFlags ?? 0,
        checkForHangTimeInSeconds: this.#options.checkForHangTimeInSeconds ?? 0,
      },
      {
        type: 'general',
        revision: 2,
        mtuSize: 1500,
        maxXmitLinkSpeed: 10_000_000_000,
        lookaheadSize: 1500,
        macOptions: 0x40,
        supportedPacketFilters: 0x2f,
        maxMulticastListSize: 32,
        permanentMacAddress: MAC,
        currentMacAddress: MAC,
        supportedOidList: [],
      },
      {
        type: 'hardware-assist',
        revision: minor === 20 ? 2 : 3,
        hardwareReceiveFilterCapabilities: hardware,
        currentReceiveFilterCapabilities: current,
      },
      ...(encapsulation === undefined
        ? []
        : [{ type: 'offload' as const, revision: 1, encapsulatedPacketVmq: encapsulation }]),
    ];
  }

  initializeEx(adapter: MiniportAdapter): number {
    this.adapter = adapter;
    this.events.push('initialize');
    if (this.#options.initialize !== undefined) return this.#options.initialize(adapter, this);
    adapter.registerScatterGatherDma();
    for (const attributes of this.attributes()) {
      const status = adapter.setMiniportAttributes(attributes);
      if (status !== NDIS_STATUS_SUCCESS) return status;
    }
    return NDIS_STATUS_SUCCESS;
  }

  haltEx(_adapter: MiniportAdapter, action: number): void {
    this.events.push(`halt ${action}`);
  }

  pause(): number {
    this.events.push('pause');
    return NDIS_STATUS_SUCCESS;
  }

  restartStatus: number = NDIS_STATUS_SUCCESS;
  restart(): number {
    this.events.push('restart');
    return this.restartStatus;
  }

  devicePnpEventNotify(): void {
    this.events.push('surprise removal');
    this.removed = true;
  }

  cancelOidRequest(_adapter: MiniportAdapter, requestId: number): void {
    this.events.push(`cancel ${requestId}`);
  }

  dataPathImage(): unknown {
    return {};
  }

  oidRequest(adapter: MiniportAdapter, request: OidRequest): number {
    this.seen.push(request);
    if (this.removed) return NDIS_STATUS_NOT_ACCEPTED;
    if (this.failNext !== null) {
      const status = this.failNext;
      this.failNext = null;
      return status;
    }
    if (this.pendNext) {
      this.pendNext = false;
      this.pended = request;
      return NDIS_STATUS_PENDING;
    }
    return this.handle(adapter, request);
  }

  /** Completes the pended request as it would have been handled at once. */
  completePended(status?: number): void {
    const request = this.pended as OidRequest;
    this.pended = null;
    this.adapter.oidRequestComplete(request, status ?? this.handle(this.adapter, request));
  }

  handle(adapter: MiniportAdapter, request: OidRequest): number {
    const bytes = request.informationBuffer;
    switch (request.oid) {
      case OID_RECEIVE_FILTER_ALLOCATE_QUEUE: {
        const decoded = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(bytes);
        if (!decoded.ok) throw new Error('NDIS let an unreadable request through');
        const { QueueId } = decoded.value;
        this.queues.set(QueueId, { allocationHandle: 0, outstanding: 0 });
        const answer = this.saysEntry ? { ...decoded.value, MSIXTableEntry: QueueId + 1 } : decoded.value;
        request.bytesWritten = NDIS_RECEIVE_QUEUE_PARAMETERS.encode(answer, { into: bytes }).length;
        return NDIS_STATUS_SUCCESS;
      }
      case OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE: {
        const decoded = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.decode(bytes);
        if (!decoded.ok) throw new Error('NDIS let an unreadable request through');
        const elements = decoded.value.elements.map((element) => {
          if (this.forgets.has(element.QueueId)) return element;
          const memory = adapter.allocateSharedMemory({
            contiguous: false,
            queueId: element.QueueId,
            vportId: 0,
            usage: NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceive,
            length: this.bytesPerQueue,
            preferredNode: 0,
            maximumElements: 64,
          });
          const queue = this.queues.get(element.QueueId) as Queue;
          queue.allocationHandle = memory.allocationHandle;
          const status = memory.status === NDIS_STATUS_SUCCESS ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
          return { ...element, CompletionStatus: status };
        });
        request.bytesWritten = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.encode(
          { ...decoded.value, elements },
          { into: bytes },
        ).length;
        return NDIS_STATUS_SUCCESS;
      }
      case OID_RECEIVE_FILTER_FREE_QUEUE: {
        const decoded = NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.decode(bytes);
        if (!decoded.ok) throw new Error('NDIS let an unreadable request through');
        return this.#free(adapter, request, decoded.value.QueueId);
      }
      case OID_RECEIVE_FILTER_SET_FILTER:
      case OID_RECEIVE_FILTER_CLEAR_FILTER:
      case OID_TCP_OFFLOAD_PARAMETERS:
        return NDIS_STATUS_SUCCESS;
      case OID_RECEIVE_FILTER_QUEUE_PARAMETERS: {
        const decoded = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(bytes);
        if (!decoded.ok) throw new Error('NDIS let an unreadable request through');
        const answer = this.onSetParameters(decoded.value);
        NDIS_RECEIVE_QUEUE_PARAMETERS.encode(answer, {
          into: bytes,
          revision: decoded.value.Header.Revision,
        });
        return NDIS_STATUS_SUCCESS;
      }
      case OID_PNP_SET_POWER:
        this.events.push(`power ${bytes[0]}`);
        return NDIS_STATUS_SUCCESS;
      case OID_GEN_CURRENT_PACKET_FILTER:
        this.packetFilter = new DataView(bytes.buffer).getUint32(0, true);
        return NDIS_STATUS_SUCCESS;
      case OID_802_3_MULTICAST_LIST:
        this.multicastList = bytes.slice();
        return NDIS_STATUS_SUCCESS;
      case OID_GEN_CURRENT_LOOKAHEAD:
        this.lookahead = new DataView(bytes.buffer).getUint32(0, true);
        return NDIS_STATUS_SUCCESS;
      default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
  }

  bytesPerQueue = 3 * 4096;
  /** Queues whose completion it leaves without a status. */
  forgets: Set<number> = new Set();

  indicateDmaStopped(queueId: number): void {
    const state = NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.NdisReceiveQueueOperationalStateDmaStopped;
    const buffer = NDIS_RECEIVE_QUEUE_STATE.encode({ QueueId: queueId, QueueState: state });
    this.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_QUEUE_STATE, buffer);
  }

  #free(adapter: MiniportAdapter, request: OidRequest, queueId: number): number {
    const queue = this.queues.get(queueId) as Queue;
    for (let i = 0; i < this.dmaStops; i++) this.indicateDmaStopped(queueId);
    if (this.freeStatus !== NDIS_STATUS_SUCCESS) return this.freeStatus;
    const release = (): void => {
      if (queue.allocationHandle !== 0) adapter.freeSharedMemory(queue.allocationHandle);
      this.queues.delete(queueId);
    };
    if (queue.outstanding === 0) {
      release();
      return NDIS_STATUS_SUCCESS;
    }
    const look = (): void => {
      if (queue.outstanding > 0) {
        adapter.queueWorkItem(look);
        return;
      }
      release();
      adapter.oidRequestComplete(request, NDIS_STATUS_SUCCESS);
    };
    adapter.queueWorkItem(look);
    return NDIS_STATUS_PENDING;
  }
}
