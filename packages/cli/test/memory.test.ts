/** A gigabyte goes through in bounded memory: read from a pipe, so that no disk is needed for it. */
import { execFileSync, spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, expect, it } from 'vitest';
import { expectedFrom, expectedOnWire, type OracleVm, readPackets } from './oracle.test-support.ts';
import { CAPTURES, MAIN, Scratch } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const PCAP_HEADER_LENGTH = 24;
const GIGABYTE = 1e9;
const VMS: readonly OracleVm[] = [
  { name: 'vm1', mac: '00155d0c0001', vlan: 0 },
  { name: 'vm2', mac: '00155d0c0002', vlan: 0 },
];
const MOST_RESIDENT = 300e6;

it.skipIf(process.platform !== 'linux')('a 1 GB capture stays below 300 MB of memory', async () => {
  const source = join(CAPTURES, 'bulk-tcp.pcap');
  const capture = readFileSync(source);
  const records = capture.subarray(PCAP_HEADER_LENGTH);
  const repeats = Math.ceil(GIGABYTE / records.length);
  const config = scratch.file(
    'host.yaml',
    `vms:\n${VMS.map(({ name, mac }) => `  - { name: ${name}, mac: ${mac} }\n`).join('')}`,
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
  const frames = readPackets(source);
  expect(report.input.frames).toBe(repeats * frames.length);
  expect(report.ends.delivered + report.copies).toBe(
    repeats * VMS.reduce((sum, vm) => sum + expectedFrom(vm, frames, VMS).length, 0),
  );
  expect(report.ends.transmitted).toBe(repeats * expectedOnWire(frames, VMS));
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
