// The house plan sees what it is to see, in a small tree of its own.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importProblems, readImports } from '../src/imports.ts';
import { circlesOfFolders } from '../src/limits.ts';

const tree = mkdtempSync(join(tmpdir(), 'vmq-house-'));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), text);
}

function putPackage(name: string, dependencies: readonly string[]): void {
  const manifest = {
    name: `@vmq/${name}`,
    type: 'module',
    exports: { '.': { '@vmq/source': './src/index.ts' } },
    dependencies: Object.fromEntries(dependencies.map((one) => [`@vmq/${one}`, 'workspace:*'])),
  };
  put(`packages/${name}/package.json`, JSON.stringify(manifest));
  const references = dependencies.map((one) => ({ path: `../${one}` }));
  put(`packages/${name}/tsconfig.json`, JSON.stringify({ references }));
  mkdirSync(join(tree, `packages/${name}/node_modules/@vmq`), { recursive: true });
  for (const one of dependencies)
    symlinkSync(join(tree, 'packages', one), join(tree, `packages/${name}/node_modules/@vmq/${one}`));
}

let problems: readonly string[] = [];
let circles: readonly string[] = [];

beforeAll(async () => {
  const sources = {
    'packages/wire/src/index.ts': "import { nic } from '@vmq/nic';\nexport const wire = nic;\n",
    'packages/machine/src/index.ts': "import { cpus } from 'node:os';\nexport const machine = cpus;\n",
    'packages/nic/src/index.ts': "export { nic } from './one/a.ts';\nimport '../../machine/src/inner.ts';\n",
    'packages/nic/src/one/a.ts': "import type { B } from '../two/b.ts';\nexport const nic: B = 1;\n",
    'packages/nic/src/one/c.ts': "import { readFileSync } from 'node:fs';\nexport const c = readFileSync;\n",
    'packages/nic/src/two/b.ts': "import '../one/c.ts';\nimport './gone.ts';\nexport type B = number;\n",
    'packages/machine/src/inner.ts': "import './outer.ts';\nexport {};\n",
    'packages/machine/src/outer.ts': "import './inner.ts';\nexport {};\n",
    'packages/unplanned/src/index.ts': 'export {};\n',
  };
  putPackage('wire', ['nic']);
  putPackage('machine', []);
  putPackage('nic', ['machine']);
  putPackage('unplanned', []);
  for (const [path, text] of Object.entries(sources)) put(path, text);
  const imports = await readImports(tree);
  problems = importProblems(tree, imports);
  circles = circlesOfFolders(imports);
}, 120_000);
afterAll(() => rmSync(tree, { recursive: true, force: true }));

test.each([
  ['an import that goes up', /packages\/wire\/src\/index.ts -> .*wire-imports-only-what-is-below/],
  ['a circle of files', /packages\/machine\/src\/\w+.ts -> .*no-circle-of-files/],
  ['a module of Node where none may be used', /nic\/src\/one\/c.ts -> fs: nic-has-no-io-of-its-own/],
  ['a file that does not exist', /nic\/src\/two\/b.ts -> .*gone.ts: resolvable/],
  ['a reach into another package', /nic\/src\/index.ts -> .*inner.ts: only-the-index-is-public/],
  ['a package without a floor', /packages\/unplanned: not in the house plan/],
  ['a dependency that nobody imports', /packages\/nic\/package.json: @vmq\/machine is declared and never/],
])('sees %s', (_, expected) => {
  expect(problems.filter((one) => expected.test(one))).toHaveLength(1);
});

test('a module of Node that a package may use is no problem', () => {
  expect(problems.filter((one) => one.includes('machine-has-no-io'))).toEqual([]);
});

test('folders that import each other are a circle, though no files do', () => {
  expect(circles).toEqual(['packages/nic (packages/nic/src/one <-> packages/nic/src/two)']);
});
