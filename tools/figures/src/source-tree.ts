// The sources of a tree as they are judged: all of packages/*/src but what is generated, and tests.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

export interface SourceFile {
  /** Path from the tree's root. */
  readonly path: string;
  readonly text: string;
  readonly ast: ts.SourceFile;
}

const isTest = (path: string): boolean => /\.(test|test-support|test-d)\.ts$/.test(path);
const isGenerated = (path: string): boolean => /\/src\/generated\//.test(path);
/** What is not the project's own, or made by its build. */
const OUTSIDE = new Set(['node_modules', 'dist', 'temp', '.git', '.turbo']);

/** Files below a folder, as paths from the root. */
export function filesBelow(root: string, folder: string): string[] {
  const from = join(root, folder);
  if (!existsSync(from)) return [];
  return readdirSync(from, { withFileTypes: true }).flatMap((entry) => {
    if (OUTSIDE.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(root, path) : [path];
  });
}

export function parseSource(path: string, text: string): SourceFile {
  return { path, text, ast: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true) };
}

/** Sources of the packages, without what is generated and without tests. */
export function packageSources(root: string): SourceFile[] {
  return readdirSync(join(root, 'packages'))
    .flatMap((name) => filesBelow(root, join('packages', name, 'src')))
    .filter((path) => path.endsWith('.ts') && !isTest(path) && !isGenerated(path))
    .sort()
    .map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')));
}

/** Every node of a file, parents before what is in them. */
export function* nodesOf(file: SourceFile): Generator<ts.Node> {
  const waiting: ts.Node[] = [file.ast];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    const inner: ts.Node[] = [];
    ts.forEachChild(node, (child) => {
      inner.push(child);
    });
    waiting.push(...inner.reverse());
  }
}

/** Line of a position, from 1. */
export const lineAt = ({ ast }: SourceFile, position: number): number =>
  ast.getLineAndCharacterOfPosition(position).line + 1;

/** `path:line` of a node. */
export const placeOf = (file: SourceFile, node: ts.Node): string =>
  `${file.path}:${lineAt(file, node.getStart(file.ast))}`;

/** Scripts of the tools that no compiler checks, with their lines. */
export function untypedTools(root: string): { readonly path: string; readonly lines: number }[] {
  return filesBelow(root, 'tools')
    .map((path) => relative('', path))
    .filter((path) => /\.(mjs|cjs|js)$/.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
    .filter(({ text }) => !/^(#!.*\n)?\/\/ @ts-check\n/.test(text))
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
}
