/** What a replay prints for people. */
import type { HostReport, PortReport, QueueReport } from '@vmq/host';
import type { Colours } from '../terminal.ts';
import { formatTable } from './table.ts';

/** Rows of `Get-NetAdapterVmqQueue`: one for each filter of a queue; the default queue has no MacAddress. */
export function queueTable(queues: readonly QueueReport[], colours: Colours): string {
  const rows = queues.flatMap((queue) => {
    const filters = queue.FilterList.length === 0 ? [{ MacAddress: '', VlanID: '' }] : queue.FilterList;
    const processor = `${queue.ProcessorGroup}:${queue.Processor}`;
    return filters.map((filter) => [
      queue.Name,
      queue.QueueID,
      filter.MacAddress,
      filter.VlanID,
      processor,
      queue.VmFriendlyName,
    ]);
  });
  const titles = ['Name', 'QueueID', 'MacAddress', 'VlanID', 'Processor', 'VmFriendlyName'];
  return formatTable(
    titles.map((title) => ({ title })),
    rows,
    colours,
  );
}

function portTable(ports: readonly PortReport[], colours: Colours): string {
  const right = 'right' as const;
  return formatTable(
    [
      { title: 'VM' },
      { title: 'MacAddress' },
      { title: 'VlanID', align: right },
      { title: 'QueueID', align: right },
      { title: 'Delivered', align: right },
      { title: 'Bytes', align: right },
      { title: 'Sent', align: right },
      { title: 'Dropped', align: right },
      { title: 'NoQueueBecause' },
    ],
    ports.map((port) => [
      port.VmName,
      port.MacAddress,
      port.VlanID,
      port.QueueID,
      port.framesDelivered,
      port.bytesDelivered,
      port.framesSent,
      port.framesDropped,
      port.noQueueReason ?? '',
    ]),
    colours,
  );
}

function queueFigures(queues: readonly QueueReport[], colours: Colours): string {
  const right = 'right' as const;
  return formatTable(
    [
      { title: 'QueueID', align: right },
      { title: 'State' },
      { title: 'Processor', align: right },
      { title: 'MsixEntry', align: right },
      { title: 'Frames', align: right },
      { title: 'Bytes', align: right },
      { title: 'NoDescriptor', align: right },
      { title: 'QueueName' },
    ],
    queues.map((queue) => [
      queue.QueueID,
      queue.State,
      queue.Processor,
      queue.MsixEntry,
      queue.frames,
      queue.bytes,
      queue.droppedNoDescriptor,
      queue.QueueName,
    ]),
    colours,
  );
}

/** The ledger as a sum that can be checked with a pencil. */
export function ledgerText(report: HostReport, colours: Colours): string {
  const { ledger } = report;
  const { delivered, transmitted, dropped } = ledger.ends;
  const reasons = Object.entries(dropped).sort(([x], [y]) => (x < y ? -1 : 1));
  const total = reasons.reduce((sum, [, frames]) => sum + frames, 0);
  const rows: [string, number, string][] = [
    ['received', ledger.received, `${ledger.receivedFromWire} wire, ${ledger.receivedFromGuests} guests`],
    ['delivered', delivered, ledger.copies > 0 ? `and ${ledger.copies} copies of flooded frames` : ''],
    ['transmitted', transmitted, ''],
    ['dropped', total, ''],
    ...reasons.map(([reason, frames]): [string, number, string] => [`  ${reason}`, frames, '']),
  ];
  const left = Math.max(...rows.map(([name]) => name.length));
  const right = Math.max(...rows.map(([, frames]) => String(frames).length));
  const lines = rows.map(([name, frames, note]) =>
    `${name.padEnd(left)}  ${String(frames).padStart(right)}  ${colours.dim(note)}`.trimEnd(),
  );
  lines.push(
    report.conservation
      ? colours.green('every frame ended in exactly one counter')
      : colours.red(`frames unaccounted for: ${ledger.inFlight}`),
  );
  return lines.join('\n');
}

/** The whole report of a replay. */
export function replayText(report: HostReport, colours: Colours): string {
  const section = (title: string, text: string) => `${colours.bold(title)}\n\n${text}\n`;
  return [
    `${queueTable(report.queues, colours)}\n`,
    section('Virtual machines', portTable(report.ports, colours)),
    section('Queues', queueFigures(report.queues, colours)),
    section('Frame ledger', ledgerText(report, colours)),
  ].join('\n');
}
