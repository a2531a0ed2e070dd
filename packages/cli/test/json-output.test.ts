/** Every document that `--json` prints, errors too, keeps the published schema and has its version. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { frame, pcap, VM1, VM2 } from './build-capture.test-support.ts';
import { schemaProblems } from './json-schema.test-support.ts';
import { CAPTURES, type Run, Scratch, vmq } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const PUBLISHED = resolve(import.meta.dirname, '../schema/output.v1.json');
const schema = JSON.parse(readFileSync(PUBLISHED, 'utf8'));
const good = scratch.file(
  'good.pcap',
  pcap(frame({ destination: VM1 }), frame({ destination: VM2, vlan: 7 })),
);
const cut = scratch.file('cut.pcap', readFileSync(good).subarray(0, 120));
const FAILED = resolve(
  import.meta.dirname,
  '../../simulator/test/regressions/reset-of-a-halted-adapter.json',
);

function documentOf(run: Run): Record<string, unknown> {
  const document = JSON.parse(run.out);
  expect(schemaProblems(document, schema)).toEqual([]);
  expect(document.version).toBe(1);
  return document;
}

describe('--json', () => {
  it.each([
    ['replay', 0, ['replay', good, '--json', '--out', join(scratch.path, 'out')]],
    ['replay', 0, ['replay', join(CAPTURES, 'lan.pcapng'), '--json']],
    ['replay', 2, ['replay', cut, '--json']],
    ['why', 0, ['why', good, '1', '--json']],
    ['why', 0, ['why', good, '2', '--json', '--vms', '1']],
    ['simulate', 0, ['simulate', '--steps', '50', '--json']],
    ['simulate', 0, ['simulate', '--steps', '50', '--model', '--json']],
    ['simulate', 0, ['simulate', '--replay', FAILED, '--json']],
  ])('a result of %s, exit code %i', async (command, code, args) => {
    const run = await vmq(...args);
    expect(documentOf(run)).toMatchObject({ version: 1, command });
    expect(run.code).toBe(code);
  });

  it.each([
    ['usage', null, ['--json', 'nonsense']],
    ['usage', 'replay', ['replay', '--json']],
    ['usage', 'replay', ['replay', good, '--json', '--vms', 'many']],
    ['usage', 'why', ['why', good, '0', '--json']],
    ['usage', 'simulate', ['simulate', '--json', '--what']],
    ['cannot-run', 'replay', ['replay', '/nowhere', '--json']],
    ['cannot-run', 'why', ['why', good, '9', '--json']],
    ['cannot-run', 'simulate', ['simulate', '--replay', '/nowhere', '--json']],
    ['cannot-run', 'simulate', ['simulate', '--faults', 'luck', '--json']],
  ])('an error: %s of %s', async (code, command, args) => {
    const run = await vmq(...args);
    const document = documentOf(run);
    expect(document).toMatchObject({ command, error: { code, exitCode: run.code } });
    expect(run.code).toBe(1);
    if (command === 'replay') expect(document).toMatchObject({ host: {}, queues: [] });
    // People get the same on standard error.
    const { messages } = document['error'] as { messages: string[] };
    for (const message of messages) expect(run.err).toContain(message);
  });

  it('an error after it was interrupted', async () => {
    let asked = 0;
    const run = await vmq.interrupted(
      () => ++asked > 3,
      'why',
      join(CAPTURES, 'lan.pcapng'),
      '9000',
      '--json',
    );
    expect(run.code).toBe(130);
    expect(documentOf(run)).toMatchObject({ command: 'why', error: { code: 'interrupted', exitCode: 130 } });
  });

  it('the schema is what vmq schema prints', async () => {
    expect(await vmq('schema')).toEqual({ code: 0, err: '', out: readFileSync(PUBLISHED, 'utf8') });
  });
});

it('vmq --version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../package.json'), 'utf8'));
  expect(await vmq('--version')).toEqual({ code: 0, err: '', out: `${version}\n` });
  expect(await vmq('-V')).toMatchObject({ code: 0, out: `${version}\n` });
});

it.each(['', 'replay', 'why', 'simulate'])(
  'vmq %s --help has examples and exit codes, in 80 columns',
  async (name) => {
    const run = await vmq(...(name === '' ? [] : [name]), '--help');
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(run.out).toMatch(/\nExamples:\n {2}vmq /);
    for (const code of [0, 1, 2, 3, 130]) expect(run.out).toMatch(new RegExp(`\n {2}${code} +\\w`));
    for (const line of run.out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  },
);
