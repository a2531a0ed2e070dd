/**
 * Every committed capture, with VM queues and without, in one thread and in several: each VM gets exactly the frames
 * that the oracle says, byte for byte and in the order of the wire, and every frame ends in exactly one counter.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ReplayJson } from '../src/json/replay-json.ts';
import { expectedFor, expectedVms, type OracleVm, readPackets } from './oracle.ts';
import { CAPTURES, Scratch, vmq, vmqProcess } from './run-vmq.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const captures = readdirSync(CAPTURES).filter((name) => /\.pcap(ng)?$/.test(name));

const MODES = [
  { mode: 'VMQ on', flags: ['--vmq', 'on'] },
  { mode: 'VMQ off', flags: ['--vmq', 'off'] },
  { mode: 'two processors', flags: ['--processors', '2'] },
  { mode: 'two processors, VMQ off', flags: ['--processors', '2', '--vmq', 'off'] },
  { mode: 'another seed', flags: ['--seed', '99'] },
  { mode: 'three VMs', flags: ['--vms', '3'] },
  { mode: 'VMs of hosts.tsv', flags: ['--config'] },
  { mode: 'VMs of hosts.tsv, two processors', flags: ['--config', '--processors', '2'] },
];

const cases = captures.flatMap((capture) => MODES.map((mode) => ({ capture, ...mode })));

describe('replay of the committed captures', () => {
  it.each(cases)('$capture, $mode', async ({ capture, flags }) => {
    const input = join(CAPTURES, capture);
    const out = join(scratch.path, basename(capture), flags.join(''));
    const packets = readPackets(input);
    const listed = flags[0] === '--config';
    const vms = listed ? listedVms(capture) : expectedVms(packets, flags[0] === '--vms' ? 3 : 64);
    const rest = listed ? ['--config', configOf(capture, vms), ...flags.slice(1)] : flags;
    // Worker threads run from the built package only.
    const run = await (flags.includes('--processors') ? vmqProcess : vmq)(
      'replay',
      input,
      '--json',
      '--out',
      out,
      ...rest,
    );
    expect(run.err).toBe(few(vms, flags) ? `${input} has only 0 unicast destinations for --vms 3\n` : '');
    expect(run.code).toBe(0);

    const json = JSON.parse(run.out) as ReplayJson;
    expect(json.ports.map(({ VmName, MacAddress, VlanID }) => [VmName, plain(MacAddress), VlanID])).toEqual(
      vms.map(({ name, mac, vlan }) => [name, mac, vlan]),
    );
    checkLedger(json, packets.length);

    const queueOf = new Map(json.ports.map((port) => [port.VmName, port.QueueID]));
    let delivered = 0;
    for (const vm of vms) {
      const received = readPackets(join(out, `${vm.name}.pcapng`));
      const expected = expectedFor(vm, packets);
      delivered += expected.length;
      expectSameFrames(vm, received, expected);
      for (const packet of received) {
        const group = ((packet.bytes[0] as number) & 1) !== 0;
        expect(packet.queue).toBe(group ? 0 : queueOf.get(vm.name));
        expect(packet.comments[0]).toMatch(
          packet.queue === 0
            ? /^queue 0 \(default\), processor \d+, /
            : /^queue \d+, processor \d+, filter \d+ \([0-9A-F-]{17}(, VLAN \d+)?\) in slot \d+/,
        );
        expect((packet.flags as number) & 3).toBe(1);
      }
    }
    expect(json.ends.delivered + json.copies).toBe(delivered);
    expect(json.ports.reduce((sum, port) => sum + port.framesDelivered, 0)).toBe(delivered);
    if (flags.includes('off')) expect(json.queues.map(({ QueueID }) => QueueID)).toEqual([0]);
    else expect(json.queues).toHaveLength(vms.length + 1);
  });
});

/** The multicast capture has no unicast frame, hence no VM that could be found in it. */
function few(vms: readonly OracleVm[], flags: readonly string[]): boolean {
  return flags[0] === '--vms' && vms.length === 0;
}

function listedVms(capture: string): OracleVm[] {
  const rows = readFileSync(join(CAPTURES, 'hosts.tsv'), 'utf8').trim().split('\n');
  return rows
    .map((row) => row.split('\t'))
    .filter((cells) => cells[0] === capture && cells[2] === 'vm')
    .map((cells) => ({
      name: cells[1] as string,
      mac: (cells[3] as string).replaceAll(':', ''),
      vlan: cells[4] === '-' ? 0 : Number(cells[4]),
    }));
}

function configOf(capture: string, vms: readonly OracleVm[]): string {
  const lines = vms.map(({ name, mac, vlan }) => `  - { name: ${name}, mac: "${mac}", vlan: ${vlan} }\n`);
  return scratch.file(`${capture}.yaml`, `vms:\n${lines.join('')}`);
}

/** `received` is the sum of the ends, and nothing came from silent guests. */
function checkLedger(json: ReplayJson, frames: number): void {
  const dropped = Object.values(json.ends.dropped).reduce((sum, count) => sum + count, 0);
  expect(json.conservation).toBe(true);
  expect(json.received).toBe(json.ends.delivered + json.ends.transmitted + dropped);
  expect(json.received).toBe(frames);
  expect(json.ends.transmitted).toBe(0);
  expect(json.input).toEqual({ frames, bytes: expect.any(Number), skipped: {}, problems: [] });
}

function expectSameFrames(
  vm: OracleVm,
  received: readonly { bytes: Buffer; time: bigint }[],
  expected: readonly { bytes: Buffer; time: bigint }[],
): void {
  const line = ({ bytes, time }: { bytes: Buffer; time: bigint }) => `${time} ${bytes.toString('hex')}`;
  const differs = expected.findIndex(
    (frame, i) => received[i] === undefined || line(frame) !== line(received[i]),
  );
  expect(differs, `${vm.name}: first frame that differs`).toBe(-1);
  expect(received.length, vm.name).toBe(expected.length);
}

function plain(mac: string): string {
  return mac.replaceAll('-', '').toLowerCase();
}
