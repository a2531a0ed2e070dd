/** The files of `--out`, as processes write them: whole or not at all, one run a directory, and nowhere else. */
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DirectoryLock } from '../src/output/directory-lock.ts';
import { frame, pcap, VM1, VM2 } from './build-capture.test-support.ts';
import { readPackets } from './oracle.test-support.ts';
import { CAPTURES, MAIN, Scratch, vmq, vmqProcess } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const posix = it.skipIf(process.platform === 'win32');

const LAN = join(CAPTURES, 'lan.pcapng');
const good = scratch.file('good.pcap', pcap(frame({ destination: VM1 }), frame({ destination: VM2 })));

/** A directory with results of an earlier run in it. */
function withOldResults(name: string, text = 'old'): string {
  const out = join(scratch.path, name);
  mkdirSync(out);
  for (const vm of ['vm1', 'vm2']) writeFileSync(join(out, `${vm}.pcapng`), `${text} ${vm}`);
  return out;
}

function oldResultsIn(out: string): string[] {
  return ['vm1', 'vm2'].map((vm) => readFileSync(join(out, `${vm}.pcapng`), 'utf8').slice(0, 7));
}

const OLD = ['old vm1', 'old vm2'];

describe('a directory that cannot be made', () => {
  it.skipIf(process.platform !== 'linux')(
    'in a file system that makes none: refused, not waited for',
    async () => {
      for (const out of ['/proc/vmq/results', '/proc/vmq', '/sys/a/b/c', '/dev/null/x']) {
        const run = await vmqProcess('replay', good, '--out', out);
        expect(run).toMatchObject({ code: 1, out: '' });
        expect(run.err).toMatch(/^\/[\w/]+: cannot create the output directory: E[A-Z]+: .+\n$/);
      }
    },
  );

  it('is made with all above it, also if somebody else makes them', async () => {
    const out = join(scratch.path, 'a', 'b', 'c');
    expect(await vmq('replay', good, '--out', out)).toMatchObject({ code: 0 });
    expect(readdirSync(out).sort()).toEqual(['vm1.pcapng', 'vm2.pcapng']);
    expect(await vmq('replay', good, '--out', join(out, 'vm1.pcapng'))).toMatchObject({ code: 1 });
    expect(await vmq('replay', good, '--out', '')).toMatchObject({
      code: 1,
      err: '--out: expected a directory, found nothing\n',
    });
  });
});

describe('old results', () => {
  posix('stay whole when the run is killed, at any moment', async () => {
    const out = withOldResults('killed');
    let kills = 0;
    // Later and later, until one is quicker than its end.
    for (let wait = 40; ; wait += 20 + (wait >> 2)) {
      const child = spawn(process.execPath, [MAIN, 'replay', LAN, '--vms', '2', '--out', out], {
        stdio: 'ignore',
      });
      const timer = setTimeout(() => child.kill('SIGKILL'), wait);
      const signal = await new Promise((done) => child.on('close', (_, by) => done(by)));
      clearTimeout(timer);
      if (signal === null) break;
      kills++;
      for (const vm of ['vm1', 'vm2']) {
        const path = join(out, `${vm}.pcapng`);
        if (!readFileSync(path, 'utf8').startsWith('old'))
          expect(readPackets(path).length).toBeGreaterThan(5000);
      }
    }
    expect(kills).toBeGreaterThan(0);
    // The last one has cleared away what all those left.
    expect(readdirSync(out).sort()).toEqual(['vm1.pcapng', 'vm2.pcapng']);
    expect(readPackets(join(out, 'vm1.pcapng')).length).toBeGreaterThan(5000);
  });

  posix('stay when a file cannot be completed, and the report says so', async () => {
    const out = withOldResults('full');
    // A limit on the size of files: the system refuses to write on.
    const script = `ulimit -f 64; exec "$0" "$@"`;
    const args = [MAIN, 'replay', LAN, '--vms', '2', '--json', '--out', out];
    const child = spawn('sh', ['-c', script, process.execPath, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      err += piece;
    });
    expect(await new Promise((done) => child.on('close', done))).toBe(2);
    expect(JSON.parse(text)).toMatchObject({
      conservation: true,
      outputs: [],
      files: [
        { vm: 'vm1', failure: expect.stringMatching(/^EFBIG/) },
        { vm: 'vm2', failure: expect.stringMatching(/^EFBIG/) },
      ],
    });
    expect(err).toMatch(/vm1\.pcapng was not written, and what was there is there still: EFBIG.* \[output\]/);
    expect(oldResultsIn(out)).toEqual(OLD);
    expect(readdirSync(out).sort()).toEqual(['vm1.pcapng', 'vm2.pcapng']);
  });

  it('stay when the capture turns out to be none', async () => {
    const out = withOldResults('none');
    const run = await vmq('replay', scratch.file('no.pcap', 'no capture at all'), '--out', out);
    expect(run.code).toBe(1);
    expect(oldResultsIn(out)).toEqual(OLD);
    expect(readdirSync(out)).toHaveLength(2);
  });
});

describe('one run a directory', () => {
  it('the second is refused, and names the first', async () => {
    const out = withOldResults('locked');
    const lock = new DirectoryLock(out);
    const run = await vmqProcess('replay', good, '--out', out);
    expect(run).toMatchObject({ code: 1, out: '' });
    expect(run.err).toContain(`locked: another run writes there (process ${process.pid}, since 2`);
    expect(oldResultsIn(out)).toEqual(OLD);
    expect(lock.isHeld()).toBe(true);
    lock.release();
    expect(await vmqProcess('replay', good, '--out', out)).toMatchObject({ code: 0 });
  });

  it('of many at once one is at work, and what is there at the end is whole', async () => {
    const out = join(scratch.path, 'many');
    const runs = await Promise.all(
      Array.from({ length: 6 }, () => vmqProcess('replay', LAN, '--vms', '2', '--out', out)),
    );
    expect(runs.filter(({ code }) => code === 0).length).toBeGreaterThan(0);
    for (const { code, err } of runs) {
      if (code !== 0)
        expect({ code, err }).toMatchObject({ code: 1, err: expect.stringMatching(/another run/) });
    }
    expect(readdirSync(out).sort()).toEqual(['vm1.pcapng', 'vm2.pcapng']);
    for (const vm of ['vm1', 'vm2'])
      expect(readPackets(join(out, `${vm}.pcapng`)).length).toBeGreaterThan(5000);
  });

  posix('the lock of a process that died is taken over, also if its number lives again', async () => {
    const out = withOldResults('stale');
    const dead = Number(execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }));
    const holder = { token: 'x', pid: dead, host: hostname(), born: '', since: '2026-01-01T00:00:00Z' };
    const lock = join(out, '.vmq-lock');
    const left = join(out, '.vmq-01234567-89ab-cdef-0123-456789abcdef-3.part');
    const others = join(out, '.vmq-mine');
    const others2 = join(out, 'notes.part');
    for (const path of [left, others, others2]) writeFileSync(path, 'left');
    const holders = [holder, ...(process.platform === 'linux' ? [{ ...holder, pid: 1, born: '1' }] : [])];
    for (const one of holders) {
      writeFileSync(lock, JSON.stringify(one));
      expect(await vmq('replay', good, '--out', out)).toMatchObject({ code: 0, err: '' });
      expect(existsSync(lock)).toBe(false);
    }
    expect(existsSync(left)).toBe(false);
    expect(existsSync(others) && existsSync(others2)).toBe(true);
  });

  it('the lock of another machine, or one that cannot be read, is nobody else’s to take', async () => {
    const out = withOldResults('elsewhere');
    const lock = join(out, '.vmq-lock');
    const holder = { token: 'x', pid: 1, host: 'far-away', born: '', since: '2026-01-01T00:00:00Z' };
    writeFileSync(lock, JSON.stringify(holder));
    const run = await vmq('replay', good, '--out', out);
    expect(run).toMatchObject({ code: 1 });
    expect(run.err).toMatch(/process 1 of far-away, .*; if that one has died, remove .*\.vmq-lock\n$/);
    writeFileSync(lock, 'gibberish');
    expect((await vmq('replay', good, '--out', out)).err).toMatch(/\.vmq-lock: is no lock of a run/);
    expect(oldResultsIn(out)).toEqual(OLD);
  });

  it('two that find the same dead lock do not both have it', () => {
    // In one process all calls follow each other, so the worst order can be made: the second comes in between.
    const out = withOldResults('twice');
    const first = new DirectoryLock(out);
    expect(() => new DirectoryLock(out)).toThrow(/another run writes there/);
    // Somebody took it away, for a dead one's.
    writeFileSync(join(out, '.vmq-lock'), 'of a third');
    expect(first.isHeld()).toBe(false);
    first.release();
    expect(readFileSync(join(out, '.vmq-lock'), 'utf8')).toBe('of a third');
  });
});

describe('nowhere else', () => {
  posix('a link, a pipe, a device or a directory in the place of a file is refused', async () => {
    const target = scratch.file('precious', 'precious');
    const kinds: [string, (path: string) => void, string][] = [
      ['link', (path) => symlinkSync(target, path), 'a symbolic link'],
      ['dangling', (path) => symlinkSync(join(scratch.path, 'not-there'), path), 'a symbolic link'],
      ['to-device', (path) => symlinkSync('/dev/full', path), 'a symbolic link'],
      ['pipe', (path) => void execFileSync('mkfifo', [path]), 'a pipe'],
      ['folder', (path) => mkdirSync(path), 'a directory'],
    ];
    for (const [name, make, found] of kinds) {
      const out = join(scratch.path, `place-${name}`);
      mkdirSync(out);
      make(join(out, 'vm2.pcapng'));
      const run = await vmqProcess('replay', good, '--out', out);
      expect(run).toMatchObject({ code: 1, out: '' });
      expect(run.err).toBe(
        `${join(out, 'vm2.pcapng')}: cannot write: expected a file or nothing there, found ${found}\n`,
      );
      expect(readdirSync(out)).toEqual(['vm2.pcapng']);
    }
    expect(readFileSync(target, 'utf8')).toBe('precious');
    expect(existsSync(join(scratch.path, 'not-there'))).toBe(false);
  });

  posix('a link that comes while the run is at work is replaced, not followed', async () => {
    const out = withOldResults('late-link');
    const target = scratch.file('precious2', 'precious');
    const { OutputDirectory } = await import('../src/output/output-directory.ts');
    const vm = { name: 'vm9', mac: '00-15-5D-0A-00-09', vlan: 0 };
    const directory = new OutputDirectory(out, [vm], '');
    symlinkSync(target, join(out, 'vm9.pcapng'));
    expect(directory.commit(true)).toMatchObject([{ vm: 'vm9', failure: null }]);
    expect(lstatSync(join(out, 'vm9.pcapng')).isFile()).toBe(true);
    expect(readFileSync(target, 'utf8')).toBe('precious');
  });

  posix('a directory that is a link is refused; links above it are not', async () => {
    const real = withOldResults('real');
    const link = join(scratch.path, 'link');
    symlinkSync(real, link);
    for (const out of [link, `${link}/`]) {
      const run = await vmq('replay', good, '--out', out);
      expect(run).toMatchObject({ code: 1, out: '' });
      expect(run.err).toContain(
        `is a symbolic link; results are not written through one: name ${readlinkSync(link)}`,
      );
    }
    expect(oldResultsIn(real)).toEqual(OLD);
    expect(await vmq('replay', good, '--out', join(link, 'sub'))).toMatchObject({ code: 0 });
    expect(readdirSync(join(real, 'sub'))).toHaveLength(2);
  });

  posix('a lock that is a link or a pipe is neither followed nor waited for', async () => {
    const out = withOldResults('odd-lock');
    symlinkSync(scratch.file('victim', 'victim'), join(out, '.vmq-lock'));
    expect((await vmqProcess('replay', good, '--out', out)).err).toMatch(/\.vmq-lock: is no lock of a run/);
    const out2 = withOldResults('odd-lock-2');
    execFileSync('mkfifo', [join(out2, '.vmq-lock')]);
    expect((await vmqProcess('replay', good, '--out', out2)).err).toMatch(/\.vmq-lock: is no lock of a run/);
  });
});

it('the report says what was written', async () => {
  const out = join(scratch.path, 'said');
  const run = await vmq('replay', good, '--out', out);
  const size = (vm: string): number => lstatSync(join(out, `${vm}.pcapng`)).size;
  expect(run.out.split('\n').slice(-6)).toEqual(
    [
      `Files in ${out}`,
      '',
      'VM  Frames Bytes File',
      '--  ------ ----- ----',
      `vm1      1 ${String(size('vm1')).padStart(5)} vm1.pcapng`,
      `vm2      1 ${String(size('vm2')).padStart(5)} vm2.pcapng`,
      '',
    ].slice(-6),
  );
});
