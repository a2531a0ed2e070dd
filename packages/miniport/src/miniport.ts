/**
 * The VMQ miniport driver for the modelled NIC: its NDIS entry points.
 *
 * Initialization follows "Initializing a Miniport Adapter": registration attributes, hardware reset, general
 * attributes, hardware-assist attributes, interrupts, the default queue.
 */
import {
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_RSS_PROCESSOR_INFO,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_STATISTICS,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  OID_RECEIVE_FILTER_SET_FILTER,
} from '@vmq/abi';
import type { MiniportAdapter, MiniportDriver, OidRequest } from '@vmq/ndis';
import { REG } from '@vmq/nic';
import { AdapterContext } from './adapter-context.ts';
import { buildCapabilities } from './capabilities.ts';
import { VMQ_MINIPORT_DATA_PATH } from './data-path.ts';
import { Device } from './device.ts';
import { readJumboPacket, readReceiveMode } from './keywords.ts';
import { handleOidRequest, whenTrue } from './oid-handlers.ts';

export interface VmqMiniportOptions {
  readonly name?: string;
  /** 20, 30 or 60: the NDIS version the driver registers; default 30. */
  readonly minorNdisVersion?: 20 | 30 | 60;
  /** Descriptors of a receive queue when the allocator suggests nothing; a power of two, default 256. */
  readonly receiveRingEntries?: number;
  /** Descriptors of a processor's transmit queue; a power of two, default 512. */
  readonly transmitRingEntries?: number;
  /** Most frames a DPC indicates from one queue in one go; default 128. */
  readonly indicationBudget?: number;
}

const SUPPORTED_OIDS = [
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_STATISTICS,
  OID_802_3_MULTICAST_LIST,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_SET_FILTER,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
];

/** Makes the driver; give it to `ndis.registerMiniportDriver`. One driver may run several adapters. */
export function createVmqMiniport(options: VmqMiniportOptions = {}): MiniportDriver {
  const minorNdisVersion = options.minorNdisVersion ?? 30;
  const contexts = new Map<MiniportAdapter, AdapterContext>();
  const contextOf = (adapter: MiniportAdapter): AdapterContext => {
    const found = contexts.get(adapter);
    if (found === undefined) throw new Error(`${adapter.name} is not initialized`);
    return found;
  };

  return {
    name: options.name ?? 'vmq-miniport',
    majorNdisVersion: 6,
    minorNdisVersion,
    dataPathFactory: VMQ_MINIPORT_DATA_PATH,

    initializeEx(adapter: MiniportAdapter): number {
      let status = adapter.setMiniportAttributes({ type: 'registration', revision: 1, attributeFlags: 0 });
      if (status !== NDIS_STATUS_SUCCESS) return status;
      const device = new Device(adapter);
      const maxFrameBytes = readJumboPacket(adapter);
      if (!(maxFrameBytes >= 60 && maxFrameBytes <= device.maxFrameBytes))
        return NDIS_STATUS_INVALID_PARAMETER;
      status = adapter.setMiniportAttributes({
        type: 'general',
        revision: 2,
        mtuSize: maxFrameBytes - 14,
        maxXmitLinkSpeed: device.linkSpeed,
        lookaheadSize: maxFrameBytes - 14,
        macOptions: 0,
        supportedPacketFilters:
          NDIS_PACKET_TYPE_DIRECTED |
          NDIS_PACKET_TYPE_MULTICAST |
          NDIS_PACKET_TYPE_ALL_MULTICAST |
          NDIS_PACKET_TYPE_BROADCAST |
          NDIS_PACKET_TYPE_PROMISCUOUS,
        maxMulticastListSize: 32,
        permanentMacAddress: device.permanentMac,
        currentMacAddress: device.permanentMac,
        supportedOidList: SUPPORTED_OIDS,
      });
      if (status !== NDIS_STATUS_SUCCESS) return status;
      const sets = buildCapabilities(device.sizes, readReceiveMode(adapter), minorNdisVersion);
      status = adapter.setMiniportAttributes({
        type: 'hardware-assist',
        revision: minorNdisVersion === 20 ? 2 : 3,
        hardwareReceiveFilterCapabilities: sets.hardware,
        currentReceiveFilterCapabilities: sets.current,
      });
      if (status !== NDIS_STATUS_SUCCESS) return status;
      adapter.registerScatterGatherDma();
      const context = new AdapterContext(adapter, device, {
        receiveRingEntries: options.receiveRingEntries ?? 256,
        transmitRingEntries: options.transmitRingEntries ?? 512,
        indicationBudget: options.indicationBudget ?? 128,
        maxFrameBytes,
      });
      status = context.start(rssProcessors(adapter));
      if (status !== NDIS_STATUS_SUCCESS) return status;
      contexts.set(adapter, context);
      return NDIS_STATUS_SUCCESS;
    },

    haltEx(adapter: MiniportAdapter): void {
      const context = contextOf(adapter);
      context.device.registers.write32(REG.CTRL, 0);
      context.device.commit();
      context.release();
      contexts.delete(adapter);
    },

    pause(adapter: MiniportAdapter): number {
      const context = contextOf(adapter);
      if (context.pause()) return NDIS_STATUS_SUCCESS;
      whenTrue(
        adapter,
        () => context.isQuiet(),
        () => adapter.pauseComplete(),
      );
      return NDIS_STATUS_PENDING;
    },

    restart(adapter: MiniportAdapter): number {
      const context = contextOf(adapter);
      if (!context.isServingDefaultQueue && context.completeDefaultQueue() !== NDIS_STATUS_SUCCESS) {
        return NDIS_STATUS_FAILURE;
      }
      return context.run();
    },

    oidRequest: (adapter: MiniportAdapter, request: OidRequest) =>
      handleOidRequest(adapter, contextOf(adapter), request),

    dataPathImage: (adapter: MiniportAdapter) => contextOf(adapter).image(),
  };
}

/** The processors that interrupts may be aimed at: NdisGetRssProcessorInformation and nothing else (INT-01). */
function rssProcessors(adapter: MiniportAdapter): number[] {
  const { bytesNeeded } = adapter.getRssProcessorInformation(new Uint8Array(0));
  const buffer = new Uint8Array(bytesNeeded);
  if (adapter.getRssProcessorInformation(buffer).status !== NDIS_STATUS_SUCCESS) return [];
  const info = NDIS_RSS_PROCESSOR_INFO.decode(buffer);
  return info.ok ? info.value.elements.map((element) => element.ProcNum.Number) : [];
}
