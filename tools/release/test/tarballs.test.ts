/**
 * `pnpm tarballs` packs what another project installs: here the tarballs are unpacked as npm would lay them out, without a
 * registry, and used from there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const packages = readdirSync(join(root, 'packages'));
/** It is where `pnpm test` runs; fetching one is not a test's to do. */
const pnpm = spawnSync('pnpm', ['--version'], { cwd: root }).status === 0;

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}
const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

describe.skipIf(!pnpm)(pnpm ? 'packed packages' : 'packed packages: there is no pnpm on the PATH', () => {
  const project = mkdtempSync(join(tmpdir(), 'vmq-tarballs-'));
  const installed = (name: string): string => join(project, 'node_modules', name);
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  beforeAll(() => {
    const tarballs = join(project, 'tarballs');
    execFileSync(process.execPath, [join(root, 'tools/release/dist/tarballs.js'), tarballs]);
    expect(readdirSync(tarballs)).toHaveLength(packages.length);
    for (const file of readdirSync(tarballs)) {
      const unpacked = mkdtempSync(join(project, 'unpacked-'));
      execFileSync('tar', ['-xzf', join(tarballs, file), '-C', unpacked]);
      const { name } = manifestOf(join(unpacked, 'package'));
      mkdirSync(dirname(installed(name)), { recursive: true });
      execFileSync('mv', [join(unpacked, 'package'), installed(name)]);
    }
    for (const folder of packages) {
      // What comes from the registry, the checkout has.
      for (const name of Object.keys(manifestOf(installed(`@vmq/${folder}`)).dependencies ?? {}))
        if (!existsSync(installed(name)))
          symlinkSync(realpathSync(join(root, 'packages', folder, 'node_modules', name)), installed(name));
    }
  }, 120_000);

  it('depend on each other by version, and have nothing that is only for tests', () => {
    for (const folder of packages) {
      const home = installed(`@vmq/${folder}`);
      for (const [name, range] of Object.entries(manifestOf(home).dependencies ?? {})) {
        expect(range, `${folder} on ${name}`).toMatch(/^[\d^~]/);
        expect(existsSync(installed(name)), name).toBe(true);
      }
      const files = readdirSync(home, { recursive: true, encoding: 'utf8' });
      expect(files.filter((file) => /\.test[.-]|tsbuildinfo/.test(file))).toEqual([]);
      expect(files).toContain('README.md');
      expect(files).toContain('LICENSE');
    }
  });

  it('run the example of the README', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const [, code, output] = /```ts\n([\s\S]*?)```\s*```text\n([\s\S]*?)```/.exec(readme) as unknown as [
      string,
      string,
      string,
    ];
    writeFileSync(join(project, 'example.mjs'), code);
    expect(execFileSync(process.execPath, ['example.mjs'], { cwd: project, encoding: 'utf8' })).toBe(output);
  });

  it('run the command, on threads of its own as well', () => {
    const main = join(installed('@vmq/cli'), 'dist/main.js');
    const capture = join(root, 'captures/vlan.pcapng');
    for (const flags of [[], ['--processors', '2']]) {
      const out = execFileSync(process.execPath, [main, 'replay', capture, '--json', ...flags], {
        encoding: 'utf8',
      });
      expect(JSON.parse(out)).toMatchObject({ received: 1643, conservation: true, ends: { dropped: {} } });
    }
  });
});
