/** The report of a host: a pure function of its view. */
import { enumName, NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE } from '@vmq/abi';
import type { ChannelReport } from '@vmq/netvsc';
import type { SwitchReport } from '@vmq/vswitch';
import type { HostView } from './host-view.ts';
import type { HostReport, PortReport, QueueReport } from './report.ts';
import { vmqGates } from './vmq-gates.ts';

/** What a host's view says, as Windows prints it. */
export function reportOf(view: HostView): HostReport {
  const { config, ledger, adapter, virtualSwitch } = view;
  const gates = vmqGates(config, adapter, virtualSwitch);
  return {
    name: config.name,
    executor: view.executor,
    processors: view.processors,
    vmq: gates.every(({ isOpen }) => isOpen),
    vmqRequested: config.vmq,
    vmqGates: gates,
    vmqProcessors: view.vmqProcessors,
    ledger,
    conservation: ledger.inFlight === 0,
    queues: reportQueues(view),
    ports: reportPorts(virtualSwitch),
  };
}

function reportQueues({ adapter: report, queues }: HostView): QueueReport[] {
  return report.queues.map((queue) => {
    const entry = report.msixEntries.find((one) => one.entry === queue.msixTableEntry);
    const counted = queues.find(({ queueId }) => queueId === queue.queueId);
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
      frames: counted?.frames ?? 0,
      bytes: counted?.bytes ?? 0,
      droppedNoDescriptor: counted?.droppedNoDescriptor ?? 0,
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
