// Every README shows an example and what it prints. Here each one is compiled as it stands, run as a stranger would
// run it (against the built packages), and compared with what the README says.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const packages = resolve(import.meta.dirname, '../../../packages');

interface Example {
  readonly package: string;
  readonly file: string;
  readonly code: string;
  readonly output: string;
}

/** The root's README; its examples run as the command's package, which depends on all that they import. */
const ROOT = 'vmq';
const folderOf = (name: string): string => join(packages, name === ROOT ? 'cli' : name);
const readmeOf = (name: string): string =>
  readFileSync(join(name === ROOT ? resolve(packages, '..') : folderOf(name), 'README.md'), 'utf8');

function examplesOf(name: string): Example[] {
  const readme = readmeOf(name);
  const found: Example[] = [];
  for (const match of readme.matchAll(/```ts\n(\/\/ example\n[\s\S]*?)```\s*```text\n([\s\S]*?)```/g)) {
    // Inside the package, so that its own name and its dependencies resolve; not in dist, which is packed.
    const file = join(folderOf(name), 'temp', `readme-${name}-${found.length}.ts`);
    found.push({ package: name, file, code: match[1], output: match[2] });
  }
  return found;
}

const packageNames = readdirSync(packages).filter((name) => existsSync(join(packages, name, 'package.json')));
const names = [...packageNames, ROOT];

describe('README examples', () => {
  it.each(names)('@vmq/%s has a README with an example, its output and a "Not modelled" list', (name) => {
    const readme = readmeOf(name);
    const examples = examplesOf(name);
    expect(examples.length, 'examples with output').toBeGreaterThan(0);
    // What can be pasted was compiled and run: there is no code in a README that was not.
    expect(readme.match(/^```(ts|js|typescript|javascript)$/gm)).toHaveLength(examples.length);
    expect(readme).toMatch(/^## Not modelled/m);
  });

  it.each(names)(
    '@vmq/%s says that it is not published, and where it is told how to use it all the same',
    (name) => {
      const readme = readmeOf(name);
      expect(readme).not.toMatch(/(npm|pnpm|yarn) (install|i|add) (--?\w+ )*@vmq\//);
      expect(readme).toMatch(
        name === ROOT ? /^## Install\n\nNothing of it is published/m : /^Not published to npm yet/m,
      );
      if (name !== ROOT) expect(readme).toContain('](../../README.md#install)');
    },
  );

  const examples = names.flatMap(examplesOf);
  for (const example of examples) {
    mkdirSync(dirname(example.file), { recursive: true });
    writeFileSync(example.file, example.code);
  }

  it('type-check as written', () => {
    const program = ts.createProgram(
      examples.map((example) => example.file),
      {
        target: ts.ScriptTarget.ES2022,
        lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
        module: ts.ModuleKind.NodeNext,
        moduleResolution: ts.ModuleResolutionKind.NodeNext,
        strict: true,
        noEmit: true,
        skipLibCheck: true,
        types: ['node'],
        typeRoots: [resolve(import.meta.dirname, '../../../node_modules/@types')],
      },
    );
    const errors = ts.getPreEmitDiagnostics(program).map((diagnostic) => {
      const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
      return `${diagnostic.file?.fileName.replace(packages, 'packages') ?? ''}: ${text}`;
    });
    expect(errors).toEqual([]);
  });

  it.each(examples)('@vmq/$package prints what its README says', (example) => {
    const script = example.file.replace(/\.ts$/, '.mjs');
    const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    writeFileSync(script, ts.transpileModule(example.code, { compilerOptions: options }).outputText);
    const printed = execFileSync(process.execPath, [script], { encoding: 'utf8', cwd: join(packages, '..') });
    expect(printed.trimEnd()).toBe(example.output.trimEnd());
  });
});
