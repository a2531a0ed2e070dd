/**
 * The VMQ miniport driver for the modelled NIC: its NDIS entry points.
 *
 * Initialization follows "Initializing a Miniport Adapter": registration attributes, hardware reset, general
 * attributes, hardware-assist attributes, interrupts, transmit queues and the default queue. Everything it needs
 * it takes there, so a restart can fail only with the device.
 */
import {
  NDIS_MAC_OPTION_8021P_PRIORITY,
  NDIS_MAC_OPTION_8021Q_VLAN,
  NDIS_MAC_OPTION_NO_LOOPBACK,
  NDIS_RSS_PROCESSOR_INFO,
  NDIS_STATUS_ADAPTER_NOT_FOUND,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import {
  type MiniportAdapter,
  type MiniportDriver,
  NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND,
  NdisDevicePnPEventSurpriseRemoved,
  type OidRequest,
} from '@vmq/ddi';
import { MULTICAST_ENTRIES } from '@vmq/nic';
import { VMQ_MINIPORT_DATA_PATH } from '../datapath/data-path.ts';
import { Device } from '../hardware/device.ts';
import { CapabilitySets, receiveScaleCapabilities } from '../model/capabilities.ts';
import { readInterruptModeration, readJumboPacket, readReceiveMode } from '../model/keywords.ts';
import { CurrentSet } from '../queues/current-set.ts';
import { QueueFree, whenTrue } from '../queues/queue-free.ts';
import { AdapterContext } from './adapter-context.ts';
import { SUPPORTED_PACKET_FILTERS } from './general-oids.ts';
import { linkState } from './link-oids.ts';
import { handleOidRequest, SUPPORTED_OIDS } from './oid-handlers.ts';
import type { OidTarget } from './oid-target.ts';
import { resetAdapter } from './reset.ts';

export interface VmqMiniportOptions {
  readonly name?: string;
  /** 20, 30 or 60: the NDIS version the driver registers; default 30. */
  readonly minorNdisVersion?: 20 | 30 | 60;
  /** Descriptors of a receive queue when the allocator suggests nothing; a power of two, 32..1024, default 256. */
  readonly receiveRingEntries?: number;
  /** Descriptors of a processor's transmit queue; a power of two, 2..4096, default 512. */
  readonly transmitRingEntries?: number;
  /** Most frames a DPC indicates, of all its queues; at least 1, default 256. */
  readonly indicationBudget?: number;
  /**
   * The hardware counts as one with SR-IOV: its keywords are read, and where they prefer it VM queues are off. VFs and
   * virtual ports are not modelled, so there is nothing else then. Default false.
   */
  readonly sriov?: boolean;
}

const ETHERNET_HEADER_BYTES = 14;
const MIN_JUMBO_PACKET = 60;
/** Tags are taken off and put on beside the frame, with priority and VLAN id; nothing sent comes back (CAP-34). */
const MAC_OPTIONS = NDIS_MAC_OPTION_8021P_PRIORITY | NDIS_MAC_OPTION_8021Q_VLAN | NDIS_MAC_OPTION_NO_LOOPBACK;

/** Makes the driver; give it to `ndis.registerMiniportDriver`. One driver may run several adapters. */
export function createVmqMiniport(options: VmqMiniportOptions = {}): MiniportDriver {
  const minorNdisVersion = options.minorNdisVersion ?? 30;
  const receiveRingEntries = ringOption('receiveRingEntries', options.receiveRingEntries ?? 256, 32, 1024);
  const transmitRingEntries = ringOption('transmitRingEntries', options.transmitRingEntries ?? 512, 2, 4096);
  const indicationBudget = options.indicationBudget ?? 256;
  if (!(Number.isInteger(indicationBudget) && indicationBudget >= 1))
    throw new RangeError(`indicationBudget: a whole number of at least 1, got ${indicationBudget}`);
  const targets = new Map<MiniportAdapter, OidTarget>();
  const targetOf = (adapter: MiniportAdapter): OidTarget => {
    const found = targets.get(adapter);
    if (found === undefined) throw new Error(`${adapter.name} is not initialized`);
    return found;
  };

  return {
    name: options.name ?? 'vmq-miniport',
    majorNdisVersion: 6,
    minorNdisVersion,
    dataPathFactory: VMQ_MINIPORT_DATA_PATH,

    initializeEx(adapter: MiniportAdapter): number {
      const attributeFlags = minorNdisVersion === 20 ? 0 : NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND;
      let status = adapter.setMiniportAttributes({ type: 'registration', revision: 1, attributeFlags });
      if (status !== NDIS_STATUS_SUCCESS) return status;
      const device = new Device(adapter);
      if (!device.isKnown) return NDIS_STATUS_ADAPTER_NOT_FOUND;
      if (!device.reset()) return NDIS_STATUS_FAILURE;
      const { sizes, linkSpeed, permanentMac } = device;
      const maxFrameBytes = readJumboPacket(adapter);
      const fits =
        Number.isInteger(maxFrameBytes) &&
        maxFrameBytes >= MIN_JUMBO_PACKET &&
        maxFrameBytes <= device.maxFrameBytes;
      if (!fits) return NDIS_STATUS_INVALID_PARAMETER;
      status = adapter.setMiniportAttributes({
        type: 'general',
        revision: 2,
        mtuSize: maxFrameBytes - ETHERNET_HEADER_BYTES,
        maxXmitLinkSpeed: linkSpeed,
        lookaheadSize: maxFrameBytes - ETHERNET_HEADER_BYTES,
        macOptions: MAC_OPTIONS,
        supportedPacketFilters: SUPPORTED_PACKET_FILTERS,
        maxMulticastListSize: MULTICAST_ENTRIES,
        permanentMacAddress: permanentMac,
        currentMacAddress: permanentMac,
        supportedOidList: SUPPORTED_OIDS,
        linkState: linkState(device),
        recvScaleCapabilities: receiveScaleCapabilities(sizes, minorNdisVersion),
      });
      if (status !== NDIS_STATUS_SUCCESS) return status;
      const sets = new CapabilitySets(sizes, readReceiveMode(adapter, options.sriov), minorNdisVersion);
      status = adapter.setMiniportAttributes({
        type: 'hardware-assist',
        revision: minorNdisVersion === 20 ? 2 : 3,
        hardwareReceiveFilterCapabilities: sets.hardware(),
        currentReceiveFilterCapabilities: sets.current(),
      });
      if (status !== NDIS_STATUS_SUCCESS) return status;
      if (device.looksInside && minorNdisVersion !== 20) {
        const encapsulatedPacketVmq = { hardware: true, current: false };
        status = adapter.setMiniportAttributes({ type: 'offload', revision: 1, encapsulatedPacketVmq });
        if (status !== NDIS_STATUS_SUCCESS) return status;
      }
      adapter.registerScatterGatherDma();
      const rss = rssProcessors(adapter);
      const moderatesInterrupts = readInterruptModeration(adapter);
      const settings = {
        sizes,
        receiveRingEntries,
        transmitRingEntries,
        indicationBudget,
        maxFrameBytes,
        moderatesInterrupts,
      };
      const context = new AdapterContext(adapter, device, settings, rss.processors);
      status = context.start(rss.base);
      if (status !== NDIS_STATUS_SUCCESS) {
        context.release();
        return status;
      }
      targets.set(adapter, {
        adapter,
        context,
        currentSet: new CurrentSet(adapter, sets),
        queueFree: new QueueFree(adapter, context.queues),
      });
      return NDIS_STATUS_SUCCESS;
    },

    haltEx(adapter: MiniportAdapter): void {
      targetOf(adapter).context.release();
      targets.delete(adapter);
    },

    pause(adapter: MiniportAdapter): number {
      const { context } = targetOf(adapter);
      if (context.pause()) return NDIS_STATUS_SUCCESS;
      whenTrue(
        adapter,
        () => context.isQuiet(),
        () => adapter.pauseComplete(),
      );
      return NDIS_STATUS_PENDING;
    },

    restart: (adapter: MiniportAdapter) => targetOf(adapter).context.run(),

    resetEx: (adapter: MiniportAdapter) => resetAdapter(targetOf(adapter)),

    checkForHangEx: (adapter: MiniportAdapter) => targetOf(adapter).context.hangCheck.isHung(),

    oidRequest: (adapter: MiniportAdapter, request: OidRequest) =>
      handleOidRequest(targetOf(adapter), request),

    devicePnpEventNotify(adapter: MiniportAdapter, event: number): void {
      if (event === NdisDevicePnPEventSurpriseRemoved) targetOf(adapter).context.remove();
    },

    dataPathImage: (adapter: MiniportAdapter) => targetOf(adapter).context.image(),
  };
}

function ringOption(name: string, entries: number, least: number, most: number): number {
  const isPower = Number.isInteger(entries) && (entries & (entries - 1)) === 0;
  if (!isPower || entries < least || entries > most)
    throw new RangeError(`${name}: a power of two, ${least}..${most}, got ${entries}`);
  return entries;
}

/**
 * The processors that interrupts may be aimed at, nearest first, and the one to begin with:
 * NdisGetRssProcessorInformation and nothing else (INT-01).
 */
function rssProcessors(adapter: MiniportAdapter): { base: number; processors: readonly number[] } {
  const { bytesNeeded } = adapter.getRssProcessorInformation(new Uint8Array(0));
  const buffer = new Uint8Array(bytesNeeded);
  const { status } = adapter.getRssProcessorInformation(buffer);
  const info = NDIS_RSS_PROCESSOR_INFO.decode(buffer);
  if (status !== NDIS_STATUS_SUCCESS || !info.ok) return { base: 0, processors: [] };
  const processors = info.value.elements.map((element) => element.ProcNum.Number);
  return { base: info.value.RssBaseProcessor.Number, processors };
}
