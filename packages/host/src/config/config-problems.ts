/** What is wrong with a configuration: where, and what was expected. Values are shown as they were written. */
import type { z } from 'zod';
import { meantName } from './spelling.ts';

/** One thing that is wrong, or worth saying. */
export interface ConfigProblem {
  /** Path of the key, e.g. `vms[1].mac`. */
  readonly path: string;
  /** The same part by part: names of keys and indices of lists. */
  readonly keys: readonly (string | number)[];
  readonly message: string;
}

const LONGEST_SHOWN = 80;

/** A value in a message. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'keys';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** The problems of a check; `known` are the paths of all keys, with `[]` for each index. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], known: readonly string[]): ConfigProblem[] {
  return issues.flatMap((issue) => {
    const keys = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    if (issue.code !== 'unrecognized_keys') return [problemAt(keys, issue.message)];
    return issue.keys.map((key) => problemAt([...keys, key], unknownKey(keys, key, known)));
  });
}

/** A problem by the parts of its path. */
export function problemAt(keys: readonly (string | number)[], message: string): ConfigProblem {
  return { path: pathText(keys), keys, message };
}

/** What a check says where nothing better is known, in the words of the others. */
export function wording(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}, found ${shown(issue.input)}${meantFlag(issue)}`;
    case 'invalid_value': {
      const values = issue.values.map(String);
      const meant = typeof issue.input === 'string' ? meantName(issue.input, values) : null;
      const hint = meant === null ? '' : `; did you mean ${meant}?`;
      return `expected ${values.join(' or ')}, found ${shown(issue.input)}${hint}`;
    }
    case 'too_small':
      return `expected at least ${issue.minimum}${unit(issue)}`;
    case 'too_big':
      return `expected at most ${issue.maximum}${unit(issue)}`;
    default:
      return undefined;
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys',
  record: 'keys',
};

/** YAML 1.2 takes only `true` and `false`. */
function meantFlag({ expected, input }: { readonly expected: string; readonly input?: unknown }): string {
  if (expected !== 'boolean' || typeof input !== 'string') return '';
  if (/^(?:yes|on|enabled?)$/i.test(input)) return '; did you mean true?';
  return /^(?:no|off|disabled?)$/i.test(input) ? '; did you mean false?' : '';
}

function unit({ origin, input }: { readonly origin: string; readonly input?: unknown }): string {
  if (origin === 'string') return ' characters';
  return origin === 'array'
    ? ` elements, found ${(input as readonly unknown[]).length}`
    : `, found ${shown(input)}`;
}

/** A key of the same place, or else one of another place with its path. */
function unknownKey(around: readonly (string | number)[], key: string, known: readonly string[]): string {
  const place = around.map((part) => (typeof part === 'number' ? '[]' : part));
  const prefix = place.length === 0 ? '' : `${pathPattern(place)}.`;
  const here = known
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length))
    .filter((path) => !/[.[]/.test(path));
  const names = known.map((path) => path.slice(path.lastIndexOf('.') + 1));
  const sibling = names.includes(key) ? null : meantName(key, here);
  if (sibling !== null) return `unknown key; did you mean ${sibling}?`;
  const elsewhere = meantName(key, names);
  return elsewhere === null
    ? `unknown key; there are ${here.join(', ')}`
    : `unknown key; did you mean ${known[names.indexOf(elsewhere)]}?`;
}

const pathPattern = (parts: readonly string[]): string => parts.join('.').replaceAll('.[]', '[]');

function pathText(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}
