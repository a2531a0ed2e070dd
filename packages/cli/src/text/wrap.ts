/** Lines that fit: text broken at blanks, and cut where there is no other way. */
import { columnsOf, shownLine } from './shown-text.ts';

/** `text` in lines of at most `columns`; a word that is longer has a line of its own, and sticks out. */
export function wrapText(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && columnsOf(line) + 1 + columnsOf(word) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** `text` behind `head`, with its further lines below its first. */
export function hang(head: string, text: string, columns: number): string[] {
  const indent = ' '.repeat(columnsOf(head));
  return wrapText(text, Math.max(24, columns - indent.length)).map((line, i) =>
    `${i === 0 ? head : indent}${line}`.trimEnd(),
  );
}

/** The beginning of `text` in at most `columns`, with a sign that there is more. */
export function cutText(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let kept = '';
  for (const character of text) {
    if (columnsOf(kept) + columnsOf(character) > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

export function padText(text: string, columns: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, columns - columnsOf(text)));
  return align === 'right' ? blanks + text : text + blanks;
}

/** Names in front of text have no more columns than this; who is longer is cut. */
const MOST_NAME = 24;

/** Columns for all of these names. */
export function widthOfNames(names: readonly string[]): number {
  return Math.min(MOST_NAME, Math.max(0, ...names.map((name) => columnsOf(shownLine(name)))));
}

export function nameColumn(name: string, columns: number): string {
  return padText(cutText(shownLine(name), columns), columns, 'left');
}
