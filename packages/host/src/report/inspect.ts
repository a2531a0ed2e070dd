/** Reads a host's state into a report: NDIS's books, the NIC's counters, the switch's ports, the ledger. */
import { enumName, NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE } from '@vmq/abi';
import type { Executor, Machine } from '@vmq/machine';
import type { AdapterReport, NdisAdapter } from '@vmq/ndis';
import type { ChannelReport } from '@vmq/netvsc';
import type { SwitchReport, VirtualSwitch } from '@vmq/vswitch';
import type { HostConfig } from '../config/config.ts';
import type { HostReport, PortReport, QueueReport } from './report.ts';
import { vmqGates } from './vmq-gates.ts';

export interface Inspected {
  readonly config: HostConfig;
  readonly executor: Executor;
  readonly machine: Machine;
  readonly adapter: NdisAdapter;
  readonly virtualSwitch: VirtualSwitch;
  /** What the NIC has counted for a receive queue. */
  readonly queueCounters: (queueId: number) => Pick<QueueReport, 'frames' | 'bytes' | 'droppedNoDescriptor'>;
  /** Processors that the switch spreads VM queues over. */
  readonly vmqProcessors: readonly number[];
}

export function reportHost(inspected: Inspected): HostReport {
  const { config, executor, machine } = inspected;
  const ledger = machine.ledger.report();
  const adapter = inspected.adapter.inspect();
  const virtualSwitch = inspected.virtualSwitch.inspect();
  const gates = vmqGates(config, adapter, virtualSwitch);
  return {
    name: config.name,
    executor: executor.kind,
    processors: machine.processorCount,
    vmq: gates.every(({ isOpen }) => isOpen),
    vmqRequested: config.vmq,
    vmqGates: gates,
    vmqProcessors: inspected.vmqProcessors,
    ledger,
    conservation: ledger.inFlight === 0,
    queues: reportQueues(adapter, inspected.queueCounters),
    ports: reportPorts(virtualSwitch),
  };
}

function reportQueues(report: AdapterReport, queueCounters: Inspected['queueCounters']): QueueReport[] {
  return report.queues.map((queue) => {
    const entry = report.msixEntries.find((one) => one.entry === queue.msixTableEntry);
    const mask = queue.processors.reduce((bits, processor) => bits | (1n << BigInt(processor)), 0n);
    return {
      Name: report.name,
      QueueID: queue.queueId,
      State: operationalStateName(queue.operationalState),
      NumFilters: queue.filters,
      ProcessorGroup: 0,
      ProcessorAffinityMask: `0x${mask.toString(16).toUpperCase()}`,
      Processor: entry?.processor ?? queue.processors[0] ?? 0,
      VmFriendlyName: queue.vmName,
      QueueName: queue.queueName,
      FilterList: report.filters
        .filter((filter) => filter.queueId === queue.queueId)
        .map((filter) => ({
          FilterId: filter.filterId,
          MacAddress: filter.mac ?? '',
          VlanID: filter.vlanId === null ? '' : String(filter.vlanId),
        })),
      MsixEntry: queue.msixTableEntry,
      ...queueCounters(queue.queueId),
    };
  });
}

/** `NdisReceiveQueueOperationalStateRunning` is `Running` to those who type cmdlets. */
function operationalStateName(state: number): string {
  const name = enumName(NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE, state) ?? String(state);
  return name.replace('NdisReceiveQueueOperationalState', '');
}

function reportPorts({ ports }: SwitchReport): PortReport[] {
  return ports.map((port) => {
    const { vlan } = port.properties;
    return {
      PortId: port.port,
      VmName: port.vmName,
      MacAddress: port.macAddress,
      VlanID: vlan.mode === 'access' ? vlan.vlan : vlan.native,
      QueueID: port.queueId,
      Processor: port.queueId === 0 ? port.channelProcessor : port.queueProcessor,
      framesDelivered: port.counters.framesToGuest,
      bytesDelivered: port.counters.bytesToGuest,
      framesSent: port.counters.framesFromGuest,
      bytesSent: port.counters.bytesFromGuest,
      framesDropped: port.counters.droppedToGuest + port.counters.droppedFromGuest,
      ...(hasViolations(port.channel) ? { violations: port.channel.violations } : {}),
      ...(port.channel === null || port.channel.phase === 'open' ? {} : { channelPhase: port.channel.phase }),
      ...(port.withoutQueue === '' ? {} : { noQueueReason: port.withoutQueue }),
    };
  });
}

function hasViolations(channel: ChannelReport | null): channel is ChannelReport {
  return channel !== null && Object.keys(channel.violations).length > 0;
}
