// Every import of every package, by dependency-cruiser: does it go down, is it declared, does it stay out of other
// packages' insides? And what dependency-cruiser does not know: package.json and tsconfig.json name the same packages as
// the sources.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cruise, type ICruiseResult, type IViolation } from 'dependency-cruiser';
import ts from 'typescript';
import { importRules } from './import-rules.ts';
import { MAY_IMPORT } from './plan.ts';

function packagesOf(tree: string): string[] {
  return readdirSync(join(tree, 'packages')).filter((name) =>
    existsSync(join(tree, 'packages', name, 'package.json')),
  );
}

/** What sources import, `tree` being a folder that has packages/. */
export async function readImports(tree: string): Promise<ICruiseResult> {
  const { output } = await cruise(
    packagesOf(tree).map((name) => `packages/${name}/src`),
    {
      baseDir: tree,
      exclude: { path: '[.]test[.-]' },
      doNotFollow: { path: 'node_modules' },
      tsPreCompilationDeps: true,
      validate: true,
      ruleSet: { forbidden: importRules() },
    },
    {
      conditionNames: ['@vmq/source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  );
  if (typeof output === 'string') throw new Error(output);
  return output;
}

/** Broken rules of the house plan, a line each. */
export function importProblems(tree: string, imports: ICruiseResult): string[] {
  const names = packagesOf(tree);
  const unplanned = names
    .filter((name) => MAY_IMPORT[name] === undefined)
    .map((name) => `packages/${name}: not in the house plan; give it a floor in tools/house/src/plan.ts`);
  const gone = Object.keys(MAY_IMPORT)
    .filter((name) => !names.includes(name))
    .map((name) => `tools/house/src/plan.ts: there is no package ${name}`);
  return [
    ...unplanned,
    ...gone,
    ...imports.summary.violations.map(told),
    ...names.flatMap((name) => namedProblems(tree, name, usedBy(name, imports))),
  ];
}

function told({ rule, from, to, comment, cycle }: IViolation): string {
  const circle = cycle?.map(({ name }) => name).join(' -> ');
  return `${from} -> ${circle ?? to}: ${rule.name}${comment === undefined ? '' : ` (${comment})`}`;
}

/** Packages of ours that the sources of `name` import. */
function usedBy(name: string, { modules }: ICruiseResult): ReadonlySet<string> {
  const used = new Set<string>();
  for (const { source, dependencies } of modules)
    if (source.startsWith(`packages/${name}/`))
      for (const { module } of dependencies) if (module.startsWith('@vmq/')) used.add(module.slice(5));
  used.delete(name);
  return used;
}

function namedProblems(tree: string, name: string, used: ReadonlySet<string>): string[] {
  const folder = `packages/${name}`;
  const { dependencies = {} } = JSON.parse(readFileSync(join(tree, folder, 'package.json'), 'utf8')) as {
    dependencies?: Readonly<Record<string, string>>;
  };
  const config = ts.parseConfigFileTextToJson('', readFileSync(join(tree, folder, 'tsconfig.json'), 'utf8'))
    .config as { references?: readonly { path: string }[] };
  const declared = Object.keys(dependencies).filter((name) => name.startsWith('@vmq/'));
  const references = (config.references ?? []).map(({ path }) => path);
  return [
    ...declared
      .filter((name) => !used.has(name.slice(5)))
      .map((name) => `${folder}/package.json: ${name} is declared and never imported`),
    ...[...used]
      .filter((name) => !declared.includes(`@vmq/${name}`))
      .map((name) => `${folder}/package.json: @vmq/${name} is imported and not declared`),
    ...[...used]
      .filter((name) => !references.includes(`../${name}`))
      .map((name) => `${folder}/tsconfig.json: no reference to ../${name}`),
  ];
}
