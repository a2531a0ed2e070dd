/**
 * What a miniport driver is to NDIS (NDIS_MINIPORT_DRIVER_CHARACTERISTICS), and what NDIS is to a miniport
 * (the NdisMiniportHandle with the NdisM… functions).
 *
 * Handlers run at PASSIVE_LEVEL on the control thread and return an NDIS_STATUS; they are synchronous, and those
 * that Windows lets pend may return NDIS_STATUS_PENDING and complete later.
 */
import type { NdisLinkState } from '@vmq/abi';
import type { AgentContext, AgentId, DmaDomain, MemorySegment } from '@vmq/machine';
import type { OidRequest } from '../oid/oid-request.ts';
import type { MiniportDataPath, ReceiveSink } from './data-path.ts';
import type { SharedMemoryAllocation, SharedMemoryParameters } from './shared-memory-provider.ts';

/** NDIS_HALT_ACTION. */
export const NdisHaltDeviceDisabled = 0;
export const NdisHaltDeviceInstanceDeInitialized = 1;
export const NdisHaltDevicePoweredDown = 2;
export const NdisHaltDeviceSurpriseRemoved = 3;
export const NdisHaltDeviceFailed = 4;
export const NdisHaltDeviceInitializationFailed = 5;
export const NdisHaltDeviceStopped = 6;

/** NET_DEVICE_PNP_EVENT codes that reach a miniport. */
export const NdisDevicePnPEventSurpriseRemoved = 2;
export const NdisDevicePnPEventPowerProfileChanged = 6;

/** AttributeFlags: the stack need not be paused while the adapter is in low power (NDIS 6.30 on). */
export const NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND = 0x0000_0100;

export interface MiniportDriver {
  readonly name: string;
  /** MajorNdisVersion.MinorNdisVersion: 6.20, 6.30 or 6.60 decides what it may register and accept. */
  readonly majorNdisVersion: 6;
  readonly minorNdisVersion: 20 | 30 | 60;
  /**
   * MiniportInitializeEx. Everything it took is released again when it fails.
   *
   * @irql PASSIVE_LEVEL
   */
  initializeEx(adapter: MiniportAdapter): number;
  /**
   * MiniportHaltEx.
   *
   * @irql PASSIVE_LEVEL
   */
  haltEx(adapter: MiniportAdapter, haltAction: number): void;
  /**
   * MiniportPause: may pend ({@link MiniportAdapter.pauseComplete}); cannot fail.
   *
   * @irql PASSIVE_LEVEL
   */
  pause(adapter: MiniportAdapter): number;
  /**
   * MiniportRestart.
   *
   * @irql PASSIVE_LEVEL
   */
  restart(adapter: MiniportAdapter): number;
  /**
   * MiniportOidRequest: may pend ({@link MiniportAdapter.oidRequestComplete}).
   *
   * @irql PASSIVE_LEVEL
   */
  oidRequest(adapter: MiniportAdapter, request: OidRequest): number;
  /**
   * MiniportCancelOidRequest.
   *
   * @irql PASSIVE_LEVEL
   */
  cancelOidRequest?(adapter: MiniportAdapter, requestId: number): void;
  /**
   * MiniportResetEx: may pend ({@link MiniportAdapter.resetComplete}). `addressingReset`: the device has forgotten its packet
   * filter and its multicast addresses, and NDIS is to set them again; else all of that is the driver's.
   *
   * @irql PASSIVE_LEVEL
   */
  resetEx?(adapter: MiniportAdapter): { status: number; addressingReset: boolean };
  /**
   * MiniportCheckForHangEx: TRUE if the adapter does not work and should be reset. It should not dwell.
   *
   * @irql PASSIVE_LEVEL
   */
  checkForHangEx?(adapter: MiniportAdapter): boolean;
  /**
   * MiniportDevicePnPEventNotify.
   *
   * @irql PASSIVE_LEVEL
   */
  devicePnpEventNotify?(adapter: MiniportAdapter, event: number): void;
  /** Name under which the processor agents know this driver's {@link MiniportDataPathFactory}. */
  readonly dataPathFactory: string;
  /**
   * What that factory is given on every processor; survives a structured clone. Valid once initialized.
   *
   * @irql PASSIVE_LEVEL
   */
  dataPathImage(adapter: MiniportAdapter): unknown;
}

/**
 * Makes a miniport's data path on one processor. `upcalls` is NDIS: indications and send completions.
 *
 * @irql PASSIVE_LEVEL
 */
export type MiniportDataPathFactory = (
  context: AgentContext,
  processor: ProcessorServices,
  image: unknown,
  upcalls: ReceiveSink,
) => MiniportDataPath & {
  /**
   * Messages that the control path posted through {@link MiniportAdapter.post}.
   *
   * @irql PASSIVE_LEVEL
   */
  receiveMessage(message: unknown): void;
};

/** What a data path may ask of the processor it runs on; implemented by `Processor` of `@vmq/machine`. */
export interface ProcessorServices {
  readonly index: number;
  /** @irql PASSIVE_LEVEL */
  connect(vector: number, isr: { interrupt(vector: number): void } | null): void;
  /** @irql <= DIRQL */
  queueDpc(dpc: { runDpc(): void }): boolean;
}

/** NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, _GENERAL_ATTRIBUTES, _HARDWARE_ASSIST_ATTRIBUTES. */
export type MiniportAdapterAttributes =
  | {
      readonly type: 'registration';
      readonly revision: number;
      /** NDIS_MINIPORT_ATTRIBUTES_* flags. */
      readonly attributeFlags: number;
      /** Seconds between two checks for hang; 0 or absent = 2. */
      readonly checkForHangTimeInSeconds?: number;
    }
  | {
      readonly type: 'general';
      readonly revision: number;
      readonly mtuSize: number;
      /** Bits per second. */
      readonly maxXmitLinkSpeed: number;
      readonly lookaheadSize: number;
      readonly macOptions: number;
      readonly supportedPacketFilters: number;
      readonly maxMulticastListSize: number;
      /** Six bytes. */
      readonly permanentMacAddress: Uint8Array;
      readonly currentMacAddress: Uint8Array;
      readonly supportedOidList: readonly number[];
      /** NDIS_PHYSICAL_MEDIUM; default 802.3. */
      readonly physicalMedium?: number;
      /** The link as it is now; default: connected, full duplex, at maxXmitLinkSpeed. NDIS_STATUS_LINK_STATE changes it. */
      readonly linkState?: Omit<NdisLinkState, 'Header'>;
      /** NDIS_RECEIVE_SCALE_CAPABILITIES bytes of the hardware, whether RSS is in use or not (CAP-01); default: none. */
      readonly recvScaleCapabilities?: Uint8Array | null;
    }
  | {
      readonly type: 'hardware-assist';
      readonly revision: number;
      /** NDIS_RECEIVE_FILTER_CAPABILITIES bytes, or null. Both null or both set (CAP-03). */
      readonly hardwareReceiveFilterCapabilities: Uint8Array | null;
      readonly currentReceiveFilterCapabilities: Uint8Array | null;
      /** NDIS_NIC_SWITCH_CAPABILITIES bytes, 6.30 on. */
      readonly hardwareNicSwitchCapabilities?: Uint8Array | null;
      readonly currentNicSwitchCapabilities?: Uint8Array | null;
    }
  | {
      /** NDIS_MINIPORT_ADAPTER_OFFLOAD attributes, of which only what concerns receive filters is here. */
      readonly type: 'offload';
      readonly revision: number;
      /** VmqSupported of EncapsulatedPacketTaskOffloadGre in the hardware and in the default set. */
      readonly encapsulatedPacketVmq: { readonly hardware: boolean; readonly current: boolean };
    };

/** An interrupt message that the system assigned: where a device's MSI-X entry must write, and what. */
export interface InterruptMessage {
  readonly messageId: number;
  readonly processor: number;
  readonly vector: number;
  /** Message address (unsigned 32 bit; high half 0) and data. */
  readonly address: number;
  readonly data: number;
}

/** Hardware resources of the adapter, from the (modelled) PCI bus driver. */
export interface MiniportResources {
  /** The device's register aperture. */
  readonly bar: MemorySegment;
  /** The device's agent, which a doorbell wakes: `machine.board.wake(deviceAgent)`. */
  readonly deviceAgent: AgentId;
  /** Wakes the device: the same, ready to call. Of one with several agents, agent `deviceAgent + part`; default 0. */
  readonly wakeDevice: (part?: number) => void;
  readonly msixTableEntries: number;
  /** Byte offset of the MSI-X table in the aperture; 16 bytes an entry. */
  readonly msixTableOffset: number;
  /**
   * The bus: writes a 32-bit register of the aperture as the device wants it (NDIS writes the MSI-X table through
   * it). Default: a plain store, then {@link wakeDevice}.
   */
  readonly write32?: (offset: number, value: number) => void;
  /** The bus: puts the device into NDIS_DEVICE_POWER_STATE `state`. Default: it stays powered. */
  readonly setDevicePower?: (state: number) => void;
  /** The DMA domain the bus driver has put the device in. Default: NDIS makes one of the adapter's name. */
  readonly dmaDomain?: DmaDomain;
  /** `reach` of the machine, for rare branches of the miniport. Default: nobody is told. */
  readonly reach?: (mark: string) => void;
}

/** NdisMConfigMSIXTableEntry operations (NDIS_MSIX_TABLE_OPERATION). */
export type MsixTableOperation =
  | { readonly operation: 'add'; readonly entry: number; readonly messageId: number }
  | { readonly operation: 'remove' | 'mask' | 'unmask'; readonly entry: number };

/** The NdisMiniportHandle. */
export interface MiniportAdapter {
  readonly name: string;
  readonly resources: MiniportResources;
  /**
   * NdisMSetMiniportAttributes: SUCCESS, BAD_VERSION, INVALID_PARAMETER, FAILURE (order).
   *
   * @irql PASSIVE_LEVEL
   */
  setMiniportAttributes(attributes: MiniportAdapterAttributes): number;
  /**
   * NdisOpenConfigurationEx + NdisReadConfiguration: the keyword's value, or undefined when absent.
   *
   * @irql PASSIVE_LEVEL
   */
  readConfiguration(keyword: string): number | string | undefined;
  /**
   * NdisGetRssProcessorInformation: fills NDIS_RSS_PROCESSOR_INFO; BUFFER_TOO_SHORT with the needed size.
   *
   * @irql PASSIVE_LEVEL
   */
  getRssProcessorInformation(buffer: Uint8Array): { status: number; bytesNeeded: number };
  /**
   * NdisMRegisterInterruptEx for one message, aimed at `processor`. Null when none is left.
   *
   * @irql PASSIVE_LEVEL
   */
  allocateInterruptMessage(processor: number): InterruptMessage | null;
  /**
   * NdisMConfigMSIXTableEntry: SUCCESS or INVALID_PARAMETER.
   *
   * @irql PASSIVE_LEVEL
   */
  configMsixTableEntry(operation: MsixTableOperation): number;
  /**
   * NdisMRegisterScatterGatherDma: the adapter's DMA domain.
   *
   * @irql PASSIVE_LEVEL
   */
  registerScatterGatherDma(): DmaDomain;
  /**
   * NdisAllocateSharedMemory: SUCCESS, RESOURCES, INVALID_PARAMETER, FAILURE.
   *
   * @irql PASSIVE_LEVEL
   */
  allocateSharedMemory(parameters: SharedMemoryParameters): SharedMemoryAllocation;
  /**
   * NdisFreeSharedMemory, exactly once per allocation.
   *
   * @irql PASSIVE_LEVEL
   */
  freeSharedMemory(allocationHandle: number): void;
  /**
   * NdisMIndicateStatusEx; `buffer` has the structure's C layout.
   *
   * @irql PASSIVE_LEVEL
   */
  indicateStatusEx(statusCode: number, buffer: Uint8Array): void;
  /**
   * NdisMOidRequestComplete.
   *
   * @irql PASSIVE_LEVEL
   */
  oidRequestComplete(request: OidRequest, status: number): void;
  /** @irql PASSIVE_LEVEL */
  pauseComplete(): void;
  /** @irql PASSIVE_LEVEL */
  restartComplete(status: number): void;
  /** @irql PASSIVE_LEVEL */
  resetComplete(status: number, addressingReset: boolean): void;
  /**
   * Leaves a message for this driver's data path on a processor (or on all).
   *
   * @irql PASSIVE_LEVEL
   */
  post(processor: number | 'all', message: unknown): void;
  /**
   * Publishes what was posted; when it returns every processor has acted on it.
   *
   * @irql PASSIVE_LEVEL
   */
  publish(): void;
  /**
   * NdisStallExecution / NdisMSleep: lets the rest of the machine run until `done()`; false if it never will, or not
   * within the executor's timeout.
   *
   * @irql PASSIVE_LEVEL
   */
  runUntil(done: () => boolean): boolean;
  /**
   * Queues a work item: `item` runs at PASSIVE_LEVEL as soon as the current control call has returned.
   *
   * @irql PASSIVE_LEVEL
   */
  queueWorkItem(item: () => void): void;
}
