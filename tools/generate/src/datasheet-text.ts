// The NIC's datasheet: its template with the register data filled in.
import type { NIC_REGISTERS, NicProfile } from '@vmq/nic';

type NicRegister = (typeof NIC_REGISTERS)[number];

export interface DatasheetData {
  readonly registers: readonly NicRegister[];
  readonly profiles: readonly NicProfile[];
}

/** The datasheet's text. The banner goes behind the title. */
export function printDatasheet(template: string, { registers, profiles }: DatasheetData): string {
  return template
    .replace('<!-- registers -->', () => printRegisters(registers))
    .replace('<!-- profiles -->', () => printProfiles(profiles));
}

const TITLES: Readonly<Record<string, string>> = {
  global: 'Global',
  'receive queue': 'Receive queue q',
  'transmit queue': 'Transmit queue q',
  filter: 'Receive-filter table, entry i',
  'msi-x': 'MSI-X table, entry e, and pending bits',
  statistics: 'Statistics',
};

const hex = (value: number, digits = 4): string => value.toString(16).toUpperCase().padStart(digits, '0');

/** A Markdown table with its columns aligned, as the formatter wants it. */
function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = widths.map((width) => '-'.repeat(width));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

function printRegisters(registers: readonly NicRegister[]): string {
  const groups = Object.entries(TITLES).map(([group, title]) => {
    const rows: string[][] = [['offset', 'name', 'access', 'effect', 'meaning']];
    for (const register of registers.filter((one) => one.group === group)) {
      const { name, offset, count, stride, access, effect, meaning, fields } = register;
      const where = count > 1 ? `${hex(offset)} + ${hex(stride, 2)}·i` : hex(offset);
      rows.push([where, count > 1 ? `${name}[0..${count - 1}]` : name, access, effect, meaning]);
      for (const { name: field, bits, meaning: what } of fields) {
        const range = bits[0] === bits[1] ? `${bits[0]}` : `${bits[1]}..${bits[0]}`;
        rows.push(['', `· ${field} (${range})`, '', '', what]);
      }
    }
    return `### ${title}\n\n${table(rows)}`;
  });
  return groups.join('\n\n');
}

function printProfiles(profiles: readonly NicProfile[]): string {
  const rows: string[][] = [
    [
      'profile',
      'VM queues',
      'filters',
      'MSI-X entries',
      'header split',
      'largest MFS',
      'Gbit/s',
      'rx checksum',
      'NVGRE',
    ],
  ];
  for (const one of profiles) {
    const split = one.lookaheadMax === 0 ? '–' : `${one.lookaheadMin}..${one.lookaheadMax}`;
    const checksum = one.receiveChecksum ? 'yes' : 'no';
    const sizes = [one.queues, one.filters, one.msixEntries, split, one.maxFrameBytes, one.linkGbps];
    rows.push([one.name, ...sizes.map(String), checksum, one.nvgre ? 'yes' : 'no']);
  }
  return table(rows);
}
