// Every package's README shows an example and what it prints. Here each one is compiled, run as a stranger would
// run it (against the built package), and compared with what the README says.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const packages = resolve(import.meta.dirname, '../packages');

interface Example {
  readonly package: string;
  readonly file: string;
  readonly code: string;
  readonly output: string;
}

function examplesOf(name: string): Example[] {
  const readme = readFileSync(join(packages, name, 'README.md'), 'utf8');
  const found: Example[] = [];
  for (const match of readme.matchAll(/```ts\n(\/\/ example\n[\s\S]*?)```\s*```text\n([\s\S]*?)```/g)) {
    const file = join(packages, name, 'dist', `readme-example-${found.length}.ts`);
    found.push({ package: name, file, code: match[1] as string, output: match[2] as string });
  }
  return found;
}

const names = readdirSync(packages).filter((name) => existsSync(join(packages, name, 'package.json')));

describe('README examples', () => {
  it.each(names)('@vmq/%s has a README with an example, its output and a "Not modelled" list', (name) => {
    expect(existsSync(join(packages, name, 'README.md')), `packages/${name}/README.md`).toBe(true);
    expect(examplesOf(name).length, 'examples with output').toBeGreaterThan(0);
    expect(readFileSync(join(packages, name, 'README.md'), 'utf8')).toMatch(/^## Not modelled/m);
  });

  const examples = names.filter((name) => existsSync(join(packages, name, 'README.md'))).flatMap(examplesOf);
  for (const example of examples) {
    mkdirSync(join(packages, example.package, 'dist'), { recursive: true });
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
        typeRoots: [resolve(import.meta.dirname, '../node_modules/@types')],
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
