/** What an adapter shows of itself: plain data, as Get-NetAdapterVmqQueue and !ndiskd print it. */
import type { AdapterState, BindingState, FilterModuleReport, MiniportDriver } from '@vmq/ddi';
import type { OutstandingNbls } from '../datapath/data-path-words.ts';
import { operationalState, type QueueState } from '../diagnostics/queue-states.ts';
import type { AdapterRefusals, RefusalRecord } from '../diagnostics/refusal-log.ts';
import type { FilterStack } from '../filter-modules/filter-module.ts';
import type { InterruptMessages, MsixEntryReport } from '../memory/interrupt-messages.ts';
import type { SharedMemoryBroker, SharedMemoryReportEntry } from '../memory/shared-memory-broker.ts';
import type { OidEngine, PendingOid } from '../oid/oid-engine.ts';
import type { Capabilities, CapabilitySet } from '../records/capabilities.ts';
import { type ReceiveFilter, type ReceiveFilterBook, summarizeFilter } from '../records/receive-filter.ts';
import type { ReceiveQueue, ReceiveQueueBook } from '../records/receive-queue.ts';

export interface QueueReport {
  readonly queueId: number;
  readonly state: QueueState;
  /** NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE. */
  readonly operationalState: number;
  /** Number of the owning binding; 0 for the default queue. */
  readonly owner: number;
  /** Processors of the affinity mask. */
  readonly processors: readonly number[];
  readonly vmName: string;
  readonly queueName: string;
  readonly msixTableEntry: number;
  readonly suggestedReceiveBuffers: number;
  readonly lookaheadSize: number;
  readonly flags: number;
  readonly portId: number;
  readonly filters: number;
}

export interface FilterReport {
  readonly filterId: number;
  readonly queueId: number;
  readonly owner: number;
  /** `00-15-5D-00-00-01`, or null without a destination-address test. */
  readonly mac: string | null;
  readonly vlanId: number | null;
  readonly untaggedOrZero: boolean;
}

export interface BindingReport {
  readonly number: number;
  readonly protocol: string;
  readonly state: BindingState;
}

export interface AdapterReport {
  readonly name: string;
  readonly driver: string;
  readonly ndisVersion: string;
  readonly state: AdapterState;
  readonly vmqCurrent: boolean;
  readonly hardwareCapabilities: CapabilitySet['value'] | null;
  readonly currentCapabilities: CapabilitySet['value'] | null;
  readonly queues: readonly QueueReport[];
  readonly filters: readonly FilterReport[];
  /** Lowest first. */
  readonly filterModules: readonly FilterModuleReport[];
  readonly bindings: readonly BindingReport[];
  readonly pendingOids: readonly PendingOid[];
  readonly sharedMemory: readonly SharedMemoryReportEntry[];
  /** What pages ask of its drivers and they do not keep, with the page; each once. NDIS goes on all the same. */
  readonly advice: readonly RefusalRecord[];
  readonly msixEntries: readonly MsixEntryReport[];
  readonly outstanding: OutstandingNbls;
}

/** What of an adapter a report reads. */
export interface ReportedAdapter {
  readonly name: string;
  readonly state: AdapterState;
  readonly log: AdapterRefusals;
  readonly capabilities: Capabilities;
  readonly queues: ReceiveQueueBook;
  readonly filters: ReceiveFilterBook;
  readonly modules: FilterStack;
  readonly engine: OidEngine;
  readonly broker: SharedMemoryBroker;
  readonly interrupts: InterruptMessages;
}

export function reportAdapter(
  adapter: ReportedAdapter,
  driver: MiniportDriver,
  bindings: readonly BindingReport[],
  outstanding: OutstandingNbls,
): AdapterReport {
  const { capabilities, queues, filters } = adapter;
  return {
    name: adapter.name,
    driver: driver.name,
    ndisVersion: `${driver.majorNdisVersion}.${driver.minorNdisVersion}`,
    state: adapter.state,
    vmqCurrent: capabilities.vmqCurrent,
    hardwareCapabilities: capabilities.hardware?.value ?? null,
    currentCapabilities: capabilities.current?.value ?? null,
    queues: queues.all().map((queue) => reportQueue(queue, filters.ofQueue(queue.id).length)),
    filters: filters.all().map(reportFilter),
    filterModules: adapter.modules.inspect(),
    bindings,
    pendingOids: adapter.engine.pending(),
    sharedMemory: adapter.broker.inspect(),
    advice: [...adapter.log.advice],
    msixEntries: adapter.interrupts.inspect(),
    outstanding,
  };
}

/** Numbers of the bits of an affinity mask. */
export function processorsOf(mask: bigint): number[] {
  const found: number[] = [];
  for (let n = 0, rest = mask; rest !== 0n; n++, rest >>= 1n) if ((rest & 1n) === 1n) found.push(n);
  return found;
}

function reportQueue(queue: ReceiveQueue, filters: number): QueueReport {
  const { parameters } = queue;
  return {
    queueId: queue.id,
    state: queue.state,
    operationalState: operationalState(queue.state),
    owner: queue.owner,
    processors: processorsOf(parameters.ProcessorAffinity.Mask),
    vmName: parameters.VmName,
    queueName: parameters.QueueName,
    msixTableEntry: parameters.MSIXTableEntry,
    suggestedReceiveBuffers: parameters.NumSuggestedReceiveBuffers,
    lookaheadSize: parameters.LookaheadSize,
    flags: parameters.Flags,
    portId: parameters.PortId ?? 0,
    filters,
  };
}

function reportFilter({ id, queueId, owner, parameters }: ReceiveFilter): FilterReport {
  const { mac, vlanId, untaggedOrZero } = summarizeFilter(parameters);
  const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0');
  return {
    filterId: id,
    queueId,
    owner,
    mac: mac === null ? null : Array.from(mac, hex).join('-'),
    vlanId,
    untaggedOrZero,
  };
}
