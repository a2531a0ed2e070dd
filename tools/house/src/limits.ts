// Limits that keep the house readable, apart from Biome's (lines and parameters of a function: biome.json).
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ICruiseResult } from 'dependency-cruiser';
import { knots } from './cycle.ts';

export const MOST_LINES_OF_A_FILE = 400;
export const MOST_FILES_OF_A_FOLDER = 15;
export const MOST_SUBJECT_LETTERS = 72;

/** Commits up to this one, and their subjects, are as they are. */
const FIRST_JUDGED_AFTER = '2053d25';

/** What may lie in the root. */
const ROOT_FILES: ReadonlySet<string> = new Set([
  '.editorconfig',
  '.gitattributes',
  '.gitignore',
  'CONTRIBUTING.md',
  'LICENSE',
  'README.md',
  'biome.json',
  'knip.jsonc',
  'package.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'tsconfig.base.json',
  'tsconfig.json',
  'tsconfig.tests.json',
  'tsconfig.tools.json',
  'turbo.json',
  'typedoc.json',
  'vitest.config.ts',
]);

/** One limit and where it is exceeded. `places` name a file or a folder and nothing that moves when something else does. */
export interface Limit {
  readonly name: string;
  readonly places: readonly string[];
}

/** Every file that git knows or would add, as a path from the root. */
export function filesOf(tree: string): string[] {
  const out = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'],
    {
      cwd: tree,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    },
  );
  const deleted = new Set(
    execFileSync('git', ['ls-files', '--deleted'], { cwd: tree, encoding: 'utf8' }).split('\n'),
  );
  return out.split('\n').filter((path) => path !== '' && !deleted.has(path));
}

const isGenerated = (path: string): boolean => path.includes('/generated/');
const isSource = (path: string): boolean => /^(packages|tools)\/[^/]+\/src\/.*\.ts$/.test(path);

/** All limits of the tree, exceeded or not. */
export function limitsOf(tree: string, files: readonly string[], imports: ICruiseResult): Limit[] {
  const sources = files.filter(isSource);
  const written = sources.filter((path) => !isGenerated(path));
  const textOf = (path: string): string => readFileSync(join(tree, path), 'utf8');
  return [
    {
      name: `files of more than ${MOST_LINES_OF_A_FILE} lines`,
      places: written.filter((path) => textOf(path).split('\n').length - 1 > MOST_LINES_OF_A_FILE),
    },
    { name: `folders of more than ${MOST_FILES_OF_A_FOLDER} files`, places: crowded(written) },
    { name: 'circles of folders', places: circlesOfFolders(imports) },
    {
      name: 'files that have no place in the root',
      places: files.filter((path) => !path.includes('/') && !ROOT_FILES.has(path)),
    },
    { name: 'tests and their support outside of test/', places: files.filter(isMisplacedTest) },
    { name: 'names of test files against the convention', places: files.filter(isMisnamedTest) },
    {
      name: 'untyped JavaScript without a reason in its head',
      places: files.filter(
        (path) => isUntyped(path) && !/^(#!.*\n)?\/\/ @ts-check\n|Plain JavaScript/.test(textOf(path)),
      ),
    },
    { name: 'generated files that do not say so', places: unmarked(tree, files, textOf) },
  ];
}

function crowded(sources: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const path of sources) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > MOST_FILES_OF_A_FOLDER).map(([folder]) => folder);
}

/** Folders of one package that import each other, by way of others too. */
export function circlesOfFolders({ modules }: ICruiseResult): string[] {
  const graphs = new Map<string, Map<string, Set<string>>>();
  for (const { source, dependencies } of modules) {
    const [, name] = /^packages\/([^/]+)\/src\//.exec(source) ?? [];
    if (name === undefined) continue;
    const graph = graphs.get(name) ?? new Map<string, Set<string>>();
    graphs.set(name, graph);
    const folder = dirname(source);
    const imported = graph.get(folder) ?? new Set<string>();
    graph.set(folder, imported);
    for (const { resolved } of dependencies)
      if (resolved.startsWith(`packages/${name}/src/`) && dirname(resolved) !== folder)
        imported.add(dirname(resolved));
  }
  return [...graphs].flatMap(([name, graph]) =>
    knots(graph).map((knot) => `packages/${name} (${knot.join(' <-> ')})`),
  );
}

/** `*.test.ts` and `*.test-support.ts` lie in the test/ of a package or of a tool, and only there. */
function isMisplacedTest(path: string): boolean {
  return /\.test(-support)?\.[a-z]+$/.test(path) && !/^(packages|tools|examples)\/[^/]+\/test\//.test(path);
}

/** In a test/ each TypeScript file is X.test.ts, X.property.test.ts, X.fuzz.test.ts or X.test-support.ts. */
function isMisnamedTest(path: string): boolean {
  const [, name] = /^(?:packages|tools|examples)\/[^/]+\/test\/(?:.*\/)?([^/]+)\.ts$/.exec(path) ?? [];
  return name !== undefined && !/^[a-z0-9-]+((\.(property|fuzz))?\.test|\.test-support)$/.test(name);
}

const isUntyped = (path: string): boolean => /^(packages|tools|examples)\/.*\.(mjs|cjs|js)$/.test(path);

/** Generated files begin by saying so, and .gitattributes says it to those who show differences. */
function unmarked(tree: string, files: readonly string[], textOf: (path: string) => string): string[] {
  const generated = files.filter(
    (path) => isGenerated(path) || path.endsWith('.api.md') || basename(path) === 'DATASHEET.md',
  );
  const attributes = execFileSync('git', ['check-attr', '--stdin', 'linguist-generated'], {
    cwd: tree,
    input: generated.join('\n'),
    encoding: 'utf8',
  });
  const marked = new Set(
    attributes
      .split('\n')
      .filter((line) => /: (set|true)$/.test(line))
      .map((line) => line.slice(0, line.indexOf(': '))),
  );
  return generated.filter((path) => {
    const says = /generated|do not edit/i.test(textOf(path).slice(0, 300));
    return !marked.has(path) || !says;
  });
}

/** Subjects of later commits that are too long; none where the history is not there (a shallow clone, an archive). */
export function longSubjects(tree: string): Limit {
  const name = `commit subjects of more than ${MOST_SUBJECT_LETTERS} letters`;
  try {
    const out = execFileSync('git', ['log', '--no-merges', '--format=%s', `${FIRST_JUDGED_AFTER}..HEAD`], {
      cwd: tree,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const places = out.split('\n').filter((subject) => [...subject].length > MOST_SUBJECT_LETTERS);
    return { name, places };
  } catch {
    return { name, places: [] };
  }
}
