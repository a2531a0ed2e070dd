/** A host configuration from a YAML file: what is wrong is named by file, line and key path. */
import { readFileSync, statSync } from 'node:fs';
import { checkHostConfig, type HostConfig } from '@vmq/host';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { CannotRun, systemMessage } from '../exit-code.ts';

/** A configuration has a few hundred lines; anything much larger is the wrong file, and would take minutes to judge. */
const LARGEST_FILE = 1 << 16;
/** Lines printed of what is wrong; nobody mends more at a time. */
const MOST_LINES = 20;

/** Reads and checks; throws {@link CannotRun} with one line for each thing that is wrong. */
export function readConfig(path: string): HostConfig {
  let text: string;
  try {
    const { size } = statSync(path);
    if (size > LARGEST_FILE) {
      throw new CannotRun(
        `${path}: expected a configuration of at most ${LARGEST_FILE} bytes, found ${size}`,
      );
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof CannotRun) throw error;
    throw new CannotRun(`${path}: ${systemMessage(error)}`);
  }
  return parseConfig(text, path);
}

/** {@link readConfig} for text that is in memory; `name` stands in the messages. */
export function parseConfig(text: string, name: string): HostConfig {
  const lines = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ''), {
    lineCounter: lines,
    prettyErrors: false,
    // Its warnings would go to standard error past the command's own messages.
    logLevel: 'error',
  });
  if (document.errors.length > 0) {
    throw new CannotRun(
      firstLines(name, document.errors, (error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        return `${name}:${line}:${col}: ${yamlMessage(error)}`;
      }),
    );
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    throw new CannotRun(`${name}: expected a configuration with at least vms:, found an empty file`);
  }
  if (!isMap(document.contents)) {
    throw new CannotRun(`${name}:1:1: expected keys like vms: and nic:, found something else`);
  }
  let input: unknown;
  try {
    input = document.toJS();
  } catch (error) {
    throw new CannotRun(`${name}: ${systemMessage(error)}`);
  }
  const result = checkHostConfig(input);
  if (result.ok) return result.config;
  throw new CannotRun(
    firstLines(name, result.problems, ({ path, message }) => {
      const line = lineOf(document, lines, path);
      return `${name}${line === null ? '' : `:${line}`}: ${path === '' ? '' : `${path}: `}${message}`;
    }),
  );
}

/** One line for each, as many as one would read. */
function firstLines<T>(name: string, wrong: readonly T[], lineFor: (one: T) => string): string[] {
  const shown = wrong.slice(0, MOST_LINES).map((one) => printable(lineFor(one)));
  return wrong.length > MOST_LINES ? [...shown, `${name}: and ${wrong.length - MOST_LINES} more`] : shown;
}

/** What a file says goes to a terminal: its control characters are shown, not obeyed. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${code}`;
  });
}

/** The parser is recursive, and reports that it ran out of stack as an error like any other. */
function yamlMessage({ message }: Error): string {
  return message.includes('call stack')
    ? 'expected a configuration, found lists or keys nested too deeply'
    : message;
}

/** Line of the key, or of the nearest thing around it that exists (a missing key has no line of its own). */
function lineOf(document: Document, lines: LineCounter, path: string): number | null {
  const parts = [...path.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map((part) =>
    part[1] === undefined ? part[0] : Number(part[1]),
  );
  for (let depth = parts.length; depth > 0; depth--) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(parts.slice(0, depth - 1), true);
    const last = parts[depth - 1];
    let node: unknown = document.getIn(parts.slice(0, depth), true);
    if (isMap(parent)) {
      node = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(last))?.key;
    }
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return null;
}
