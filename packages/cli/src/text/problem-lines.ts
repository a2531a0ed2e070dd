/** What is wrong with a file, in the order of its lines. YAML and JSON alike. */
import type { ConfigProblem } from '@vmq/host';
import { type Document, isMap, isNode, isScalar, type LineCounter } from 'yaml';

/** Lines printed of what is wrong; nobody mends more at a time. */
const MOST_LINES = 20;

/** A file as it was parsed: where its keys are. */
export interface ParsedFile {
  readonly document: Document;
  readonly lines: LineCounter;
}

/** `name:line: path: message` for each problem, sorted by line; first what is about the whole file. */
export function saidByLine(
  name: string,
  problems: readonly ConfigProblem[],
  { document, lines }: ParsedFile,
): string[] {
  const found = problems
    .map((one) => ({ ...one, line: lineOf(document, lines, one.keys) }))
    .sort((x, y) => (x.line ?? 0) - (y.line ?? 0));
  return firstLines(name, found, ({ path, message, line }) => {
    return `${name}${line === null ? '' : `:${line}`}: ${path === '' ? '' : `${path}: `}${message}`;
  });
}

/** One line for each, as many as one would read. */
export function firstLines<T>(name: string, wrong: readonly T[], lineFor: (one: T) => string): string[] {
  const shown = wrong.slice(0, MOST_LINES).map((one) => printable(lineFor(one)));
  return wrong.length > MOST_LINES ? [...shown, `${name}: and ${wrong.length - MOST_LINES} more`] : shown;
}

/** What a file says goes to a terminal: its control characters are shown, not obeyed. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${code}`;
  });
}

/** Line of the key, or of the nearest thing around it that exists (a missing key has no line of its own). */
function lineOf(document: Document, lines: LineCounter, keys: ConfigProblem['keys']): number | null {
  for (let depth = keys.length; depth > 0; depth--) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(keys.slice(0, depth - 1), true);
    const last = keys[depth - 1];
    let node: unknown = document.getIn(keys.slice(0, depth), true);
    if (isMap(parent)) {
      node = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(last))?.key;
    }
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return null;
}
