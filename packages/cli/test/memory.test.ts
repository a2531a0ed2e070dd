/** A gigabyte goes through in bounded memory: read from a pipe, so that no disk is needed for it. */
import { execFileSync, spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, expect, it } from 'vitest';
import { CAPTURES, MAIN, Scratch } from './run-vmq.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const PCAP_HEADER_LENGTH = 24;
const GIGABYTE = 1e9;
const MOST_RESIDENT = 300e6;

it.skipIf(process.platform !== 'linux')('a 1 GB capture stays below 300 MB of memory', async () => {
  const capture = readFileSync(join(CAPTURES, 'bulk-tcp.pcap'));
  const records = capture.subarray(PCAP_HEADER_LENGTH);
  const repeats = Math.ceil(GIGABYTE / records.length);
  const config = scratch.file(
    'host.yaml',
    'vms:\n  - { name: vm1, mac: 00-15-5D-0C-00-01 }\n  - { name: vm2, mac: 00-15-5D-0C-00-02 }\n',
  );
  const pipe = join(scratch.path, 'capture.pipe');
  execFileSync('mkfifo', [pipe]);
  const child = spawn(process.execPath, [MAIN, 'replay', pipe, '--config', config, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, peakResidentBytes(child.pid as number));
  }, 100);
  const ended = new Promise<number | null>((done) => child.on('close', done));
  function* chunks(): Generator<Uint8Array> {
    yield capture.subarray(0, PCAP_HEADER_LENGTH);
    for (let i = 0; i < repeats; i++) yield records;
  }
  await pipeline(Readable.from(chunks(), { objectMode: true }), createWriteStream(pipe));
  expect(await ended).toBe(0);
  clearInterval(watch);

  const report = JSON.parse(out);
  expect(report.input.bytes).toBe(PCAP_HEADER_LENGTH + repeats * records.length);
  expect(report.conservation).toBe(true);
  expect(report.received).toBe(report.input.frames);
  expect(report.input.frames % repeats).toBe(0);
  expect(peak).toBeGreaterThan(20e6);
  expect(peak).toBeLessThan(MOST_RESIDENT);
});

/** VmHWM: the most the process ever had in memory; 0 once it is gone. */
function peakResidentBytes(pid: number): number {
  try {
    return Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
