/** Functions are called by constants of the module, and by nothing else that has their name. */
import ts from 'typescript';
import { expect, test } from 'vitest';

// The build's steps are JavaScript with types in comments: it runs before anything is built.
const { callLocalFunctions }: { callLocalFunctions(): ts.TransformerFactory<ts.SourceFile> } = await import(
  new URL('../local-functions.mjs', import.meta.url).href
);

function compiled(text: string): string {
  const options = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  };
  const transformers = { before: [callLocalFunctions()] };
  return ts.transpileModule(text, { compilerOptions: options, transformers }).outputText;
}

test('a call of an imported function goes to a constant behind the imports', () => {
  const text = compiled(
    "import { ruleOf } from './verdict.js';\nexport const isOwn = (v: number) => ruleOf(v) === 1;",
  );
  expect(text).toContain("import { ruleOf } from './verdict.js';\nconst ruleOf$ = ruleOf;");
  expect(text).toContain('ruleOf$(v) === 1');
});

test('so does one of an exported function of the same module', () => {
  const text = compiled(
    'export function half(n: number) { return n / 2; }\nexport const quarter = (n: number) => half(half(n));',
  );
  expect(text).toContain('const half$ = half;');
  expect(text).toContain('half$(half$(n))');
  expect(text).toContain('export function half(n)');
});

test('what is not called, is of another package, or is named again in the file stays', () => {
  const values = compiled(
    "import { compare } from './order.js';\nexport const sort = (list: number[]) => list.sort(compare);",
  );
  expect(values).not.toContain('$');
  const foreign = compiled("import { join } from 'node:path';\nexport const at = () => join('a', 'b');");
  expect(foreign).not.toContain('$');
  const shadowed = compiled(
    "import { take } from './queue.js';\nexport const all = (take: () => number) => take();\nexport const one = () => take();",
  );
  expect(shadowed).not.toContain('$');
  const member = compiled(
    "import { take } from './queue.js';\nexport const of = (queue: { take(): void }) => queue.take();",
  );
  expect(member).not.toContain('$');
});
