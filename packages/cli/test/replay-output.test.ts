/** The shape of what `vmq replay` prints and writes: other programs rely on it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Progress } from '../src/input/progress.ts';
import { replayCapture } from '../src/replay/replay-capture.ts';
import { replayConfig } from '../src/replay/replay-config.ts';
import { Screen } from '../src/text/terminal.ts';
import { BROADCAST, echoRequest, frame, pcap, VM1, VM2 } from './build-capture.test-support.ts';
import { readPackets } from './oracle.test-support.ts';
import { CAPTURES, MAIN, Scratch, vmq, vmqProcess } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const input = scratch.file(
  'small.pcap',
  pcap(
    frame({ destination: VM1 }),
    frame({ destination: VM2, vlan: 100, priority: 5 }),
    frame({ destination: BROADCAST }),
  ),
);

describe('vmq replay --json', () => {
  it('has exactly the documented members', async () => {
    const run = await vmq('replay', input, '--json', '--out', join(scratch.path, 'json'));
    const queue = {
      Name: 'NIC1',
      State: 'Running',
      ProcessorGroup: 0,
      ProcessorAffinityMask: expect.stringMatching(/^0x[0-9A-F]+$/),
      Processor: expect.any(Number),
      MsixEntry: expect.any(Number),
      droppedNoDescriptor: 0,
    };
    const filter = { FilterId: expect.any(Number) };
    const file = { bytes: expect.any(Number), failure: null };
    const port = {
      PortId: expect.any(Number),
      Processor: expect.any(Number),
      framesSent: 0,
      bytesSent: 0,
      framesDropped: 0,
    };
    expect(JSON.parse(run.out)).toEqual({
      version: 1,
      command: 'replay',
      received: 3,
      ends: { delivered: 3, transmitted: 0, dropped: {} },
      copies: 0,
      conservation: true,
      queues: [
        {
          ...queue,
          QueueID: 0,
          NumFilters: 0,
          VmFriendlyName: '',
          QueueName: '',
          FilterList: [],
          frames: 1,
          bytes: 60,
        },
        {
          ...queue,
          QueueID: 1,
          NumFilters: 1,
          VmFriendlyName: 'vm1',
          QueueName: expect.any(String),
          FilterList: [{ ...filter, MacAddress: '00-15-5D-0A-00-01', VlanID: '' }],
          frames: 1,
          bytes: 60,
        },
        {
          ...queue,
          QueueID: 2,
          NumFilters: 1,
          VmFriendlyName: 'vm2',
          QueueName: expect.any(String),
          FilterList: [{ ...filter, MacAddress: '00-15-5D-0A-00-02', VlanID: '100' }],
          frames: 1,
          bytes: 56,
        },
      ],
      ports: [
        {
          ...port,
          VmName: 'vm1',
          MacAddress: '00-15-5D-0A-00-01',
          VlanID: 0,
          QueueID: 1,
          framesDelivered: 2,
          bytesDelivered: 120,
        },
        {
          ...port,
          VmName: 'vm2',
          MacAddress: '00-15-5D-0A-00-02',
          VlanID: 100,
          QueueID: 2,
          framesDelivered: 1,
          bytesDelivered: 56,
        },
      ],
      input: { frames: 3, bytes: 24 + 3 * 76, wire: 3, guests: 0, skipped: {}, problems: [] },
      host: {
        name: 'host',
        executor: 'deterministic',
        processors: 4,
        vmq: true,
        vmqRequested: true,
        vmqGates: expect.any(Array),
        vmqProcessors: expect.any(Array),
      },
      files: [
        { ...file, vm: 'vm1', path: join(scratch.path, 'json', 'vm1.pcapng'), frames: 2 },
        { ...file, vm: 'vm2', path: join(scratch.path, 'json', 'vm2.pcapng'), frames: 1 },
      ],
      outputs: [join(scratch.path, 'json', 'vm1.pcapng'), join(scratch.path, 'json', 'vm2.pcapng')],
      interrupted: false,
    });
  });

  it('is the same for the same seed', async () => {
    const args = ['replay', join(CAPTURES, 'vlan.pcapng'), '--json', '--seed', '7'];
    expect((await vmq(...args)).out).toBe((await vmq(...args)).out);
  });
});

describe('vmq replay', () => {
  it('ends with the table of Get-NetAdapterVmqQueue, figures and the ledger', async () => {
    const run = await vmq('replay', input);
    const lines = run.out.split('\n');
    expect(lines[0]).toMatch(/^Name +QueueID +MacAddress +VlanID +Processor +VmFriendlyName$/);
    expect(lines[1]).toMatch(/^-+( +-+)+$/);
    expect(lines[2]).toMatch(/^NIC1 +0 +0:\d+$/);
    expect(lines[3]).toMatch(/^NIC1 +1 +00-15-5D-0A-00-01 +0:\d+ +vm1$/);
    expect(lines[4]).toMatch(/^NIC1 +2 +00-15-5D-0A-00-02 +100 +0:\d+ +vm2$/);
    expect(run.out).toMatch(/^vm2 +00-15-5D-0A-00-02 +100 +2 +1 +56 /m);
    expect(run.out).toMatch(/^received +3 +3 wire, 0 guests$/m);
    expect(run.out).toMatch(/\nevery frame ended in exactly one counter\n$/);
  });

  it('says why a VM has no queue', async () => {
    const frames = Array.from({ length: 9 }, (_, i) =>
      frame({ destination: `00155d0a00${(16 + i).toString(16)}` }),
    );
    const config = scratch.file(
      'few.yaml',
      `nic: { profile: netvmini }\nvms:\n${frames.map((f, i) => `  - { name: v${i}, mac: "${f.subarray(0, 6).toString('hex')}" }\n`).join('')}`,
    );
    const run = await vmq('replay', scratch.file('nine.pcap', pcap(...frames)), '--config', config, '--json');
    expect(run.code).toBe(0);
    const { ports, ends } = JSON.parse(run.out);
    const without = ports.filter((port: { QueueID: number }) => port.QueueID === 0);
    expect(without.length).toBeGreaterThan(0);
    for (const port of without) expect(port.noQueueReason).toMatch(/\w/);
    expect(ends).toEqual({ delivered: 9, transmitted: 0, dropped: {} });
  });

  it('takes the 64 addresses with most frames and says so when there are more', async () => {
    const frames = Array.from({ length: 70 }, (_, i) =>
      frame({ destination: `00155d0b00${(16 + i).toString(16)}` }),
    );
    const run = await vmq('replay', scratch.file('many.pcap', pcap(...frames)), '--json');
    expect(run.code).toBe(0);
    expect(run.err).toMatch(/70 VMs in .*many\.pcap: the 64 with most frames are taken/);
    const { ports, ends } = JSON.parse(run.out);
    expect(ports).toHaveLength(64);
    expect(ends).toMatchObject({ delivered: 64, dropped: { 'nic.no-match': 6 } });
  });

  it('shows progress of both passes', async () => {
    const file = join(CAPTURES, 'lan.pcapng');
    let err = '';
    const terminal = {
      out: () => {},
      err: (text: string) => {
        err += text;
      },
      outColours: false,
      errIsTerminal: false,
    };
    let now = 0;
    // Every look at the clock is 100 ms later, so every second one prints.
    const progress = new Progress(new Screen(terminal), true, () => (now += 100));
    const { config } = await replayConfig(file, {}, progress);
    await replayCapture({ file, config, progress });
    const lines = err.trimEnd().split('\n');
    expect(
      lines.filter((line) => /^looking for VMs: \d+ frames, \d\.\d of 4\.4 MB$/.test(line)).length,
    ).toBeGreaterThan(1);
    expect(
      lines.filter((line) => /^replaying: \d+ frames, \d\.\d of 4\.4 MB$/.test(line)).length,
    ).toBeGreaterThan(10);
  });

  it('runs as a program, and stops quietly when its reader has gone', async () => {
    const run = await vmqProcess('replay', input);
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(run.out).toBe((await vmq('replay', input)).out);
    const piped = spawnSync(
      'sh',
      ['-c', `'${process.execPath}' '${MAIN}' replay '${input}' --json | head -c 1`],
      { encoding: 'utf8' },
    );
    expect(piped).toMatchObject({ stdout: '{', stderr: '', status: 0 });
  });
});

it("puts what other VMs sent behind the window's wire frames, with the time of its last", async () => {
  // An echo request that claims to come from vm2: with --answer vm1 replies to vm2.
  const request = echoRequest(VM1, VM2);
  const capture = pcap(request, frame({ destination: VM2, mark: 7 }), frame({ destination: VM1 }));
  const out = join(scratch.path, 'answer');
  const run = await vmq('replay', scratch.file('echo.pcap', capture), '--answer', '--json', '--out', out);
  expect(run.code).toBe(0);
  expect(JSON.parse(run.out)).toMatchObject({ received: 4, ends: { delivered: 4 }, conservation: true });
  const [first, reply, ...more] = readPackets(join(out, 'vm2.pcapng'));
  expect(more).toEqual([]);
  expect(first?.bytes[14]).toBe(7);
  expect(reply?.bytes.subarray(0, 14).toString('hex')).toBe(`${VM2}${VM1}0800`);
  expect(reply?.comments).toEqual([expect.stringMatching(/^from VM vm1, processor \d+$/)]);
  expect(reply?.time).toBe(3_000_002_000n);
});

const tshark = spawnSync('tshark', ['--version']).status === 0;

describe.skipIf(!tshark)('outputs in Wireshark', () => {
  it('have queue, direction and comment where Wireshark looks for them', async () => {
    const out = join(scratch.path, 'wireshark');
    expect((await vmq('replay', join(CAPTURES, 'lan.pcapng'), '--out', out)).code).toBe(0);
    const fields = [
      'frame.time_epoch',
      'frame.packet_flags_direction',
      'frame.packet_id',
      'frame.comment',
      'frame.interface_name',
    ];
    const rows = execFileSync(
      'tshark',
      ['-r', join(out, 'vm1.pcapng'), '-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
      {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    const [time, direction, , comment, name] = (
      rows.split('\n').find((row) => row.includes('queue 1')) as string
    ).split('\t');
    expect(Number(time)).toBeGreaterThan(1e9);
    expect(Number(direction)).toBe(1);
    expect(comment).toMatch(/^queue 1, processor \d, filter \d+ \(/);
    expect(name).toBe('vm1');
  });
});
