// A copy of the tree in which one file at a time is made worse, as source and as built.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';

const EVERYTHING = ['packages', 'captures', 'tools', 'docs', 'examples'];

/** Where packages are. */
const HOMES = ['packages', 'tools'];

/**
 * A copy that shares the installed packages; workspace links are relative and so stay inside it. `parts`: which members
 * of each package are copied, all if it is not given.
 */
export function copyTree(root: string, parts?: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'vmq-copy-'));
  const copy = (from: string, to: string): void =>
    cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  if (parts === undefined) {
    for (const entry of readdirSync(root, { withFileTypes: true }))
      if (entry.isFile()) copy(join(root, entry.name), join(folder, entry.name));
    for (const name of EVERYTHING)
      if (existsSync(join(root, name))) copy(join(root, name), join(folder, name));
  } else {
    for (const home of HOMES) {
      mkdirSync(join(folder, home));
      for (const name of readdirSync(join(root, home)))
        for (const part of parts) {
          const from = join(root, home, name, part);
          if (existsSync(from)) copy(from, join(folder, home, name, part));
        }
    }
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** Writes a file of the copy, as source where the copy has sources, and as built. */
export function putFile(folder: string, file: string, text: string): void {
  if (existsSync(join(folder, file))) writeFileSync(join(folder, file), text);
  const { outputText } = ts.transpileModule(text, {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  });
  writeFileSync(join(folder, file.replace('/src/', '/dist/').replace(/\.ts$/, '.js')), outputText);
}

export const removeCopy = (folder: string): void => rmSync(folder, { recursive: true, force: true });
