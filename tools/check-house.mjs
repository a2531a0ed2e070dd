// The house plan as a check: one direction of imports, no cycles, nothing undeclared.
// Reads every import of every source file; prints each broken rule and exits 1 if there is any.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

/** What each package may import, lowest floor first; the same table stands in docs/architecture.md. */
const MAY_IMPORT = {
  abi: [],
  wire: [],
  capture: [],
  machine: [],
  'shared-memory': ['machine', 'abi'],
  nic: ['machine', 'wire'],
  ddi: ['abi', 'machine', 'shared-memory'],
  ndis: ['abi', 'machine', 'shared-memory', 'ddi'],
  miniport: ['abi', 'machine', 'shared-memory', 'ddi', 'nic'],
  vmbus: ['machine', 'shared-memory'],
  vswitch: ['abi', 'machine', 'shared-memory', 'wire', 'ddi', 'vmbus'],
  guest: ['machine', 'wire', 'vmbus'],
  host: [
    'abi',
    'wire',
    'capture',
    'machine',
    'shared-memory',
    'nic',
    'ddi',
    'ndis',
    'miniport',
    'vmbus',
    'vswitch',
    'guest',
  ],
  cli: [
    'abi',
    'wire',
    'capture',
    'machine',
    'shared-memory',
    'nic',
    'ddi',
    'ndis',
    'miniport',
    'vmbus',
    'vswitch',
    'guest',
    'host',
    'testkit',
  ],
  testkit: [
    'abi',
    'wire',
    'capture',
    'machine',
    'shared-memory',
    'nic',
    'ddi',
    'ndis',
    'miniport',
    'vmbus',
    'vswitch',
    'guest',
    'host',
  ],
};
/** Packages that may use Node itself, and the modules they may use. */
const NODE_ALLOWED = {
  machine: ['node:os', 'node:worker_threads'],
  host: [],
  cli: null,
};

const problems = [];
const root = resolve(import.meta.dirname, '..');

function sourceFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return entry.name === 'dist' || entry.name === 'node_modules' ? [] : sourceFiles(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

for (const name of readdirSync(join(root, 'packages'))) {
  const folder = join(root, 'packages', name);
  if (!existsSync(join(folder, 'package.json'))) continue;
  const allowed = MAY_IMPORT[name];
  if (allowed === undefined) {
    problems.push(`packages/${name}: not in the house plan; give it a floor in tools/check-house.mjs`);
    continue;
  }
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const declared = new Set(
    Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies }),
  );
  const development = new Set(Object.keys(manifest.devDependencies ?? {}));
  const references = new Set(
    (
      ts.parseConfigFileTextToJson('', readFileSync(join(folder, 'tsconfig.json'), 'utf8')).config
        .references ?? []
    ).map((r) => relative('..', r.path)),
  );
  const used = new Set();
  const graph = new Map();
  for (const file of sourceFiles(join(folder, 'src'))) {
    const isTest = file.endsWith('.test.ts');
    const where = relative(root, file);
    const edges = [];
    for (const { fileName } of ts.preProcessFile(readFileSync(file, 'utf8'), true, false).importedFiles) {
      if (fileName.startsWith('.')) {
        const target = resolve(dirname(file), fileName);
        if (!existsSync(target) && !fileName.endsWith('.js'))
          problems.push(`${where}: no such file ${fileName}`);
        if (!isTest && !target.startsWith(join(folder, 'src')))
          problems.push(`${where}: reaches outside its package: ${fileName}`);
        edges.push(target);
      } else if (fileName.startsWith('@vmq/')) {
        const target = fileName.slice(5);
        if (target.includes('/'))
          problems.push(`${where}: deep import ${fileName}; only the package's index is public`);
        if (target !== name && !isTest) {
          used.add(target);
          if (!allowed.includes(target))
            problems.push(
              `${where}: ${name} may not import ${target} (it may import: ${allowed.join(', ') || 'nothing'})`,
            );
        }
        if (target !== name && !declared.has(fileName) && !(isTest && development.has(fileName)))
          problems.push(`${where}: ${fileName} is not in package.json`);
      } else if (!isTest) {
        if (fileName.startsWith('node:')) {
          const list = NODE_ALLOWED[name];
          if (list === undefined || (list !== null && !list.includes(fileName))) {
            problems.push(
              `${where}: ${name} may not import ${fileName}; I/O, clock and chance come through machine`,
            );
          }
        } else if (
          !declared.has(
            fileName
              .split('/')
              .slice(0, fileName.startsWith('@') ? 2 : 1)
              .join('/'),
          )
        ) {
          problems.push(`${where}: ${fileName} is not in package.json`);
        }
      }
    }
    if (!isTest) graph.set(file, edges);
  }
  for (const target of used) {
    if (!references.has(target))
      problems.push(`packages/${name}/tsconfig.json: no reference to ../${target}`);
  }
  for (const dependency of declared) {
    if (dependency.startsWith('@vmq/') && !used.has(dependency.slice(5))) {
      problems.push(`packages/${name}/package.json: ${dependency} is declared and never imported`);
    }
  }
  const cycle = findCycle(graph);
  if (cycle !== null)
    problems.push(
      `packages/${name}: import cycle ${cycle.map((file) => relative(folder, file)).join(' -> ')}`,
    );
}

/** The first import cycle of a package's files, or null. Type-only imports count: they tangle readers too. */
function findCycle(graph) {
  const state = new Map();
  const path = [];
  const visit = (file) => {
    if (state.get(file) === 'done' || !graph.has(file)) return null;
    if (state.get(file) === 'open') return [...path.slice(path.indexOf(file)), file];
    state.set(file, 'open');
    path.push(file);
    for (const next of graph.get(file)) {
      const found = visit(next);
      if (found !== null) return found;
    }
    path.pop();
    state.set(file, 'done');
    return null;
  };
  for (const file of graph.keys()) {
    const found = visit(file);
    if (found !== null) return found;
  }
  return null;
}

for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'house plan kept' : `house plan: ${problems.length} broken rules`);
process.exitCode = problems.length === 0 ? 0 : 1;
