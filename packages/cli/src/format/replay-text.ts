/** What a replay prints for people. */
import type { PortReport, QueueReport } from '@vmq/host';
import type { OutputFile } from '../output/output-directory.ts';
import type { InputReport, ReplayResult } from '../replay/replay-capture.ts';
import { shownLine } from '../text/shown-text.ts';
import { formatTable } from '../text/table.ts';
import type { Screen } from '../text/terminal.ts';
import { hang } from '../text/wrap.ts';

const right = 'right' as const;

/** Rows of `Get-NetAdapterVmqQueue`: one for each filter of a queue; the default queue has no MacAddress. */
export function queueTable(queues: readonly QueueReport[], screen: Screen): string {
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
  return formatTable(
    [
      { title: 'Name', isName: true },
      { title: 'QueueID' },
      { title: 'MacAddress' },
      { title: 'VlanID' },
      { title: 'Processor' },
      { title: 'VmFriendlyName', isName: true },
    ],
    rows,
    screen,
  );
}

function portTable(ports: readonly PortReport[], screen: Screen): string {
  const table = formatTable(
    [
      { title: 'VM', isName: true },
      { title: 'MacAddress' },
      { title: 'VlanID', align: right },
      { title: 'QueueID', align: right },
      { title: 'Delivered', align: right },
      { title: 'Bytes', align: right },
      { title: 'Sent', align: right },
      { title: 'Dropped', align: right },
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
    ]),
    screen,
  );
  const without = withoutQueue(ports, screen.columns);
  return without.length === 0 ? table : `${table}\n\n${without.join('\n')}`;
}

/** Who has no queue, by the reason for it. */
function withoutQueue(ports: readonly PortReport[], columns: number): string[] {
  const byReason = new Map<string, string[]>();
  for (const { VmName, noQueueReason } of ports) {
    if (noQueueReason === undefined) continue;
    const names = byReason.get(noQueueReason) ?? [];
    names.push(VmName);
    byReason.set(noQueueReason, names);
  }
  return [...byReason].flatMap(([reason, names]) =>
    hang('No queue of its own: ', `${names.join(', ')} (${reason})`, columns),
  );
}

function queueFigures(queues: readonly QueueReport[], screen: Screen): string {
  return formatTable(
    [
      { title: 'QueueID', align: right },
      { title: 'State' },
      { title: 'Processor', align: right },
      { title: 'MsixEntry', align: right },
      { title: 'Frames', align: right },
      { title: 'Bytes', align: right },
      { title: 'NoDescriptor', align: right },
      { title: 'QueueName', isName: true },
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
    screen,
  );
}

/** The ledger as a sum that can be checked with a pencil: all of the file, and what guests sent beside it. */
export function ledgerText({ report, input }: ReplayResult, { colours }: Screen): string {
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
    ...leftOut(input),
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

/** Packets of the file that the host never saw. */
function leftOut({ skipped }: InputReport): [string, number, string][] {
  const reasons = Object.entries(skipped).sort(([x], [y]) => (x < y ? -1 : 1));
  const total = reasons.reduce((sum, [, packets]) => sum + packets, 0);
  if (total === 0) return [];
  return [
    ['left out', total, 'of the file, beside the received'],
    ...reasons.map(([reason, packets]): [string, number, string] => [`  ${reason}`, packets, '']),
  ];
}

/** What `--out` wrote. */
function fileTable(files: readonly OutputFile[], screen: Screen): string {
  return formatTable(
    [
      { title: 'VM', isName: true },
      { title: 'Frames', align: right },
      { title: 'Bytes', align: right },
      { title: 'File', isName: true },
    ],
    files.map(({ vm, frames, bytes, name, failure }) => [
      vm,
      frames,
      bytes,
      failure === null ? name : `not written: ${failure}`,
    ]),
    screen,
  );
}

/** The whole report of a replay. */
export function replayText(result: ReplayResult, directory: string, screen: Screen): string {
  const { report, files } = result;
  const section = (title: string, text: string) => `${screen.colours.bold(title)}\n\n${text}\n`;
  return [
    `${queueTable(report.queues, screen)}\n`,
    section('Virtual machines', portTable(report.ports, screen)),
    section('Queues', queueFigures(report.queues, screen)),
    section('Frame ledger', ledgerText(result, screen)),
    ...(files.length === 0 ? [] : [section(`Files in ${shownLine(directory)}`, fileTable(files, screen))]),
  ].join('\n');
}
