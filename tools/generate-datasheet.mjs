// Writes packages/nic/DATASHEET.md from packages/nic/datasheet.template.md and the register data.
//
//   node tools/generate-datasheet.mjs            write the file
//   node tools/generate-datasheet.mjs --check    exit 1 if the file on disk differs
//
// Reads the built package (packages/nic/dist): build first. A test compares the file with the sources.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../packages/nic/', import.meta.url);

/** The datasheet's text. `nic` holds NIC_REGISTERS and NIC_PROFILES. */
export function printDatasheet(template, { NIC_REGISTERS, NIC_PROFILES }) {
  return template
    .replace('<!-- registers -->', () => printRegisters(NIC_REGISTERS))
    .replace('<!-- profiles -->', () => printProfiles(Object.values(NIC_PROFILES)));
}

const TITLES = {
  global: 'Global',
  'receive queue': 'Receive queue q',
  'transmit queue': 'Transmit queue q',
  filter: 'Receive-filter table, entry i',
  'msi-x': 'MSI-X table, entry e, and pending bits',
  statistics: 'Statistics',
};

const hex = (value, digits = 4) => value.toString(16).toUpperCase().padStart(digits, '0');

/** A Markdown table with its columns aligned, as the formatter wants it. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = widths.map((width) => '-'.repeat(width));
  return [line(rows[0]), line(rule), ...rows.slice(1).map(line)].join('\n');
}

function printRegisters(registers) {
  const groups = Object.entries(TITLES).map(([group, title]) => {
    const rows = [['offset', 'name', 'access', 'effect', 'meaning']];
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

function printProfiles(profiles) {
  const rows = [
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const nic = await import(new URL('dist/index.js', root));
  const text = printDatasheet(readFileSync(new URL('datasheet.template.md', root), 'utf8'), nic);
  const file = new URL('DATASHEET.md', root);
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) {
    console.error('packages/nic/DATASHEET.md is out of date: node tools/generate-datasheet.mjs');
    process.exitCode = 1;
  }
}
