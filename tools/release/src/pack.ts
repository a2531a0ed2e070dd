// Packing: only pnpm turns `workspace:` into versions.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Packs every package under packages/ into `directory`. Throws if that does not work. */
export function pack(root: string, directory: string): void {
  // The pnpm that runs this, or the one that the manifest names.
  const shell = process.platform === 'win32';
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    packageManager: string;
  };
  const isHere = spawnSync('pnpm', ['--version'], { cwd: root, shell }).status === 0;
  const [command = '', ...first] = isHere ? ['pnpm'] : ['npx', '--yes', packageManager];
  const args = [...first, '--filter', './packages/*', 'pack', '--pack-destination', directory];
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], shell });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${status}`);
}
