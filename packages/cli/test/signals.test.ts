/** The built command as a process that is stopped: wherever it is, it ends, says what it did, and with which code. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { frame, pcapHeader, pcapRecord, VM1, VM2 } from './build-capture.test-support.ts';
import { readPackets } from './oracle.test-support.ts';
import { MAIN, Scratch } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const config = scratch.file(
  'host.yaml',
  'vms:\n  - { name: one, mac: 00-15-5D-0A-00-01 }\n  - { name: two, mac: 00-15-5D-0A-00-02 }\n',
);
/** However busy the machine is, the command may take its time to report: what is asked here is that it does. */
const PATIENT = { ...process.env, VMQ_STOP_MS: '600000' };

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command, stops it once `isUnderWay` says so of what it wrote to standard error, and waits for its end. */
async function stopped(
  args: readonly string[],
  options: {
    readonly signal?: NodeJS.Signals;
    readonly endless?: boolean;
    readonly isUnderWay?: RegExp;
  } = {},
): Promise<Ended> {
  const { signal = 'SIGINT', endless = false, isUnderWay = /./ } = options;
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'pipe', env: PATIENT });
  if (endless) feed(child);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  let isStopped = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    if (isStopped || !isUnderWay.test(err)) return;
    isStopped = true;
    child.kill(signal);
  });
  return new Promise((done) => child.on('close', (code, by) => done({ code, signal: by, out, err })));
}

/** A capture on standard input that has no end. */
function feed(child: ChildProcess): void {
  const { stdin } = child;
  if (stdin === null) throw new Error('no standard input');
  stdin.on('error', () => {});
  const records = Array.from({ length: 400 }, (_, i) =>
    pcapRecord(frame({ destination: i % 3 === 0 ? VM2 : VM1, length: 60 + (i % 900), mark: i & 255 })),
  );
  const piece = Buffer.concat(records);
  stdin.write(pcapHeader());
  const more = (): void => {
    while (!stdin.destroyed && stdin.write(piece)) {}
  };
  stdin.on('drain', more);
  more();
}

describe('stopped with Ctrl-C', () => {
  it('a replay reports what it did, and its files have it', async () => {
    const out = join(scratch.path, 'replay');
    const run = await stopped(['replay', '-', '--config', config, '--json', '--progress', '--out', out], {
      endless: true,
      isUnderWay: /replaying: [1-9]/,
    });
    expect(run).toMatchObject({ code: 130, signal: null });
    const report = JSON.parse(run.out);
    expect(report).toMatchObject({ interrupted: true, conservation: true });
    expect(report.received).toBe(report.input.frames);
    expect(report.received).toBeGreaterThan(0);
    expect(run.err).toMatch(/\nstopped after \d+ frames, \d+ bytes read; the files have what was received/);
    const written = report.outputs.map((path: string) => readPackets(path).length);
    expect(written[0] + written[1]).toBe(report.ends.delivered);
    expect(readdirSync(out).sort()).toEqual(['one.pcapng', 'two.pcapng']);
  });

  it('the first pass says how far it came', async () => {
    const run = await stopped(['replay', '-', '--json', '--progress'], {
      endless: true,
      isUnderWay: /looking for VMs: [1-9]/,
    });
    expect(run).toMatchObject({ code: 130, signal: null });
    expect(JSON.parse(run.out)).toMatchObject({
      command: 'replay',
      error: {
        code: 'interrupted',
        exitCode: 130,
        messages: [
          expect.stringMatching(
            /^stopped in the first pass.*: \d+ frames, \d+ bytes read, nothing replayed$/,
          ),
          '2 VMs so far',
        ],
      },
    });
  });

  it('why says how far it came', async () => {
    const run = await stopped(['why', '-', '999999999', '--config', config, '--progress'], {
      endless: true,
      isUnderWay: /on the way to frame 999999999: [1-9]/,
    });
    expect(run).toMatchObject({ code: 130, signal: null, out: '' });
    expect(run.err).toMatch(
      /\nstopped on the way to frame 999999999: \d+ frames replayed, nothing explained\n$/,
    );
  });

  it('a command that waits for a pipe does not wait on', async () => {
    // Nothing ever comes; the flag is asked for while waiting, so any moment will do.
    const child = spawn(process.execPath, [MAIN, 'replay', '-', '--json'], { stdio: 'pipe', env: PATIENT });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    const ended = new Promise((done) => child.on('close', (code, by) => done(by ?? code)));
    const again = setInterval(() => child.kill('SIGINT'), 1500);
    // Before the handler is there the system ends it; a second signal ends it at once.
    expect(['SIGINT', 130]).toContain(await ended);
    clearInterval(again);
    if (out !== '') expect(JSON.parse(out)).toMatchObject({ error: { code: 'interrupted' } });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('a seed of the simulation, by %s', async (signal, code) => {
    const run = await stopped(['simulate', '--seed', '5', '--steps', '1000000', '--json', '--progress'], {
      signal,
      isUnderWay: /0 of 1 seeds, [1-9]/,
    });
    expect(run).toMatchObject({ code, signal: null });
    expect(JSON.parse(run.out)).toMatchObject({
      command: 'simulate',
      seeds: 0,
      failures: [],
      stopped: { seed: 5, why: 'interrupted' },
    });
  });
});

describe('what does not come to a point where it can report', () => {
  const desk = pathToFileURL(resolve(import.meta.dirname, '../dist/process/desk.js')).href;

  async function endOf(
    thread: string,
    env: Readonly<Record<string, string>>,
  ): Promise<string | number | null> {
    const body = `import { writeSync } from 'node:fs'; writeSync(2, 'under way'); ${thread}`;
    const script = `import { runDesk } from '${desk}'; runDesk(new URL(${JSON.stringify(`data:text/javascript,${encodeURIComponent(body)}`)}));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
    });
    let hadSignal = false;
    child.stderr.on('data', () => {
      if (!hadSignal) child.kill('SIGINT');
      hadSignal = true;
    });
    return new Promise((done) => child.on('close', (code, signal) => done(signal ?? code)));
  }

  it('a loop without an end is ended', async () => {
    expect(await endOf('for (;;);', { VMQ_STOP_MS: '1' })).toBe(130);
  });

  it('a second signal, once the first was taken, ends it without more waiting, with the code of the first', async () => {
    // It hears that it is to stop, says so, and does not: without the second signal it would run until the time is up.
    const body = `
      import { writeSync } from 'node:fs';
      import { workerData } from 'node:worker_threads';
      writeSync(2, 'under way;');
      while (Atomics.load(workerData.stop, 0) === 0);
      writeSync(2, 'told;');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
    const script = `import { runDesk } from '${desk}'; runDesk(new URL(${JSON.stringify(`data:text/javascript,${encodeURIComponent(body)}`)}));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: PATIENT,
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const signals: [said: string, NodeJS.Signals][] = [
      ['under way;', 'SIGINT'],
      ['told;', 'SIGTERM'],
    ];
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
      while (signals.length > 0 && err.includes(signals[0][0])) child.kill(signals.shift()?.[1]);
    });
    expect(await new Promise((done) => child.on('close', (code, by) => done(by ?? code)))).toBe(130);
    expect(err).toBe('under way;told;stopped; what was at hand did not come to an end\n');
  });

  it.skipIf(process.platform === 'win32')('a wait in the system is ended by the signal itself', async () => {
    const pipe = join(scratch.path, 'nobody-writes');
    execFileSync('mkfifo', [pipe]);
    const wait = `import { openSync } from 'node:fs'; openSync(${JSON.stringify(pipe)}, 'r');`;
    // 130 if the signal came before the wait.
    expect(['SIGINT', 130]).toContain(await endOf(wait, { VMQ_STOP_MS: '1' }));
  });

  it('a thread that ends without a word is a fault of ours', async () => {
    const script = `import { runDesk } from '${desk}'; runDesk(new URL('data:text/javascript,process.exit(0)'));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    expect(await new Promise((done) => child.on('close', done))).toBe(3);
    expect(err).toBe('internal error: the thread of the command ended without a word\n');
  });
});

it.skipIf(process.platform === 'win32')('a print that waits for its reader can be interrupted', async () => {
  // A pipe holds 64 KiB, most of which is taken, and nobody reads it.
  const frames = Array.from({ length: 64 }, (_, i) =>
    frame({ destination: `00155d0b0${(256 + i).toString(16)}` }),
  );
  const file = scratch.file(
    'wide.pcap',
    Buffer.concat([pcapHeader(), ...frames.map((one) => pcapRecord(one))]),
  );
  const pipe = join(scratch.path, 'nobody-reads');
  execFileSync('mkfifo', [pipe]);
  const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  writeSync(fd, Buffer.alloc(60_000));
  const child = spawn(process.execPath, [MAIN, 'replay', file, '--json'], {
    stdio: ['ignore', fd, 'ignore'],
    env: PATIENT,
  });
  const again = setInterval(() => child.kill('SIGINT'), 3000);
  const end = await new Promise((done) => child.on('exit', (code, signal) => done(signal ?? code)));
  clearInterval(again);
  closeSync(fd);
  // 130 if it was still at work; never 0, for not all of it can have been printed.
  expect(['SIGINT', 130]).toContain(end);
});
