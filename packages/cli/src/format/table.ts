/** Tables as PowerShell prints them: a header, a line of dashes, columns apart by one blank. */
import Table from 'cli-table3';
import type { Colours } from '../terminal.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' ',
} as const;

/** Control characters would break the columns, and may come from a configuration's names. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
  colours: Colours,
): string {
  const table = new Table({
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    colAligns: columns.map((column) => column.align ?? 'left'),
  });
  table.push(
    columns.map((column) => colours.bold(column.title)),
    columns.map((column) => colours.dim('-'.repeat(column.title.length))),
  );
  for (const row of rows) table.push(row.map((cell) => String(cell).replace(CONTROL, '?')));
  const text = table.toString();
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
