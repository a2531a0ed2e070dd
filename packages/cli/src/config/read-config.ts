/** A host configuration from a YAML file: what is wrong is named by file, line and key path. */
import { type ConfigProblem, checkHostConfig, HOST_CONFIG_KEYS, type HostConfig } from '@vmq/host';
import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { readSmallFile } from '../input/small-file.ts';
import { CannotRun, systemMessage } from '../process/exit-code.ts';
import { firstLines, saidByLine } from '../text/problem-lines.ts';

/** A configuration has a few hundred lines; anything much larger is the wrong file, and would take minutes to judge. */
const LARGEST_FILE = 1 << 16;

export interface ConfigFile {
  readonly config: HostConfig;
  /** One line for each setting that has no effect. */
  readonly notes: readonly string[];
}

/** Reads and checks; throws {@link CannotRun} with one line for each thing that is wrong, in the order of the file. */
export function readConfig(path: string): ConfigFile {
  return parseConfig(readSmallFile(path, LARGEST_FILE, 'a configuration'), path);
}

/** {@link readConfig} for text that is in memory; `name` stands in the messages. */
export function parseConfig(text: string, name: string): ConfigFile {
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
  keepTexts(document);
  let input: unknown;
  try {
    input = document.toJS();
  } catch (error) {
    throw new CannotRun(`${name}: ${systemMessage(error)}`);
  }
  const result = checkHostConfig(input);
  const said = (problems: readonly ConfigProblem[]): string[] =>
    saidByLine(name, problems, { document, lines });
  if (result.ok) return { config: result.config, notes: said(result.notes) };
  throw new CannotRun(said(result.problems));
}

/**
 * Texts that look like something else to YAML are taken as they were written: 001550005301 and 00155E100001 are
 * addresses, 6.20 is a version, and 7 may be a VM's name.
 */
function keepTexts(document: Document): void {
  for (const [path, kind] of Object.entries(HOST_CONFIG_KEYS)) {
    if (kind !== 'text') continue;
    const parts = path.replaceAll('[]', '.[]').split('.');
    for (const node of nodesAt(document.contents, parts)) {
      if (isScalar(node) && node.type === 'PLAIN' && node.value !== null && node.source !== undefined)
        node.value = node.source;
    }
  }
}

/** The nodes at a path, in which `[]` stands for every element of a list. */
function nodesAt(node: unknown, [part, ...rest]: readonly string[]): unknown[] {
  if (part === undefined) return [node];
  if (part === '[]') return isSeq(node) ? node.items.flatMap((item) => nodesAt(item, rest)) : [];
  return isMap(node) ? nodesAt(node.get(part, true), rest) : [];
}

/** The parser is recursive, and reports that it ran out of stack as an error like any other. */
function yamlMessage({ message }: Error): string {
  return message.includes('call stack')
    ? 'expected a configuration, found lists or keys nested too deeply'
    : message;
}
