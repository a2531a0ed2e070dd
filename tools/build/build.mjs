// @ts-check
// Builds what `tsc -b` builds, with two steps more: numeric constants are written out (fold-constants.mjs), and functions are
// called by constants of the module (local-functions.mjs).
//
//   node tools/build/build.mjs [PROJECT…] [--clean]     projects are folders; without any the whole repository
//
// A file that only uses a constant is not compiled anew by TypeScript when the constant's value changes. So each project
// keeps a note beside its output, of the constants of all projects that it is built on and of the state that TypeScript
// left: where they no longer fit (a constant has changed, or a plain `tsc -b` came between), the project is built from
// nothing. Nobody looks at other projects than those named and those that they are built on: turbo builds several at once.
//
// Typed JavaScript rather than TypeScript: it runs before anything is built, on Node versions that do not strip types.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import ts from 'typescript';
import { ConstantTable } from './constant-table.mjs';
import { foldConstants } from './fold-constants.mjs';
import { callLocalFunctions } from './local-functions.mjs';

const root = resolve(import.meta.dirname, '../..');
const { values, positionals } = parseArgs({
  options: { clean: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const projects = positionals.length > 0 ? positionals.map((path) => resolve(path)) : [root];

const formatHost = {
  getCanonicalFileName: (/** @type {string} */ name) => name,
  getCurrentDirectory: () => root,
  getNewLine: () => '\n',
};
const report = (/** @type {ts.Diagnostic} */ diagnostic) =>
  console.error(ts.formatDiagnostic(diagnostic, formatHost).trimEnd());
const host = ts.createSolutionBuilderHost(ts.sys, undefined, report, report);
const builder = ts.createSolutionBuilder(host, projects, {});

const table = new ConstantTable(root);
/** @type {Map<string, string>} */
const hashes = new Map();
const concerned = withReferences(projects);
for (const project of concerned)
  if (values.clean || (existsSync(stateFile(project)) && note(project) !== lastNote(project)))
    builder.clean(project);

const before = [foldConstants(table), callLocalFunctions()];
const status = builder.build(undefined, undefined, undefined, () => ({ before }));
for (const project of concerned)
  if (existsSync(stateFile(project))) writeFileSync(noteFile(project), note(project));
process.exitCode = status === ts.ExitStatus.Success ? 0 : 1;

/**
 * The projects and all that they are built on.
 * @param {readonly string[]} some
 */
function withReferences(some) {
  /** @type {Set<string>} */
  const found = new Set();
  const open = [...some];
  for (let project = open.pop(); project !== undefined; project = open.pop()) {
    if (found.has(project)) continue;
    found.add(project);
    const { config } = ts.readConfigFile(join(project, 'tsconfig.json'), ts.sys.readFile);
    for (const { path } of config?.references ?? []) open.push(resolve(project, path));
  }
  return found;
}

/** @param {string} project */
function stateFile(project) {
  return join(project, 'dist/.tsbuildinfo');
}

/** @param {string} project */
function noteFile(project) {
  return join(project, 'dist/.folded.tsbuildinfo');
}

/** @param {string} project */
function note(project) {
  return `${hashOfConstants(project)} ${createHash('sha256')
    .update(readFileSync(stateFile(project)))
    .digest('hex')}`;
}

/** @param {string} project */
function lastNote(project) {
  return existsSync(noteFile(project)) ? readFileSync(noteFile(project), 'utf8') : '';
}

/**
 * Over what makes the folded code of a project: this step, and the values of all constants that the project and those it is built
 * on export. Only the values count, whatever they are computed from.
 * @param {string} project
 */
function hashOfConstants(project) {
  const hash = createHash('sha256');
  for (const file of ['fold-constants.mjs', 'constant-table.mjs', 'local-functions.mjs'])
    hash.update(readFileSync(join(import.meta.dirname, file)));
  for (const one of [...withReferences([project])].sort()) hash.update(ownHash(one));
  return hash.digest('hex');
}

/** @param {string} project */
function ownHash(project) {
  const known = hashes.get(project);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  const folder = join(project, 'src');
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  for (const name of names.sort()) {
    if (!name.endsWith('.ts')) continue;
    hash.update(`${name}\n${table.textOf(join(folder, name))}\n`);
  }
  const own = hash.digest('hex');
  hashes.set(project, own);
  return own;
}
