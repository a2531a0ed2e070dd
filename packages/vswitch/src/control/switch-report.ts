/** What `inspect` of a switch shows at one moment. */
import type { ChannelReport } from '@vmq/netvsc';
import { formatMacAddress } from '@vmq/wire';
import { type ExtensionCounter, readExtensionCounters } from '../model/extension-counters.ts';
import type { SwitchExtensionsImage } from '../model/messages.ts';
import { type PortCounter, readPortCounters } from '../model/port-counters.ts';
import type { SwitchExtensionRecord, SwitchExtensionType } from '../model/switch-extension.ts';
import type { PortProperties, PortState, SetFilter, SwitchPort } from '../model/switch-port.ts';
import { macHiOf, macLoOf, vlanOf } from '../tables/mac-key.ts';
import type { AllocationRecord } from '../vmq/allocation-ledger.ts';
import type { ProvidedBlock } from '../vmq/host-memory-provider.ts';
import type { VmqCapability } from '../vmq/vmq-capability.ts';
import type { Publication } from './publication.ts';

export interface PortReport {
  readonly port: number;
  readonly name: string;
  readonly state: PortState;
  readonly nicName: string;
  readonly vmName: string;
  /** As Windows prints it, '' without NIC. */
  readonly macAddress: string;
  readonly properties: PortProperties;
  /** VM queue, 0 = the default queue serves it; then why. */
  readonly queueId: number;
  readonly queueProcessor: number;
  readonly withoutQueue: string;
  readonly filters: readonly SetFilter[];
  readonly channelProcessor: number;
  /** Its VM's channel, null before there is one. */
  readonly channel: ChannelReport | null;
  /** Frames put into its channel since it was attached: the number of the last delivery. */
  readonly delivered: number;
  readonly counters: Readonly<Record<PortCounter, number>>;
}

export interface SwitchExtensionReport {
  readonly name: string;
  readonly type: SwitchExtensionType;
  readonly counters: Readonly<Record<ExtensionCounter, number>>;
}

export interface SwitchReport {
  readonly name: string;
  readonly type: 'external' | 'internal' | 'private';
  /** The adapter it is bound to, or null. */
  readonly adapter: string | null;
  readonly vmq: VmqCapability & { readonly inUse: number };
  /** NDIS_PACKET_TYPE_* bits set on the adapter. */
  readonly packetFilter: number;
  /** Unknown unicast goes to every member of the VLAN. */
  readonly floodUnknownUnicast: boolean;
  /** The binding runs: frames may go to the wire. */
  readonly isExternalRunning: boolean;
  readonly ports: readonly PortReport[];
  readonly learned: readonly {
    readonly macAddress: string;
    readonly vlan: number;
    readonly port: number;
    /** Seconds since power-on at which it was seen last; 0 while ageing is off. */
    readonly lastSeen: number;
  }[];
  readonly ledger: readonly AllocationRecord[];
  /** Extensions in the order in which requests and incoming frames pass them. */
  readonly extensions: readonly SwitchExtensionReport[];
  /** What extensions did to requests and indications; the newest. */
  readonly extensionRecords: readonly SwitchExtensionRecord[];
  readonly outstandingSends: number;
  /** Shared memory served to miniports. */
  readonly provided: readonly ProvidedBlock[];
}

export function reportPort(port: SwitchPort, publication: Publication, maxPorts: number): PortReport {
  const { nic, queueId, queueProcessor, withoutQueue, filters, channelProcessor } = port;
  return {
    port: port.id,
    name: port.name,
    state: port.state,
    nicName: nic?.name ?? '',
    vmName: nic?.vmName ?? '',
    macAddress: nic === null ? '' : formatMacAddress(nic.mac.hi, nic.mac.lo),
    properties: port.properties,
    queueId,
    queueProcessor,
    withoutQueue,
    filters: [...filters],
    channelProcessor,
    channel: port.channel?.report() ?? null,
    delivered: publication.numbers.delivered(port.id),
    counters: readPortCounters(publication.counters, maxPorts, port.id),
  };
}

export function reportLearned(publication: Publication): SwitchReport['learned'] {
  return publication.learned().map(({ a, b, port, tick }) => ({
    macAddress: formatMacAddress(macHiOf(a), macLoOf(a, b)),
    vlan: vlanOf(b),
    port,
    lastSeen: tick,
  }));
}

export function reportExtensions({ list, counters }: SwitchExtensionsImage): SwitchExtensionReport[] {
  return list.map(({ name, type }, i) => ({
    name,
    type,
    counters: readExtensionCounters(counters, list.length, i),
  }));
}
