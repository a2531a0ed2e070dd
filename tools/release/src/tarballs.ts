// `pnpm tarballs [DIR]`: packs every package as it would be published, so that other projects can install them:
//   npm install DIR/*.tgz
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pack } from './pack.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const directory = resolve(process.argv[2] ?? join(root, 'tarballs'));

mkdirSync(directory, { recursive: true });
for (const name of readdirSync(directory)) {
  // Of an earlier version, which would be installed beside this one.
  if (/^vmq-.*\.tgz$/.test(name)) rmSync(join(directory, name));
}
pack(root, directory);
const packed = readdirSync(directory).filter((name) => name.endsWith('.tgz'));
console.log(`${packed.length} packages in ${directory}`);
console.log(`npm install ${relative(process.cwd(), directory) || '.'}/*.tgz`);
