/**
 * The counters of a host under names that stay as they are, whatever the parts call theirs: for metrics, graphs and tests.
 * Every frame that was received ends in exactly one of `frames.delivered`, `frames.transmitted` and `frames.dropped`.
 */
import type { HostView } from './host-view.ts';

export interface CounterDefinition {
  readonly name: string;
  readonly unit: 'frames' | 'bytes';
  /** What tells the counters of this name apart: nothing, or the names of their labels. */
  readonly labels: readonly CounterLabel[];
  readonly description: string;
}

export type CounterLabel = 'reason' | 'queue' | 'port' | 'vm';

/** One counter of a host: never goes down while what it counts is there. */
export interface CounterValue {
  readonly name: string;
  readonly labels: Readonly<Partial<Record<CounterLabel, string>>>;
  readonly value: number;
}

type Read = (view: HostView) => readonly Omit<CounterValue, 'name'>[];

const host =
  (value: (view: HostView) => number): Read =>
  (view) => [{ labels: {}, value: value(view) }];

const queue =
  (value: (one: HostView['queues'][number]) => number): Read =>
  ({ queues }) =>
    queues.map((one) => ({ labels: { queue: String(one.queueId) }, value: value(one) }));

const port =
  (value: (counters: HostView['virtualSwitch']['ports'][number]['counters']) => number): Read =>
  ({ virtualSwitch }) =>
    virtualSwitch.ports.map((one) => ({
      labels: { port: String(one.port), vm: one.vmName },
      value: value(one.counters),
    }));

const vm =
  (statistic: string): Read =>
  ({ vms }) =>
    vms.map(({ name, statistics }) => ({ labels: { vm: name }, value: statistics[statistic] ?? 0 }));

const REGISTRY: readonly (CounterDefinition & { readonly read: Read })[] = [
  {
    name: 'frames.received.wire',
    unit: 'frames',
    labels: [],
    description: 'Frames that the NIC has taken off the wire.',
    read: host(({ ledger }) => ledger.receivedFromWire),
  },
  {
    name: 'frames.received.guests',
    unit: 'frames',
    labels: [],
    description:
      'Frames that the switch has taken from VMs, and copies that it has made of frames for several.',
    read: host(({ ledger }) => ledger.receivedFromGuests + ledger.copies),
  },
  {
    name: 'frames.delivered',
    unit: 'frames',
    labels: [],
    description: 'Frames put into a VM’s channel.',
    read: host(({ ledger }) => ledger.ends.delivered),
  },
  {
    name: 'frames.transmitted',
    unit: 'frames',
    labels: [],
    description: 'Frames put on the wire.',
    read: host(({ ledger }) => ledger.ends.transmitted),
  },
  {
    name: 'frames.dropped',
    unit: 'frames',
    labels: ['reason'],
    description: 'Frames dropped, by the reason; reasons that have not occurred are not there.',
    read: ({ ledger }) =>
      Object.entries(ledger.ends.dropped).map(([reason, value]) => ({ labels: { reason }, value })),
  },
  {
    name: 'queue.frames',
    unit: 'frames',
    labels: ['queue'],
    description: 'Frames that the NIC has written to a receive queue’s buffers.',
    read: queue(({ frames }) => frames),
  },
  {
    name: 'queue.bytes',
    unit: 'bytes',
    labels: ['queue'],
    description: 'Bytes of these frames.',
    read: queue(({ bytes }) => bytes),
  },
  {
    name: 'queue.dropped.no-descriptor',
    unit: 'frames',
    labels: ['queue'],
    description: 'Frames for a receive queue that had no buffer.',
    read: queue(({ droppedNoDescriptor }) => droppedNoDescriptor),
  },
  {
    name: 'port.to-vm.frames',
    unit: 'frames',
    labels: ['port', 'vm'],
    description: 'Frames that the switch has delivered through a port.',
    read: port(({ framesToGuest }) => framesToGuest),
  },
  {
    name: 'port.to-vm.bytes',
    unit: 'bytes',
    labels: ['port', 'vm'],
    description: 'Bytes of these frames.',
    read: port(({ bytesToGuest }) => bytesToGuest),
  },
  {
    name: 'port.from-vm.frames',
    unit: 'frames',
    labels: ['port', 'vm'],
    description: 'Frames that the switch has taken from a port’s VM.',
    read: port(({ framesFromGuest }) => framesFromGuest),
  },
  {
    name: 'port.from-vm.bytes',
    unit: 'bytes',
    labels: ['port', 'vm'],
    description: 'Bytes of these frames.',
    read: port(({ bytesFromGuest }) => bytesFromGuest),
  },
  {
    name: 'port.dropped',
    unit: 'frames',
    labels: ['port', 'vm'],
    description: 'Frames for or from a port that were dropped at the switch or its channel.',
    read: port(({ droppedToGuest, droppedFromGuest }) => droppedToGuest + droppedFromGuest),
  },
  {
    name: 'vm.received.frames',
    unit: 'frames',
    labels: ['vm'],
    description: 'Frames that a VM’s driver has taken from its receive buffer.',
    read: vm('framesReceived'),
  },
  {
    name: 'vm.received.bytes',
    unit: 'bytes',
    labels: ['vm'],
    description: 'Bytes of these frames.',
    read: vm('bytesReceived'),
  },
  {
    name: 'vm.misdirected',
    unit: 'frames',
    labels: ['vm'],
    description:
      'Frames of these to another VM’s address; not zero only where they are flooded or spoofing is allowed.',
    read: vm('misdirected'),
  },
  {
    name: 'vm.sent.frames',
    unit: 'frames',
    labels: ['vm'],
    description: 'Frames that a VM’s driver has put into its send buffer.',
    read: vm('framesSent'),
  },
  {
    name: 'vm.sent.bytes',
    unit: 'bytes',
    labels: ['vm'],
    description: 'Bytes of these frames.',
    read: vm('bytesSent'),
  },
];

/** What is counted, in the order in which {@link countersOf} gives it. */
export const HOST_COUNTERS: readonly CounterDefinition[] = REGISTRY.map(
  ({ read: _, ...definition }) => definition,
);

/** Every counter of a host. */
export function countersOf(view: HostView): CounterValue[] {
  return REGISTRY.flatMap(({ name, read }) => read(view).map((value) => ({ name, ...value })));
}
