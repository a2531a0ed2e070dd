/**
 * MiniportInitializeEx, in the order of "Initializing a Miniport Adapter": registration attributes, hardware reset,
 * general attributes, hardware-assist attributes, interrupts, transmit queues and the default queue. Everything the
 * adapter needs is taken here, so a restart can fail only with the device.
 *
 * IRQL: PASSIVE_LEVEL.
 */
import {
  NDIS_MAC_OPTION_8021P_PRIORITY,
  NDIS_MAC_OPTION_8021Q_VLAN,
  NDIS_MAC_OPTION_NO_LOOPBACK,
  NDIS_RSS_PROCESSOR_INFO,
  NDIS_STATUS_ADAPTER_NOT_FOUND,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { type MiniportAdapter, NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND } from '@vmq/ddi';
import { MULTICAST_ENTRIES } from '@vmq/nic';
import { Device } from '../hardware/device.ts';
import { CapabilitySets, receiveScaleCapabilities } from '../model/capabilities.ts';
import { readInterruptModeration, readJumboPacket, readReceiveMode } from '../model/keywords.ts';
import { CurrentSet } from '../queues/current-set.ts';
import { QueueFree } from '../queues/queue-free.ts';
import { AdapterContext } from './adapter-context.ts';
import { SUPPORTED_PACKET_FILTERS } from './general-oids.ts';
import { linkState } from './link-oids.ts';
import { SUPPORTED_OIDS } from './oid-handlers.ts';
import type { OidTarget } from './oid-target.ts';

/** What the driver's options say for each of its adapters. */
export interface DriverSettings {
  readonly minorNdisVersion: 20 | 30 | 60;
  readonly receiveRingEntries: number;
  readonly transmitRingEntries: number;
  readonly indicationBudget: number;
  readonly sriov: boolean;
}

const ETHERNET_HEADER_BYTES = 14;
const MIN_JUMBO_PACKET = 60;
/** Tags are taken off and put on beside the frame, with priority and VLAN id; nothing sent comes back (CAP-34). */
const MAC_OPTIONS = NDIS_MAC_OPTION_8021P_PRIORITY | NDIS_MAC_OPTION_8021Q_VLAN | NDIS_MAC_OPTION_NO_LOOPBACK;

/**
 * SUCCESS with the adapter's target; or nothing taken and ADAPTER_NOT_FOUND for a device this driver does not know, FAILURE
 * if it does not answer, INVALID_PARAMETER for a *JumboPacket that it cannot do, RESOURCES, or what NDIS said.
 */
export function initializeAdapter(
  adapter: MiniportAdapter,
  options: DriverSettings,
): { readonly status: number; readonly target: OidTarget | null } {
  const fails = (status: number) => ({ status, target: null });
  const { minorNdisVersion, ...rings } = options;
  const attributeFlags = minorNdisVersion === 20 ? 0 : NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND;
  let status = adapter.setMiniportAttributes({ type: 'registration', revision: 1, attributeFlags });
  if (status !== NDIS_STATUS_SUCCESS) return fails(status);
  const device = new Device(adapter);
  if (!device.isKnown) return fails(NDIS_STATUS_ADAPTER_NOT_FOUND);
  if (!device.reset()) return fails(NDIS_STATUS_FAILURE);
  const maxFrameBytes = readJumboPacket(adapter);
  const fits =
    Number.isInteger(maxFrameBytes) &&
    maxFrameBytes >= MIN_JUMBO_PACKET &&
    maxFrameBytes <= device.maxFrameBytes;
  if (!fits) return fails(NDIS_STATUS_INVALID_PARAMETER);
  const { sizes } = device;
  const sets = new CapabilitySets(sizes, readReceiveMode(adapter, options.sriov), minorNdisVersion);
  status = setAttributes(adapter, device, sets, maxFrameBytes);
  if (status !== NDIS_STATUS_SUCCESS) return fails(status);
  adapter.registerScatterGatherDma();
  const rss = rssProcessors(adapter);
  const moderatesInterrupts = readInterruptModeration(adapter);
  const settings = { ...rings, sizes, maxFrameBytes, moderatesInterrupts };
  const context = new AdapterContext(adapter, device, settings, rss.processors);
  status = context.start(rss.base);
  if (status !== NDIS_STATUS_SUCCESS) {
    context.release();
    return fails(status);
  }
  const currentSet = new CurrentSet(adapter, sets);
  const queueFree = new QueueFree(adapter, context.queues);
  return { status, target: { adapter, context, currentSet, queueFree } };
}

/** General, hardware-assist and offload attributes: SUCCESS, or what NDIS refused one of them with. */
function setAttributes(
  adapter: MiniportAdapter,
  device: Device,
  sets: CapabilitySets,
  maxFrameBytes: number,
): number {
  const { sizes, linkSpeed, permanentMac } = device;
  const { minorVersion } = sets;
  const status = adapter.setMiniportAttributes({
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
    recvScaleCapabilities: receiveScaleCapabilities(sizes, minorVersion),
  });
  if (status !== NDIS_STATUS_SUCCESS) return status;
  const assisted = adapter.setMiniportAttributes({
    type: 'hardware-assist',
    revision: minorVersion === 20 ? 2 : 3,
    hardwareReceiveFilterCapabilities: sets.hardware(),
    currentReceiveFilterCapabilities: sets.current(),
  });
  if (assisted !== NDIS_STATUS_SUCCESS || !device.looksInside || minorVersion === 20) return assisted;
  const encapsulatedPacketVmq = { hardware: true, current: false };
  return adapter.setMiniportAttributes({ type: 'offload', revision: 1, encapsulatedPacketVmq });
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
