/**
 * What a protocol driver is to NDIS (NDIS_PROTOCOL_DRIVER_CHARACTERISTICS), and the binding it gets.
 */
import type { AgentContext } from '@vmq/machine';
import type { OidRequest } from '../oid/oid-request.ts';
import type { ProtocolDataPath, SendSink } from './data-path.ts';
import type { ProcessorServices } from './miniport-driver.ts';
import type { SharedMemoryAllocation, SharedMemoryParameters } from './shared-memory-provider.ts';

/** NDIS_BIND_PARAMETERS, as far as VMQ protocols look at them. */
export interface BindParameters {
  readonly adapterName: string;
  /** Revision: 3 for a 6.20 miniport, 4 for 6.30 and later (INIT-05). */
  readonly revision: number;
  readonly mtuSize: number;
  readonly maxXmitLinkSpeed: number;
  readonly currentMacAddress: Uint8Array;
  /** NDIS_RECEIVE_FILTER_CAPABILITIES bytes of the current set, or null without receive filtering. */
  readonly receiveFilterCapabilities: Uint8Array | null;
  readonly nicSwitchCapabilities: Uint8Array | null;
  /** NDIS_NIC_SWITCH_INFO of each NIC switch that exists; none does, as NIC switches are not modelled (INIT-07). */
  readonly nicSwitchArray: readonly Uint8Array[];
}

/** NDIS_STATUS_INDICATION. */
export interface StatusIndication {
  readonly sourceHandle: string;
  readonly statusCode: number;
  readonly statusBuffer: Uint8Array;
}

/** NET_PNP_EVENT code: the device is about to go, or is gone (LIFE-15). */
export const NetEventQueryRemoveDevice = 2;

export interface ProtocolDriver {
  readonly name: string;
  /**
   * ProtocolBindAdapterEx: SUCCESS keeps the binding (it is opened by then), anything else refuses it.
   *
   * @irql PASSIVE_LEVEL
   */
  bindAdapter(binding: Binding, parameters: BindParameters): number;
  /**
   * ProtocolUnbindAdapterEx.
   *
   * @irql PASSIVE_LEVEL
   */
  unbindAdapter(binding: Binding): void;
  /**
   * ProtocolOidRequestComplete, for requests that returned NDIS_STATUS_PENDING.
   *
   * @irql PASSIVE_LEVEL
   */
  oidRequestComplete(binding: Binding, request: OidRequest, status: number): void;
  /**
   * ProtocolStatusEx.
   *
   * @irql PASSIVE_LEVEL
   */
  status(binding: Binding, indication: StatusIndication): void;
  /**
   * ProtocolNetPnPEvent, for events besides pause and restart: NetEventQueryRemoveDevice.
   *
   * @irql PASSIVE_LEVEL
   */
  netPnpEvent?(binding: Binding, event: number): void;
  /**
   * ProtocolNetPnPEvent NetEventPause / NetEventRestart; pause returns when no send is outstanding, and the NBLs that the
   * driver kept are on their way back (LIFE-07).
   *
   * @irql PASSIVE_LEVEL
   */
  pause(binding: Binding): void;
  /** @irql PASSIVE_LEVEL */
  restart(binding: Binding): void;
  /** Name under which the processor agents know the {@link ProtocolDataPathFactory}. */
  readonly dataPathFactory: string;
  /** @irql PASSIVE_LEVEL */
  dataPathImage(binding: Binding): unknown;
}

/**
 * Makes a protocol's data path on one processor; `downcalls` is NDIS.
 *
 * @irql PASSIVE_LEVEL
 */
export type ProtocolDataPathFactory = (
  context: AgentContext,
  processor: ProcessorServices,
  image: unknown,
  downcalls: SendSink,
) => ProtocolDataPath & {
  /**
   * Messages that the control path posted through {@link Binding.post}.
   *
   * @irql PASSIVE_LEVEL
   */
  receiveMessage(message: unknown): void;
};

/** The NdisBindingHandle. */
export interface Binding {
  readonly adapterName: string;
  readonly protocolName: string;
  /**
   * NdisOidRequest: the status, or NDIS_STATUS_PENDING and later one call of the driver's `oidRequestComplete`.
   *
   * @irql PASSIVE_LEVEL
   */
  oidRequest(request: OidRequest): number;
  /**
   * NdisOidRequest, waiting for the completion: never returns PENDING.
   *
   * @irql PASSIVE_LEVEL
   */
  oidRequestAndWait(request: OidRequest): number;
  /**
   * NdisCancelOidRequest.
   *
   * @irql PASSIVE_LEVEL
   */
  cancelOidRequest(requestId: number): void;
  /**
   * NdisCloseAdapterEx.
   *
   * @irql PASSIVE_LEVEL
   */
  close(): void;
  /**
   * NdisQueueIoWorkItem: runs `item` at PASSIVE_LEVEL, soon after the call that is under way: what a status handler, which
   * must not wait, has to do about what it heard.
   *
   * @irql PASSIVE_LEVEL
   */
  queueWorkItem(item: () => void): void;
  /**
   * NdisAllocateSharedMemory, for memory that the adapter may reach (SHM-17): SUCCESS, RESOURCES, INVALID_PARAMETER, FAILURE.
   *
   * @irql PASSIVE_LEVEL
   */
  allocateSharedMemory(parameters: SharedMemoryParameters): SharedMemoryAllocation;
  /**
   * NdisFreeSharedMemory, exactly once per allocation of this binding.
   *
   * @irql PASSIVE_LEVEL
   */
  freeSharedMemory(allocationHandle: number): void;
  /**
   * Leaves a message for the protocol's data path on a processor (or on all).
   *
   * @irql PASSIVE_LEVEL
   */
  post(processor: number | 'all', message: unknown): void;
  /** @irql PASSIVE_LEVEL */
  publish(): void;
  /**
   * Lets the machine run until `done()`; false if it rests before, or after `nanoseconds` (default: the executor's timeout).
   *
   * @irql PASSIVE_LEVEL
   */
  runUntil(done: () => boolean, nanoseconds?: number): boolean;
}
