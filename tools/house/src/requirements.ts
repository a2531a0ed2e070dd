// `pnpm requirements` (node tools/house/dist/requirements.js [--run] [--json] [--check]): which requirement ids of docs/requirements.md stand in a test's name, and which do not.
//   --run    run the tests that name an id first, and show whether they passed
//   --json   {total, proved, partly: [{id, missing}], notModelled: [{id, why}], missing: []}
// A requirement is proved, partly proved or not modelled. docs/not-modelled.json lists the last two: id to reason, or
// id to {"partly": which part no test proves}. It must be exact: an id without a word there that a test has, a partly
// proved one without any test, or one that neither a test nor the list has, makes --check fail.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const options = new Set(process.argv.slice(2));
const ID = /\b(?:CAP|INIT|QUE|FLT|STA|SHM|RX|TX|INT|SEC|MIG|LIFE|OFF|SW|VPT|MMQ|IND)-\d\d\b/g;

interface NamedTest {
  readonly file: string;
  readonly name: string;
  readonly ids: readonly string[];
}

/** Of docs/not-modelled.json: why it is not modelled, or which part no test proves. */
type Reason = string | { readonly partly: string };

/** What vitest's JSON reporter says, as far as it is read. */
interface TestReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

type State = 'FAILED' | 'proved' | 'partly' | 'not modelled' | 'MISSING';

/** Every id that the requirements define, in their order. */
function definedIds(): string[] {
  const text = readFileSync(join(root, 'docs/requirements.md'), 'utf8');
  const ids = [...text.matchAll(/^(?:- |\| )([A-Z]+-\d\d)\b/gm)].map(([, id = '']) => id);
  return [...new Set(ids)].filter((id) => !id.startsWith('DIS-'));
}

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

/** Test names with an id in them, read from the source: the first string of it(), test(), describe() and kin. */
function namedTests(): NamedTest[] {
  const found: NamedTest[] = [];
  for (const file of [...testFiles(join(root, 'packages')), ...testFiles(join(root, 'tools'))]) {
    const text = readFileSync(file, 'utf8');
    for (const [, , name = ''] of text.matchAll(
      /\b(?:it|test|describe)(?:\.\w+)*(?:\([^)]*\))?\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*)\1/g,
    )) {
      const ids = name.match(ID);
      if (ids) found.push({ file: relative(root, file), name, ids: [...new Set(ids)] });
    }
    // test.each(rows)('%s …'): the id is each row's first member, and with it the name of a test of its own.
    for (const [, rows] of text.matchAll(/\b(?:it|test)\.each\((\w+)\)\(\s*['"`]%s/g)) {
      const table = text.match(new RegExp(`const ${rows}\\b[^=]*= \\[\n([\\s\\S]*?)\n *\\];`))?.[1] ?? '';
      for (const [, name = ''] of table.matchAll(/^ *\[\s*'([^']*)',/gm)) {
        const ids = name.match(ID);
        if (ids) found.push({ file: relative(root, file), name, ids });
      }
    }
  }
  return found;
}

const ids = definedIds();
const tests = namedTests();
const notModelled = JSON.parse(readFileSync(join(root, 'docs/not-modelled.json'), 'utf8')) as Readonly<
  Record<string, Reason | undefined>
>;
const results = options.has('--run') ? run([...new Set(tests.map((test) => test.file))]) : null;

/** Runs the tests that name an id; the ids of those that did not pass. */
function run(files: readonly string[]): ReadonlySet<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'vmq-requirements-'));
  const report = join(scratch, 'report.json');
  spawnSync(
    join(root, 'node_modules/.bin/vitest'),
    ['run', '--reporter=json', `--outputFile=${report}`, ...files],
    {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const failed = new Set<string>();
  for (const file of (JSON.parse(readFileSync(report, 'utf8')) as TestReport).testResults) {
    for (const test of file.assertionResults) {
      if (test.status !== 'passed') for (const id of test.fullName.match(ID) ?? []) failed.add(id);
    }
  }
  rmSync(scratch, { recursive: true, force: true });
  return failed;
}

const tested = new Set(ids.filter((id) => tests.some((test) => test.ids.includes(id)) && !results?.has(id)));
const listed = Object.keys(notModelled);
/** What no test proves of a requirement that others of its parts have tests for; null where that is not so. */
const partOf = (id: string): string | null => {
  const reason = notModelled[id];
  return typeof reason === 'object' ? reason.partly : null;
};

function stateOf(id: string): State {
  if (results?.has(id)) return 'FAILED';
  if (tested.has(id)) return partOf(id) === null ? 'proved' : 'partly';
  return listed.includes(id) && partOf(id) === null ? 'not modelled' : 'MISSING';
}
const withState = (state: State): string[] => ids.filter((id) => stateOf(id) === state);
const [proved, partly, notYet, missing] = [
  withState('proved'),
  withState('partly'),
  withState('not modelled'),
  withState('MISSING'),
];
const stale = listed.filter((id) => !ids.includes(id) || (tested.has(id) && partOf(id) === null));

if (options.has('--json')) {
  const summary = {
    total: ids.length,
    proved: proved.length,
    partly: partly.map((id) => ({ id, missing: partOf(id) })),
    notModelled: notYet.map((id) => ({ id, why: notModelled[id] })),
    missing,
  };
  console.log(JSON.stringify(summary, null, 2));
} else {
  for (const id of ids) {
    const of = tests.filter((test) => test.ids.includes(id));
    const state = stateOf(id);
    // A check shows what is wrong, not the whole table.
    if (options.has('--check') && state !== 'MISSING' && state !== 'FAILED') continue;
    const files = [...new Set(of.map((test) => test.file))].join(', ');
    const told: Partial<Record<State, unknown>> = {
      partly: `${files}; without: ${partOf(id)}`,
      'not modelled': notModelled[id],
    };
    console.log(
      `${id.padEnd(8)} ${state.padEnd(13)} ${String(of.length).padStart(3)}  ${told[state] ?? files}`,
    );
  }
  console.log(
    `\n${ids.length} requirements: ${proved.length} proved by tests, ${partly.length} partly, ` +
      `${notYet.length} not modelled, ${missing.length} missing`,
  );
  if (stale.length > 0) console.log(`listed as not modelled, but proved or unknown: ${stale.join(', ')}`);
}
if (options.has('--check')) {
  const figures = `Of ${ids.length} requirements ${proved.length} are proved by tests, ${partly.length} partly, ${notYet.length} not modelled`;
  const isTold = readFileSync(join(root, 'README.md'), 'utf8').includes(figures);
  if (!isTold) console.log(`README.md should say: ${figures}`);
  if (missing.length > 0 || stale.length > 0 || !isTold) process.exitCode = 1;
}
