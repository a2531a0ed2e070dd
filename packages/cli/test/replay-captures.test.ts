/**
 * Every committed capture, with VM queues and without, in one thread and in several, with what VMs had sent sent again,
 * left out or on the wire: each VM gets exactly the frames that the oracle says, byte for byte and in the order of the
 * capture, and every frame ends in exactly one counter.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ReplayJson } from '../src/json/replay-json.ts';
import {
  type ExpectedFrame,
  expectedFor,
  expectedFrom,
  expectedOnWire,
  expectedVms,
  type OraclePacket,
  type OracleVm,
  readPackets,
  senderOf,
} from './oracle.test-support.ts';
import { CAPTURES, Scratch, vmq, vmqProcess } from './run-vmq.test-support.ts';

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
  { mode: 'without outbound frames', flags: ['--outbound', 'skip'] },
  { mode: 'outbound frames on the wire', flags: ['--outbound', 'wire'] },
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
    const few = flags[0] === '--vms' && vms.length < 3;
    expect(run.err).toBe(
      few ? `${input} has only ${vms.length} VMs for --vms 3 (name others with --config)\n` : '',
    );
    expect(run.code).toBe(0);

    const json = JSON.parse(run.out) as ReplayJson;
    expect(json.ports.map(({ VmName, MacAddress, VlanID }) => [VmName, plain(MacAddress), VlanID])).toEqual(
      vms.map(({ name, mac, vlan }) => [name, mac, vlan]),
    );
    const outbound = flags[0] === '--outbound' ? (flags[1] as 'skip' | 'wire') : 'send';
    checkLedger(json, packets, vms, outbound);

    const queueOf = new Map(json.ports.map((port) => [port.VmName, port.QueueID]));
    let delivered = 0;
    for (const vm of vms) {
      const received = readPackets(join(out, `${vm.name}.pcapng`));
      const expected = expectedOf(vm, packets, vms, outbound);
      delivered += expected.length;
      expectSameFrames(vm, received, expected);
      for (const [i, packet] of received.entries()) {
        const from = expected[i]?.from;
        expect((packet.flags as number) & 3).toBe(1);
        if (from !== '') {
          expect(packet.comments[0]).toMatch(new RegExp(`^from VM ${from}, processor \\d+`));
          expect(packet.queue).toBe(0);
          continue;
        }
        const group = (packet.bytes[0] & 1) !== 0;
        expect(packet.queue).toBe(group ? 0 : queueOf.get(vm.name));
        expect(packet.comments[0]).toMatch(
          packet.queue === 0
            ? /^queue 0 \(default\), processor \d+, /
            : /^queue \d+, processor \d+, filter \d+ \([0-9A-F-]{17}(, VLAN \d+)?\) in slot \d+/,
        );
      }
    }
    expect(json.ends.delivered + json.copies).toBe(delivered);
    expect(json.ports.reduce((sum, port) => sum + port.framesDelivered, 0)).toBe(delivered);
    if (flags.includes('off')) expect(json.queues.map(({ QueueID }) => QueueID)).toEqual([0]);
    else expect(json.queues).toHaveLength(vms.length + 1);
  });
});

function expectedOf(
  vm: OracleVm,
  packets: readonly OraclePacket[],
  vms: readonly OracleVm[],
  outbound: 'send' | 'skip' | 'wire',
): ExpectedFrame[] {
  if (outbound === 'wire') return expectedFor(vm, packets).map((frame) => ({ ...frame, from: '' }));
  const all = expectedFrom(vm, packets, vms);
  return outbound === 'send' ? all : all.filter(({ from }) => from === '');
}

function listedVms(capture: string): OracleVm[] {
  const rows = readFileSync(join(CAPTURES, 'hosts.tsv'), 'utf8').trim().split('\n');
  return rows
    .map((row) => row.split('\t'))
    .filter((cells) => cells[0] === capture && cells[2] === 'vm')
    .map((cells) => ({
      name: cells[1],
      mac: cells[3].replaceAll(':', ''),
      vlan: cells[4] === '-' ? 0 : Number(cells[4]),
    }));
}

function configOf(capture: string, vms: readonly OracleVm[]): string {
  const lines = vms.map(({ name, mac, vlan }) => `  - { name: ${name}, mac: "${mac}", vlan: ${vlan} }\n`);
  return scratch.file(`${capture}.yaml`, `vms:\n${lines.join('')}`);
}

/** Every packet of the file is in exactly one counter of the input, every frame of the host in one of the ends. */
function checkLedger(
  json: ReplayJson,
  packets: readonly OraclePacket[],
  vms: readonly OracleVm[],
  outbound: 'send' | 'skip' | 'wire',
): void {
  const senders = packets.map((packet) => senderOf(packet, vms));
  const inbound = senders.filter((sender) => sender === 'wire').length;
  const nobody = senders.filter((sender) => sender === 'nobody').length;
  const ofVms = packets.length - inbound - nobody;
  const skipped = { send: { 'no-sender': nobody }, skip: { outbound: ofVms + nobody }, wire: {} }[outbound];
  expect(json.input).toEqual({
    frames: packets.length,
    bytes: expect.any(Number),
    wire: outbound === 'wire' ? packets.length : inbound,
    guests: outbound === 'send' ? ofVms : 0,
    skipped: Object.fromEntries(Object.entries(skipped).filter(([, count]) => count > 0)),
    problems: [],
  });
  const dropped = Object.values(json.ends.dropped).reduce((sum, count) => sum + count, 0);
  expect(json.conservation).toBe(true);
  expect(json.received).toBe(json.input.wire + json.input.guests);
  expect(json.received).toBe(json.ends.delivered + json.ends.transmitted + dropped);
  expect(json.ends.transmitted).toBe(outbound === 'send' ? expectedOnWire(packets, vms) : 0);
  expect(json.ports.reduce((sum, port) => sum + port.framesSent, 0)).toBe(json.input.guests);
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
