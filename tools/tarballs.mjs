// `pnpm tarballs [DIR]`: packs every package as it would be published, so that other projects can install them:
//   npm install DIR/*.tgz
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const directory = resolve(process.argv[2] ?? join(root, 'tarballs'));

mkdirSync(directory, { recursive: true });
for (const name of readdirSync(directory)) {
  // Of an earlier version, which would be installed beside this one.
  if (/^vmq-.*\.tgz$/.test(name)) rmSync(join(directory, name));
}

// Only pnpm turns workspace: into versions: the one that runs this script, or the one that the manifest names.
const shell = process.platform === 'win32';
const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const isHere = spawnSync('pnpm', ['--version'], { cwd: root, shell }).status === 0;
const [command, ...first] = isHere ? ['pnpm'] : ['npx', '--yes', packageManager];
const args = [...first, '--filter', './packages/*', 'pack', '--pack-destination', directory];
const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], shell });
const packed = readdirSync(directory).filter((name) => name.endsWith('.tgz'));
if (status === 0) {
  console.log(`${packed.length} packages in ${directory}`);
  console.log(`npm install ${relative(process.cwd(), directory) || '.'}/*.tgz`);
}
process.exitCode = status ?? 1;
