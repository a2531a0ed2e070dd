/**
 * docs/cli.md shows commands and what they print, as does the README of its demo; each is run and compared. When a layer words its trace differently,
 * run the command and paste.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkHostConfig } from '@vmq/host';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { vmq } from './run-vmq.test-support.ts';

const root = resolve(import.meta.dirname, '../../..');
const page = readFileSync(resolve(root, 'docs/cli.md'), 'utf8');
const shown = [...page.matchAll(/```sh\nvmq (.*)\n```\n\n```text\n([\s\S]*?)```/g)].map((match) => ({
  command: match[1],
  output: match[2],
}));

/** Where buffers lie in memory is nobody's promise, nor is a simulation's hash from one version to the next. */
const withoutAddresses = (text: string): string =>
  text.replace(/0x[0-9a-f]{8}|offset 0x[0-9a-f]+/g, '0x…').replace(/^trace [0-9a-f]{16}$/m, 'trace …');

it('docs/cli.md shows commands', () => expect(shown.length).toBeGreaterThan(2));

it.each(shown)('vmq $command prints what docs/cli.md shows', async ({ command, output }) => {
  const args = command.split(' ').map((word) => (word.startsWith('captures/') ? resolve(root, word) : word));
  const run = await vmq(...args);
  expect({ ...run, out: withoutAddresses(run.out) }).toEqual({
    code: 0,
    err: '',
    out: withoutAddresses(output),
  });
});

it("the README's first screen is what the demo prints", async () => {
  const { demo } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')).scripts;
  const readme = readFileSync(resolve(root, 'README.md'), 'utf8');
  const args = /packages\/cli\/dist\/main\.js (.*)$/.exec(demo)?.[1]?.split(' ') ?? [];
  const run = await vmq(...args.map((word) => (word.startsWith('captures/') ? resolve(root, word) : word)));
  expect(run).toEqual({
    code: 0,
    err: '',
    out: /pnpm@.* demo[\s\S]*?```text\n([\s\S]*?)```/.exec(readme)?.[1],
  });
  expect(run.out).toMatch(/^received +21688 /m);
  expect(run.out).toMatch(/^dropped +0$/m);
  expect(run.out).toMatch(/\nevery frame ended in exactly one counter\n$/);
});

it('the configuration in docs/cli.md is valid and says the defaults', () => {
  const text = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] as string;
  const { vms, ...rest } = parse(text);
  const [{ name, mac, vlan, ...vm }] = vms;
  expect(checkHostConfig({ ...rest, vms: [{ name, mac, vlan, ...vm }] })).toEqual(
    checkHostConfig({ vms: [{ name, mac, vlan }] }),
  );
});
