// `pnpm requirements`: which requirement ids of docs/requirements.md stand in a test's name, and which do not.
//   --run    run the tests that name an id first, and show whether they passed
//   --json   {total, proved, partly: [{id, missing}], notModelled: [{id, why}], missing: []}
// A requirement is proved, partly proved or not modelled. docs/not-modelled.json lists the last two: id to reason, or
// id to {"partly": which part no test proves}. It must be exact: an id without a word there that a test has, a partly
// proved one without any test, or one that neither a test nor the list has, makes --check fail.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const options = new Set(process.argv.slice(2));
const ID = /\b(?:CAP|INIT|QUE|FLT|STA|SHM|RX|TX|INT|SEC|MIG|LIFE|OFF|SW|VPT|MMQ|IND)-\d\d\b/g;

/** Every id that the requirements define, in their order. */
function definedIds() {
  const text = readFileSync(join(root, 'docs/requirements.md'), 'utf8');
  const ids = [...text.matchAll(/^(?:- |\| )([A-Z]+-\d\d)\b/gm)].map((match) => match[1]);
  return [...new Set(ids)].filter((id) => !id.startsWith('DIS-'));
}

function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

/** Test names with an id in them, read from the source: the first string of it(), test(), describe() and kin. */
function namedTests() {
  const found = [];
  for (const file of [...testFiles(join(root, 'packages')), ...testFiles(join(root, 'tools'))]) {
    const text = readFileSync(file, 'utf8');
    for (const match of text.matchAll(
      /\b(?:it|test|describe)(?:\.\w+)*(?:\([^)]*\))?\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*)\1/g,
    )) {
      const ids = match[2].match(ID);
      if (ids) found.push({ file: relative(root, file), name: match[2], ids: [...new Set(ids)] });
    }
    // test.each(rows)('%s …'): the id is each row's first member, and with it the name of a test of its own.
    for (const [, rows] of text.matchAll(/\b(?:it|test)\.each\((\w+)\)\(\s*['"`]%s/g)) {
      const table = text.match(new RegExp(`const ${rows}\\b[^=]*= \\[\n([\\s\\S]*?)\n *\\];`))?.[1] ?? '';
      for (const [, name] of table.matchAll(/^ *\[\s*'([^']*)',/gm)) {
        const ids = name.match(ID);
        if (ids) found.push({ file: relative(root, file), name, ids });
      }
    }
  }
  return found;
}

const ids = definedIds();
const tests = namedTests();
const notModelled = JSON.parse(readFileSync(join(root, 'docs/not-modelled.json'), 'utf8'));
const results = options.has('--run') ? run([...new Set(tests.map((test) => test.file))]) : null;

function run(files) {
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
  const failed = new Set();
  for (const file of JSON.parse(readFileSync(report, 'utf8')).testResults) {
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
const partOf = (id) => notModelled[id]?.partly ?? null;

function stateOf(id) {
  if (results?.has(id)) return 'FAILED';
  if (tested.has(id)) return partOf(id) === null ? 'proved' : 'partly';
  return listed.includes(id) && partOf(id) === null ? 'not modelled' : 'MISSING';
}
const withState = (state) => ids.filter((id) => stateOf(id) === state);
const [proved, partly, notYet, missing] = ['proved', 'partly', 'not modelled', 'MISSING'].map(withState);
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
    const told = {
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
