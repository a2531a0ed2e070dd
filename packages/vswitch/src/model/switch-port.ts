/**
 * A port of the switch and its life (SW-21).
 *
 *   createPort        createNic           connectNic        disconnectNic
 *   ────────> created ────────> nic-created ────────> connected ────────> disconnected
 *               │  ^                 │                    ^───── connectNic ────┘ │
 *               │  └─── deleteNic ───┴──────────────── deleteNic ─────────────────┘
 *   teardownPort│
 *               └────────> torn-down ──deletePort──> gone
 */
import type { ChannelControl, ChannelImage } from '@vmq/netvsc';
import type { MacAddress } from '@vmq/wire';

export type PortState = 'created' | 'nic-created' | 'connected' | 'disconnected' | 'torn-down';

/** NDIS_SWITCH_PORT_PROPERTY_VLAN, as far as it is modelled. */
export type PortVlan =
  /** Operation mode access: `vlan` 1 … 4094, or 0 for a port without VLAN. */
  | { readonly mode: 'access'; readonly vlan: number }
  /** Operation mode trunk: NativeVlanId, TrunkVlanIdArray, PruneVlanIdArray. */
  | {
      readonly mode: 'trunk';
      readonly native: number;
      readonly vlans: readonly number[];
      readonly prune?: readonly number[];
    };

/** What an administrator sets on a port. */
export interface PortProperties {
  readonly vlan: PortVlan;
  readonly allowMacSpoofing: boolean;
  readonly allowTeaming: boolean;
  /** VMQOffloadWeight: 0 = no VM queue, 1 … 100 (default). */
  readonly vmqWeight: number;
  /** Trunk: VLAN ids go to the guest (default). */
  readonly preserveVlan: boolean;
  /** Priorities go to the guest; off by default, as IeeePriorityTag is. */
  readonly preservePriority: boolean;
}

export const DEFAULT_PORT_PROPERTIES: PortProperties = {
  vlan: { mode: 'access', vlan: 0 },
  allowMacSpoofing: false,
  allowTeaming: false,
  vmqWeight: 100,
  preserveVlan: true,
  preservePriority: false,
};

/** What is connected to a port. */
export interface NicOptions {
  /** Name of the network adapter, unique on the switch. */
  readonly name: string;
  readonly vmName: string;
  /** `synthetic`: a VM's; `internal`: the host's own, not on private switches. Default synthetic. */
  readonly type?: 'synthetic' | 'internal';
  readonly mac: MacAddress;
  /** Its open VMBus channel; may be given later with `attachChannel`. */
  readonly channel?: ChannelControl;
  /** Processor for its channel and its VM queue; default: the least loaded. */
  readonly processor?: number;
}

/** A filter that is set. */
export interface SetFilter {
  readonly queueId: number;
  readonly filterId: number;
}

/** A port as the control path keeps it. */
export class SwitchPort {
  readonly id: number;
  readonly name: string;
  state: PortState = 'created';
  properties: PortProperties;
  nic: NicOptions | null = null;
  /** OID_SWITCH_PORT_… references that keep it from deletion. */
  references = 0;
  // The channel as the data paths are told.
  channel: ChannelControl | null = null;
  channelImage: ChannelImage | null = null;
  channelGeneration = 0;
  channelProcessor = -1;
  channelVector = -1;
  // The VM queue.
  queueId = 0;
  queueProcessor = -1;
  /** LookaheadSize of its queue, 0 = not split: a split queue's frames may be left with the guest in place. */
  lookahead = 0;
  /** Filters on its queue or, without one, on queue 0. */
  filters: SetFilter[] = [];
  /** Order in which ports asked for a queue; decides among equal weights. */
  requestedAt = 0;
  /** Why it has no VM queue, '' if it has one. */
  withoutQueue = 'not connected';

  constructor(id: number, name: string, properties: PortProperties) {
    this.id = id;
    this.name = name;
    this.properties = properties;
  }

  get connected(): boolean {
    return this.state === 'connected';
  }

  get mac(): MacAddress {
    return this.nic?.mac ?? { hi: 0, lo: 0 };
  }

  /** Six bytes. */
  get macBytes(): Uint8Array {
    const { hi, lo } = this.mac;
    return Uint8Array.of(hi >>> 8, hi, lo >>> 24, lo >>> 16, lo >>> 8, lo);
  }
}

/** Member VLANs of a trunk: native and listed ones without those pruned (SW-19). */
export function trunkMembers(vlan: Extract<PortVlan, { mode: 'trunk' }>): number[] {
  const pruned = new Set(vlan.prune ?? []);
  return [...new Set([vlan.native, ...vlan.vlans])].filter((id) => !pruned.has(id)).sort((x, y) => x - y);
}

/** VLANs that a port belongs to; 0 = frames without tag. */
export function vlansOf(vlan: PortVlan): number[] {
  return vlan.mode === 'trunk' ? trunkMembers(vlan) : [vlan.vlan];
}

/** Why these properties cannot be, or null. */
export function refusalOfProperties(properties: PortProperties): string | null {
  const { vlan, vmqWeight } = properties;
  const isId = (id: number, least: number): boolean => Number.isInteger(id) && id >= least && id <= 4094;
  if (!Number.isInteger(vmqWeight) || vmqWeight < 0 || vmqWeight > 100)
    return `vmqWeight: 0 to 100, got ${vmqWeight}`;
  if (vlan.mode === 'access') return isId(vlan.vlan, 0) ? null : `access VLAN: 0 to 4094, got ${vlan.vlan}`;
  if (vlan.mode !== 'trunk') return `VLAN mode: access or trunk, got '${(vlan as { mode: string }).mode}'`;
  if (!isId(vlan.native, 0)) return `native VLAN: 0 to 4094, got ${vlan.native}`;
  const bad = [...vlan.vlans, ...(vlan.prune ?? [])].find((id) => !isId(id, 1));
  return bad === undefined ? null : `trunk VLAN: 1 to 4094, got ${bad}`;
}
