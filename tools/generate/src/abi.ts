// Writes packages/abi/src/generated/*.ts from packages/abi/data/abi.x64.json.
//
//   node tools/generate/dist/abi.js            write the files
//   node tools/generate/dist/abi.js --check    exit 1 if a file on disk differs
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Abi } from './abi/data.ts';
import { generateAbi } from './abi/generate.ts';

const root = fileURLToPath(new URL('../../../packages/abi/', import.meta.url));
const target = join(root, 'src/generated');

/** Files under the target, as paths from there. */
function written(): string[] {
  return readdirSync(target, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(target, join(entry.parentPath, entry.name)));
}

const files = generateAbi(JSON.parse(readFileSync(join(root, 'data/abi.x64.json'), 'utf8')) as Abi);
if (process.argv.includes('--check')) {
  const onDisk = new Set(written());
  const stale = [...files]
    .filter(([name, text]) => !onDisk.has(name) || readFileSync(join(target, name), 'utf8') !== text)
    .map(([name]) => name);
  const differing = [...stale, ...[...onDisk].filter((name) => !files.has(name))];
  for (const name of differing) console.error(`differs from the data: ${name}`);
  process.exitCode = differing.length === 0 ? 0 : 1;
} else {
  for (const folder of ['constants', 'structs', 'tables'])
    mkdirSync(join(target, folder), { recursive: true });
  for (const old of written()) if (!files.has(old)) rmSync(join(target, old));
  for (const [name, text] of files) writeFileSync(join(target, name), text);
  console.log(`${files.size} files`);
}
