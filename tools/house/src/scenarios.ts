// Writes docs/scenarios.md: the behaviours that tests show, by topic, each with its name and the file it stands in.
//
//   node tools/house/dist/scenarios.js            writes the page
//   node tools/house/dist/scenarios.js --check    exit code 1 if it is not what the tests say
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { TOPICS, type Topic } from './scenario-topics.ts';

const root = resolve(import.meta.dirname, '../../..');
const PAGE = join(root, 'docs/scenarios.md');
const INTRODUCTION = `# Scenarios

What the tests show, as a NIC engineer would look for it. Each line is the name of a test in the file above it; ids are those of
[requirements.md](requirements.md). Written by \`node tools/house/dist/scenarios.js\`; the rest of the tests are named alike.
`;

/** Every test file of the packages, by its name without `.test.ts`; a name may be used by several packages. */
function testFiles(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const name of readdirSync(join(root, 'packages')).sort()) {
    const folder = join(root, 'packages', name, 'test');
    if (!existsSync(folder)) continue;
    for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
      if (!path.endsWith('.test.ts')) continue;
      const key = basename(path, '.test.ts');
      found.set(key, [...(found.get(key) ?? []), join(folder, path)]);
    }
  }
  return found;
}

/** The names of the tests in a file, in their order; placeholders of tables stay as they are. */
function testNames(path: string): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isTest(node.expression)) {
      const [name] = node.arguments;
      if (name !== undefined && ts.isStringLiteralLike(name)) names.push(name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true));
  return names;
}

/** `it`, `test`, or one of them with a table or properties: `it.each(…)`, `test.prop(…)`. */
function isTest(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return callee.text === 'it' || callee.text === 'test';
  return (
    ts.isCallExpression(callee) &&
    ts.isPropertyAccessExpression(callee.expression) &&
    isTest(callee.expression.expression)
  );
}

function section({ title, says, files }: Topic, known: ReadonlyMap<string, readonly string[]>): string {
  const lines = [`## ${title}`, '', says, ''];
  for (const name of files) {
    const paths = known.get(name);
    if (paths === undefined) throw new Error(`scenario-topics.ts: no test file is named ${name}.test.ts`);
    for (const path of paths) {
      lines.push(`\`${relative(root, path)}\``, '');
      lines.push(...testNames(path).map((test) => `- ${test}`), '');
    }
  }
  return lines.join('\n');
}

const known = testFiles();
const page = `${INTRODUCTION}\n${TOPICS.map((topic) => section(topic, known)).join('\n')}`;
if (!process.argv.includes('--check')) writeFileSync(PAGE, page);
else if (!existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== page) {
  console.error('docs/scenarios.md is not what the tests say: node tools/house/dist/scenarios.js');
  process.exitCode = 1;
}
