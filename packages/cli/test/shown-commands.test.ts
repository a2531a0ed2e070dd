/** Every command that a page or a help shows can be pasted: each is run, as it stands, where its files are. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { REPLAY_HELP, SIMULATE_HELP, VMQ_HELP, WHY_HELP } from '../src/help.ts';
import { CAPTURES, MAIN, Scratch } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const root = resolve(import.meta.dirname, '../../..');
const page = (name: string): string => readFileSync(resolve(root, name), 'utf8');
const bin = join(scratch.path, 'bin');
mkdirSync(bin);
for (const [name, shift] of [
  ['vmq', ''],
  ['pnpm', 'shift; '],
] as const) {
  writeFileSync(join(bin, name), `#!/bin/sh\n${shift}exec '${process.execPath}' '${MAIN}' "$@"\n`);
  chmodSync(join(bin, name), 0o755);
}

/** Lines of one block are run one after the other, in a directory of their own. */
const helps = { vmq: VMQ_HELP, replay: REPLAY_HELP, why: WHY_HELP, simulate: SIMULATE_HELP };
const blocks: [where: string, script: string][] = [
  ...Object.entries(helps).map(([name, text]): [string, string] => [
    `the help of ${name}`,
    [...text.matchAll(/^ {2}(vmq .*)$/gm)].map((match) => match[1]).join('\n'),
  ]),
  ...['docs/cli.md', 'packages/cli/README.md'].flatMap((name) =>
    [...page(name).matchAll(/```sh\n((?:vmq .*\n)+)```/g)].map((match, i): [string, string] => [
      `${name}, block ${i + 1}`,
      match[1],
    ]),
  ),
  ...[...page('README.md').matchAll(/^(pnpm vmq .*)$/gm)].map((match): [string, string] => [
    'README.md',
    match[1],
  ]),
];

/** VMs of the recorded network. */
const HOST = `vms:
  - { name: one, mac: 00-15-5D-0A-00-01 }
  - { name: two, mac: 00-15-5D-0A-00-02 }
`;

it('there are some', () => expect(blocks.length).toBeGreaterThan(12));

it.skipIf(process.platform === 'win32').each(blocks)(
  '%s: %s',
  (_, script) => {
    const directory = mkdtempSync(join(scratch.path, 'block-'));
    symlinkSync(CAPTURES, join(directory, 'captures'));
    symlinkSync(join(CAPTURES, 'lan.pcapng'), join(directory, 'lan.pcapng'));
    writeFileSync(join(directory, 'host.yaml'), HOST);
    const run = spawnSync('sh', ['-e', '-c', script], {
      cwd: directory,
      encoding: 'utf8',
      env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
    });
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: '' });
  },
  900_000,
);
