/** What goes to standard output and to the terminal: all of it, nothing that acts, and an end that says if not. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { columnsOf } from '../src/text/shown-text.ts';
import { frame, pcap, VM1, VM2 } from './build-capture.test-support.ts';
import { CAPTURES, MAIN, Scratch, vmq, vmqProcess } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const good = scratch.file('good.pcap', pcap(frame({ destination: VM1 }), frame({ destination: VM2 })));
const noCapture = scratch.file('none.pcap', 'none');

function withOutput(path: string, args: readonly string[]): Promise<{ code: unknown; err: string }> {
  const fd = openSync(path, 'a');
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', fd, 'pipe'] });
  closeSync(fd);
  let err = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return new Promise((done) => child.on('close', (code, signal) => done({ code: signal ?? code, err })));
}

describe.skipIf(process.platform !== 'linux')('a standard output that is full', () => {
  it.each([
    [2, ['replay', good]],
    [2, ['replay', good, '--json']],
    [2, ['why', good, '1']],
    [2, ['simulate', '--steps', '10']],
    [2, ['--help']],
    [2, ['--version']],
    [1, ['replay', noCapture, '--json']],
  ])('ends with %i: vmq %j', async (code, args) => {
    const run = await withOutput('/dev/full', args);
    expect(run.code).toBe(code);
    expect(run.err).toMatch(/standard output: ENOSPC: no space left on device/);
  });

  it('in the middle of a file, too', async () => {
    const path = join(scratch.path, 'report.json');
    const script = 'ulimit -f 1; exec "$0" "$@" > "$OUT"';
    const args = [MAIN, 'replay', join(CAPTURES, 'lan.pcapng'), '--json'];
    const run = spawnSync('sh', ['-c', script, process.execPath, ...args], {
      encoding: 'utf8',
      env: { ...process.env, OUT: path },
    });
    expect(run.status).toBe(2);
    expect(run.stderr).toMatch(/^standard output: EFBIG/);
  });
});

it('a reader that has gone is no error', () => {
  for (const args of [`replay '${good}' --json`, `why '${good}' 1`, '--help']) {
    const run = spawnSync('sh', ['-c', `'${process.execPath}' '${MAIN}' ${args} | true`], {
      encoding: 'utf8',
    });
    expect(run).toMatchObject({ status: 0, stderr: '' });
  }
});

it('all of a long output comes through a slow reader', () => {
  const text = execFileSync(
    'sh',
    [
      '-c',
      `'${process.execPath}' '${MAIN}' replay '${join(CAPTURES, 'lan.pcapng')}' --json | { sleep 1; cat; }`,
    ],
    { encoding: 'utf8' },
  );
  expect(JSON.parse(text)).toMatchObject({ received: 21_688 });
});

describe('nothing that comes from outside acts on a terminal', () => {
  // What must not be there: control characters but line feeds, and what turns the direction of writing.
  const ACTING = /[^\P{Cc}\n]|[\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;
  const EVIL = 'evil\u001b]0;title\u0007\u001b[2J\u202egpj\u2066\u009b31m';

  it.each([
    ['a path', ['replay', `/nowhere/${EVIL}.pcap`]],
    ['a path of why', ['why', `/nowhere/${EVIL}`, '1']],
    ['a failure file', ['simulate', '--replay', `/nowhere/${EVIL}`]],
    ['a configuration', ['replay', good, '--config', `/nowhere/${EVIL}`]],
    ['an output', ['replay', good, '--out', `/dev/null/${EVIL}`]],
    ['an option', ['replay', good, `--${EVIL}`]],
    ['a command', [EVIL]],
    ['a value', ['replay', good, '--vms', EVIL]],
    ['a fault', ['simulate', '--faults', EVIL]],
    ['a path, as JSON', ['replay', `/nowhere/${EVIL}.pcap`, '--json']],
  ])('%s', async (_, args) => {
    const run = await vmq(...args);
    expect(run.code).not.toBe(0);
    expect(run.err + run.out).not.toMatch(ACTING);
    expect(run.err).toContain('evil\\u001b]0;title\\u0007');
    if (args.includes('--json')) expect(JSON.parse(run.out).error.messages[0]).toContain(EVIL);
  });

  it('names of a configuration and of files, in every report', async () => {
    // A configuration refuses what it knows to act; a name of zero width passes.
    const name = 'we\u00adb';
    const config = scratch.file('evil.yaml', `vms:\n  - { name: "${name}", mac: 00-15-5D-0A-00-01 }\n`);
    const file = scratch.file('evil\u001b[31m.pcap', pcap(frame({ destination: VM1 }), Buffer.alloc(3)));
    for (const command of [
      ['replay', file, '--out', join(scratch.path, 'evil\u001b[32m')],
      ['replay', file, '--json'],
      ['why', file, '1'],
      ['why', file, '2', '--json'],
    ]) {
      const run = await vmq(...command, '--config', config);
      expect([0, 1, 2]).toContain(run.code);
      expect(run.err + run.out).not.toMatch(ACTING);
    }
  });

  it('the process as well as the library', async () => {
    const run = await vmqProcess('replay', `/nowhere/${EVIL}`);
    expect(run.err + run.out).not.toMatch(ACTING);
    expect(run.code).toBe(1);
  });
});

describe('nothing is wider than the terminal', () => {
  const long = 'a virtual machine whose name is very long, as people like';
  const names = [long, `${long} (copy)`, 'データベースサーバーデータベースサーバーデータベース', 'x'];
  const config = scratch.file(
    'long.yaml',
    `nic: { profile: netvmini }\nvms:\n${names
      .map(
        (name, i) =>
          `  - { name: "${name}", mac: 00-15-5D-0A-00-0${i + 1}, vmqWeight: ${i === 3 ? 0 : 100} }\n`,
      )
      .join('')}`,
  );

  it.each([
    ['replay', good, '--config', config],
    ['replay', good, '--config', config, '--out', join(scratch.path, 'long')],
    ['why', good, '1', '--config', config],
    ['why', good, '2'],
    ['simulate', '--steps', '20', '--faults', 'all'],
    ['replay', join(CAPTURES, 'lan.pcapng')],
    ['replay', join(CAPTURES, 'vlan.pcapng'), '--vms', '3'],
    ['--help'],
  ])('vmq %s …', async (...args) => {
    const run = await vmq(...args);
    expect(run.code).toBe(0);
    for (const line of run.out.split('\n')) {
      if (!line.startsWith('Files in ')) expect(columnsOf(line), line).toBeLessThanOrEqual(80);
    }
  });
});
