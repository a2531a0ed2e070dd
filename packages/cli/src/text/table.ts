/**
 * Tables as PowerShell prints them: a header, a line of dashes, columns apart by one blank. One that is too wide for
 * its terminal has its names cut, and if that does not help becomes a list, as `Format-List` has it; it never wraps.
 */
import { columnsOf, shownLine } from './shown-text.ts';
import type { Screen } from './terminal.ts';
import { cutText, padText } from './wrap.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** A name: may be cut, down to {@link LEAST_NAME} columns. */
  readonly isName?: boolean;
}

export type Row = readonly (string | number)[];

const LEAST_NAME = 8;

export function formatTable(
  columns: readonly Column[],
  rows: readonly Row[],
  { colours, columns: most }: Pick<Screen, 'colours' | 'columns'>,
): string {
  const cells = rows.map((row) => row.map((cell) => shownLine(String(cell))));
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...cells.map((row) => columnsOf(row[i]))),
  );
  if (!narrow(columns, widths, most)) return formatList(columns, cells, most);
  const line = (texts: readonly string[], style: (text: string) => string): string =>
    texts
      .map((text, i) => {
        const width = widths[i];
        const isLast = i === texts.length - 1 && columns[i]?.align !== 'right';
        const cut = cutText(text, width);
        const padded = isLast ? cut : padText(cut, width, columns[i]?.align ?? 'left');
        return text.trim() === '' ? padded : style(padded);
      })
      .join(' ')
      .trimEnd();
  return [
    line(
      columns.map(({ title }) => title),
      colours.bold,
    ),
    line(
      columns.map(({ title }) => '-'.repeat(title.length)),
      colours.dim,
    ),
    ...cells.map((row) => line(row, (text) => text)),
  ].join('\n');
}

/** Takes from the widest names until the table fits; false if it does not even so. */
function narrow(columns: readonly Column[], widths: number[], most: number): boolean {
  const width = (): number => widths.reduce((sum, one) => sum + one + 1, -1);
  while (width() > most) {
    let widest = -1;
    columns.forEach(({ title, isName }, i) => {
      const least = Math.max(LEAST_NAME, title.length);
      const own = widths[i];
      if (isName === true && own > least && own > (widths[widest] ?? 0)) widest = i;
    });
    if (widest < 0) return false;
    widths[widest] = widths[widest] - 1;
  }
  return true;
}

function formatList(columns: readonly Column[], rows: readonly (readonly string[])[], most: number): string {
  const left = Math.max(...columns.map(({ title }) => title.length));
  return rows
    .map((row) =>
      columns
        .map(({ title }, i) => `${title.padEnd(left)} : ${cutText(row[i], most - left - 3)}`.trimEnd())
        .join('\n'),
    )
    .join('\n\n');
}
