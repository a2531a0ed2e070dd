/** The VMQ miniport driver for the modelled NIC: its NDIS entry points. IRQL: PASSIVE_LEVEL. */
import { NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import {
  type MiniportAdapter,
  type MiniportDriver,
  NdisDevicePnPEventSurpriseRemoved,
  type OidRequest,
} from '@vmq/ddi';
import { VMQ_MINIPORT_DATA_PATH } from '../datapath/data-path.ts';
import { whenTrue } from '../queues/queue-free.ts';
import { type DriverSettings, initializeAdapter } from './initialize.ts';
import { handleOidRequest } from './oid-handlers.ts';
import type { OidTarget } from './oid-target.ts';
import { resetAdapter } from './power-and-reset.ts';

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

/** Makes the driver; give it to `ndis.registerMiniportDriver`. One driver may run several adapters. */
export function createVmqMiniport(options: VmqMiniportOptions = {}): MiniportDriver {
  const minorNdisVersion = options.minorNdisVersion ?? 30;
  const receiveRingEntries = ringOption('receiveRingEntries', options.receiveRingEntries ?? 256, 32, 1024);
  const transmitRingEntries = ringOption('transmitRingEntries', options.transmitRingEntries ?? 512, 2, 4096);
  const indicationBudget = options.indicationBudget ?? 256;
  if (!(Number.isInteger(indicationBudget) && indicationBudget >= 1))
    throw new RangeError(`indicationBudget: a whole number of at least 1, got ${indicationBudget}`);
  const settings: DriverSettings = {
    minorNdisVersion,
    receiveRingEntries,
    transmitRingEntries,
    indicationBudget,
    sriov: options.sriov ?? false,
  };
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
      const { status, target } = initializeAdapter(adapter, settings);
      if (target !== null) targets.set(adapter, target);
      return status;
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
