// Every import of every package: does it go down, is it declared, does it stay out of other packages' insides?
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { findCycle } from './cycle.ts';
import { MAY_IMPORT, NODE_ALLOWED } from './plan.ts';

/** One package as it stands on disk, and what its sources were found to import. */
interface PackageUnderCheck {
  readonly root: string;
  readonly name: string;
  readonly folder: string;
  readonly allowed: readonly string[];
  readonly declared: ReadonlySet<string>;
  readonly development: ReadonlySet<string>;
  readonly references: ReadonlySet<string>;
  /** Packages of ours that it imports. */
  readonly used: Set<string>;
  readonly problems: string[];
}

interface ImportingFile {
  readonly path: string;
  /** Path from the root, as problems name it. */
  readonly where: string;
  readonly isTest: boolean;
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Broken rules of the house plan under packages/, a line each. */
export function importProblems(root: string): string[] {
  return readdirSync(join(root, 'packages'))
    .filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
    .flatMap((name) => {
      const allowed = MAY_IMPORT[name];
      return allowed === undefined
        ? [`packages/${name}: not in the house plan; give it a floor in tools/house/src/plan.ts`]
        : checkPackage(openPackage(root, name, allowed));
    });
}

function openPackage(root: string, name: string, allowed: readonly string[]): PackageUnderCheck {
  const folder = join(root, 'packages', name);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  const { config } = ts.parseConfigFileTextToJson(
    '',
    readFileSync(join(folder, 'tsconfig.json'), 'utf8'),
  ) as {
    config: { references?: readonly { path: string }[] };
  };
  return {
    root,
    name,
    folder,
    allowed,
    declared: new Set(
      Object.keys({
        ...manifest.dependencies,
        ...manifest.peerDependencies,
        ...manifest.optionalDependencies,
      }),
    ),
    development: new Set(Object.keys(manifest.devDependencies ?? {})),
    references: new Set((config.references ?? []).map(({ path }) => relative('..', path))),
    used: new Set(),
    problems: [],
  };
}

function checkPackage(one: PackageUnderCheck): string[] {
  const { root, name, folder, problems, used } = one;
  const graph = new Map<string, string[]>();
  for (const path of sourceFiles(join(folder, 'src'))) {
    const file = { path, where: relative(root, path), isTest: path.endsWith('.test.ts') };
    const edges: string[] = [];
    const { importedFiles } = ts.preProcessFile(readFileSync(path, 'utf8'), true, false);
    for (const { fileName } of importedFiles) {
      if (fileName.startsWith('.')) edges.push(checkRelative(one, file, fileName));
      else if (fileName.startsWith('@vmq/')) checkOurs(one, file, fileName);
      else if (!file.isTest) checkForeign(one, file, fileName);
    }
    if (!file.isTest) graph.set(path, edges);
  }
  for (const target of used)
    if (!one.references.has(target))
      problems.push(`packages/${name}/tsconfig.json: no reference to ../${target}`);
  for (const dependency of one.declared)
    if (dependency.startsWith('@vmq/') && !used.has(dependency.slice(5)))
      problems.push(`packages/${name}/package.json: ${dependency} is declared and never imported`);
  const cycle = findCycle(graph);
  if (cycle !== null)
    problems.push(
      `packages/${name}: import cycle ${cycle.map((file) => relative(folder, file)).join(' -> ')}`,
    );
  return problems;
}

function checkRelative(one: PackageUnderCheck, file: ImportingFile, fileName: string): string {
  const target = resolve(dirname(file.path), fileName);
  if (!existsSync(target) && !fileName.endsWith('.js'))
    one.problems.push(`${file.where}: no such file ${fileName}`);
  if (!file.isTest && !target.startsWith(join(one.folder, 'src')))
    one.problems.push(`${file.where}: reaches outside its package: ${fileName}`);
  return target;
}

function checkOurs(one: PackageUnderCheck, { where, isTest }: ImportingFile, fileName: string): void {
  const target = fileName.slice(5);
  if (target.includes('/'))
    one.problems.push(`${where}: deep import ${fileName}; only the package's index is public`);
  if (target === one.name) return;
  if (!isTest) {
    one.used.add(target);
    if (!one.allowed.includes(target))
      one.problems.push(
        `${where}: ${one.name} may not import ${target} (it may import: ${one.allowed.join(', ') || 'nothing'})`,
      );
  }
  if (!one.declared.has(fileName) && !(isTest && one.development.has(fileName)))
    one.problems.push(`${where}: ${fileName} is not in package.json`);
}

function checkForeign(one: PackageUnderCheck, { where }: ImportingFile, fileName: string): void {
  if (fileName.startsWith('node:')) {
    const list = NODE_ALLOWED[one.name];
    if (list === undefined || (list !== null && !list.includes(fileName)))
      one.problems.push(
        `${where}: ${one.name} may not import ${fileName}; I/O, clock and chance come through machine`,
      );
    return;
  }
  const parts = fileName.split('/').slice(0, fileName.startsWith('@') ? 2 : 1);
  if (!one.declared.has(parts.join('/'))) one.problems.push(`${where}: ${fileName} is not in package.json`);
}

function sourceFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}
