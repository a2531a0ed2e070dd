/** MIG-06: both ends of a migration in processes of their own; a pipe of bytes is all that is between them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { expect, it } from 'vitest';
import type { MigrationReport } from '../src/index.ts';

const PROGRAM = fileURLToPath(new URL('./fixtures/remote-host.mjs', import.meta.url));

interface Told {
  readonly status: number;
  readonly reason?: string;
  readonly report: MigrationReport;
  readonly received: readonly number[];
  readonly vms: readonly string[];
  readonly kept: boolean;
  readonly statistics: Readonly<Record<string, number>>;
  readonly first: Readonly<Record<string, number>>;
  readonly announced: readonly number[];
}

/** Starts one end; resolves with what it says at its end. */
function start(...args: readonly string[]): { readonly child: ChildProcess; readonly told: Promise<Told> } {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: 'pipe' });
  const told = new Promise<Told>((resolve, reject) => {
    let text = '';
    child.stderr?.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Told);
      else reject(new Error(`${args.join(' ')} ended with ${code}: ${text}`));
    });
  });
  return { child, told };
}

/** Two processes, joined by pipes; `most`: bytes to the destination after which the cable is cut. */
async function move(most: number = Number.POSITIVE_INFINITY): Promise<readonly [source: Told, target: Told]> {
  const source = start('red', 'give', '40');
  const target = start('blue', 'take');
  let left = most;
  source.child.stdout?.on('data', (bytes: Buffer) => {
    if (left <= 0) return;
    target.child.stdin?.write(bytes.subarray(0, left));
    left -= bytes.length;
    if (left <= 0) target.child.stdin?.end();
  });
  source.child.stdout?.on('end', () => target.child.stdin?.end());
  target.child.stdout?.on('data', (bytes: Buffer) => {
    source.child.stdin?.write(bytes);
  });
  target.child.stdout?.on('end', () => source.child.stdin?.end());
  // An end that is gone does not read what is written to it; that it is gone, its result says.
  source.child.stdin?.on('error', () => {});
  target.child.stdin?.on('error', () => {});
  return Promise.all([source.told, target.told]);
}

it('MIG-06 MIG-08 a VM moves between two processes by bytes alone, and goes on there with what it had', async () => {
  const [source, target] = await move();
  expect(source).toMatchObject({ status: NDIS_STATUS_SUCCESS, vms: [], kept: true });
  expect(target).toMatchObject({ status: NDIS_STATUS_SUCCESS, vmName: 'web', vms: ['web'], kept: true });
  expect(source.received).toEqual(Array.from({ length: 40 }, (_, number) => number));
  expect(target.received).toEqual([100, 101, 102, 103, 104]);
  // Its memory and its counts came along; its new host has told the network by RARP and ARP.
  expect(target.first['framesReceived']).toBe(40);
  expect(target.announced).toEqual([0x8035, 0x0806]);
  expect(source.report).toMatchObject({ source: 'red', destination: 'blue', queue: { destination: 1 } });
  expect(source.report.steps.at(-1)).toBe('announce');
  expect(source.report.frames.destination).toMatchObject({ receivedFromWire: 0, dropped: {} });
});

it('MIG-07 a cable that is cut on the way leaves the VM at the source, and nothing at the destination', async () => {
  const [source, target] = await move(100_000);
  expect(source).toMatchObject({ vms: ['web'], kept: true });
  expect(source.status).not.toBe(NDIS_STATUS_SUCCESS);
  expect(target).toMatchObject({ vms: [], kept: true });
  expect(target.reason).toMatch(/truncated/);
});
