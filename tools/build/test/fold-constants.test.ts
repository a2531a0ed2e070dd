import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');

/** Names imported by a compiled module: local name to the module's specifier and the name there. */
function importsOf(text: string): Map<string, readonly [specifier: string, name: string]> {
  const source = ts.createSourceFile('module.js', text, ts.ScriptTarget.ES2022);
  const found = new Map<string, readonly [string, string]>();
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
    const bindings = statement.importClause?.namedBindings;
    if (bindings === undefined || !ts.isNamedImports(bindings)) continue;
    for (const { name, propertyName } of bindings.elements)
      found.set(name.text, [statement.moduleSpecifier.text, (propertyName ?? name).text]);
  }
  return found;
}

async function exportOf(file: string, specifier: string, name: string): Promise<unknown> {
  const path = specifier.startsWith('.')
    ? join(dirname(file), specifier)
    : join(root, 'packages', specifier.slice('@vmq/'.length), 'dist/index.js');
  // Not by a path that vitest would lead to the source.
  const module: Record<string, unknown> = await import(/* @vite-ignore */ `file://${path}`);
  return module[name];
}

test('constants written out by the build have the values that the modules export', async () => {
  let folded = 0;
  for (const name of readdirSync(join(root, 'packages'))) {
    const dist = join(root, 'packages', name, 'dist');
    if (!existsSync(dist)) continue;
    for (const path of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.js')) continue;
      const file = join(dist, path);
      const text = readFileSync(file, 'utf8');
      const imports = importsOf(text);
      for (const [, value, use] of text.matchAll(
        /(-?[\d.]+(?:e[+-]?\d+)?)\)? \/\* ([A-Za-z_]\w*(?:\.\w+)?) \*\//g,
      )) {
        const [local = '', member] = (use as string).split('.');
        const from = imports.get(local);
        const isOwn = text.includes(`export const ${local} `);
        if (from === undefined && !isOwn) continue; // somebody's own comment
        const exported = await exportOf(file, ...(from ?? [`./${basename(path)}`, local]));
        const expected = member === undefined ? exported : (exported as Record<string, number>)[member];
        expect(Number(value), `${path}: ${use}`).toBe(expected);
        folded++;
      }
    }
  }
  expect(folded).toBeGreaterThan(1000);
});
