/** Whatever is wrong with input, output or arguments: a message with the place, the right exit code, nothing lost. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import type { ReplayJson } from '../src/json/replay-json.ts';
import { BROADCAST, frame, pcap, pcapHeader, pcapRecord, VM1, VM2 } from './build-capture.test-support.ts';
import { readPackets } from './oracle.test-support.ts';
import { CAPTURES, type Run, Scratch, vmq } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const toVm1 = (mark: number, length = 60) => frame({ destination: VM1, mark, length });
const GOOD = pcap(toVm1(1), toVm1(2), frame({ destination: VM2, mark: 3 }));
const good = scratch.file('good.pcap', GOOD);

function json(run: Run): ReplayJson {
  return JSON.parse(run.out) as ReplayJson;
}

describe('captures that cannot be run at all: exit 1, one line, and no report', () => {
  const pcapng = readFileSync(join(CAPTURES, 'lan.pcapng'));
  const cases: [string, string, RegExp][] = [
    ['a path that does not exist', join(scratch.path, 'missing.pcap'), /missing\.pcap: ENOENT: no such file/],
    ['a directory', scratch.path, /expected a pcap or pcapng file, found a directory/],
    [
      'an empty file',
      scratch.file('empty.pcap', ''),
      /byte 0: expected a pcap or pcapng file, found no byte/,
    ],
    [
      'a text file',
      scratch.file('notes.pcap', 'hello world'),
      /byte 0: expected a pcap magic .* found 68656c6c/,
    ],
    [
      'a gzip file',
      scratch.file('a.pcap.gz', gzipSync(GOOD)),
      /byte 0: the file is gzip-compressed; decompress/,
    ],
    [
      'half a pcap header',
      scratch.file('h.pcap', GOOD.subarray(0, 10)),
      /byte 0: expected 24 bytes, found .* after 10/,
    ],
    [
      'half a pcapng header',
      scratch.file('h.pcapng', pcapng.subarray(0, 20)),
      /byte 0: expected \d+ bytes, found .* after 20/,
    ],
    [
      'a pcap of version 9',
      scratch.file('v.pcap', Buffer.concat([GOOD.subarray(0, 4), Buffer.of(9, 0), GOOD.subarray(6)])),
      /byte 0: expected pcap version 2\.x, found 9\.4/,
    ],
  ];
  it.each(cases)('%s', async (_, path, message) => {
    for (const command of [
      ['replay', path],
      ['replay', path, '--json'],
      ['why', path, '1'],
    ]) {
      const run = await vmq(...command);
      expect(run.code).toBe(1);
      expect(run.err).toMatch(message);
      expect(run.err.trimEnd().split('\n')).toHaveLength(1);
      if (!command.includes('--json')) expect(run.out).toBe('');
      else {
        const error = { code: 'cannot-run', exitCode: 1, messages: [run.err.trimEnd()] };
        // A program that looks for queues before it looks for an error finds none.
        expect(JSON.parse(run.out)).toEqual({ version: 1, command: 'replay', error, host: {}, queues: [] });
      }
    }
  });
});

describe('captures that are bad in part: exit 2, the good part is processed and reported', () => {
  it('a truncated pcap, wherever it is cut', async () => {
    const second = 24 + 16 + 60;
    for (const cut of [second + 1, second + 16, second + 75]) {
      const run = await vmq('replay', scratch.file('cut.pcap', GOOD.subarray(0, cut)), '--json');
      expect(run.code).toBe(2);
      const needed = cut < second + 16 ? 16 : 76;
      expect(run.err).toMatch(
        new RegExp(
          `cut\\.pcap: frame 2 at byte ${second}: expected ${needed} bytes, found the end of the file after ${cut - second} \\[truncated\\]\n$`,
        ),
      );
      const report = json(run);
      expect(report).toMatchObject({ received: 1, ends: { delivered: 1 }, conservation: true });
      expect(report.input).toMatchObject({ frames: 1, problems: [{ kind: 'truncated', count: 1 }] });
    }
  });

  it('a truncated pcapng; the outputs are whole files', async () => {
    const whole = readFileSync(join(CAPTURES, 'lan.pcapng'));
    const path = scratch.file('cut.pcapng', whole.subarray(0, 1_000_003));
    const out = join(scratch.path, 'cut-out');
    const run = await vmq('replay', path, '--json', '--out', out);
    expect(run.code).toBe(2);
    expect(run.err).toMatch(
      /cut\.pcapng: frame \d+ at byte \d+: expected \d+ bytes, found the end of the file/,
    );
    const report = json(run);
    expect(report.received).toBe(report.input.frames);
    expect(report.input.frames).toBeGreaterThan(1000);
    const written = report.outputs.reduce((sum, file) => sum + readPackets(file).length, 0);
    expect(written).toBe(report.ends.delivered + report.copies);
  });

  it('a corrupt record in the middle', async () => {
    const bad = Buffer.from(GOOD);
    const at = 24 + 76;
    bad.writeUInt32LE(0x7fffffff, at + 8);
    const run = await vmq('replay', scratch.file('corrupt.pcap', bad), '--json');
    expect(run.code).toBe(2);
    expect(run.err).toMatch(
      /frame 2 at byte 100: expected a captured length of at most 262144, found 2147483647 \[bad-packet-length\]/,
    );
    expect(json(run)).toMatchObject({ received: 1, conservation: true });
  });

  it('packets of another link type are skipped, not put on the wire', async () => {
    const file = Buffer.concat([pcapHeader(101), pcapRecord(toVm1(1)), pcapRecord(toVm1(2))]);
    const run = await vmq('replay', scratch.file('raw.pcap', file), '--json');
    expect(run.code).toBe(2);
    expect(run.err).toMatch(
      /raw\.pcap: frame 1 at byte 24: expected link type 1 \(Ethernet\), found 101 \[link-type\]/,
    );
    expect(json(run)).toMatchObject({
      received: 0,
      input: { frames: 2, skipped: { 'link-type': 2 } },
      ports: [],
    });
  });

  it('snapped packets are skipped, counted, and do not make VMs', async () => {
    const records = [pcapRecord(toVm1(1)), pcapRecord(frame({ destination: VM2 }).subarray(0, 40), 60)];
    const file = Buffer.concat([
      pcapHeader(),
      ...records,
      ...Array(12).fill(pcapRecord(toVm1(2).subarray(0, 20), 60)),
    ]);
    const run = await vmq('replay', scratch.file('snapped.pcap', file), '--json');
    expect(run.code).toBe(2);
    const lines = run.err.trimEnd().split('\n');
    expect(lines).toHaveLength(10);
    expect(lines[0]).toMatch(
      /frame 2 at byte 100: expected all 60 bytes of the packet, found 40; .* \[snapped\]$/,
    );
    expect(lines[9]).toMatch(/and 4 more, 13 in all \[snapped\]$/);
    const report = json(run);
    expect(report).toMatchObject({
      received: 1,
      ends: { delivered: 1 },
      input: { frames: 14, skipped: { snapped: 13 } },
    });
    expect(report.ends.dropped).toEqual({});
    expect(report.input.problems[0]?.first).toHaveLength(10);
    expect(report.ports.map(({ MacAddress }) => MacAddress)).toEqual(['00-15-5D-0A-00-01']);
  });

  it('0-byte, 13-byte and 9,000-byte frames reach the NIC, which refuses them', async () => {
    const frames = [
      toVm1(1),
      Buffer.alloc(0),
      toVm1(0, 13),
      toVm1(2, 9000),
      toVm1(3, 1515),
      toVm1(4, 1514),
      toVm1(5, 14),
    ];
    const tagged = frame({ destination: BROADCAST, vlan: 0, length: 1518, mark: 6 });
    const run = await vmq('replay', scratch.file('sizes.pcap', pcap(...frames, tagged)), '--json');
    expect(run.code).toBe(2);
    expect(run.err).toMatch(
      /frame 2 at byte 100: expected a frame of at least 14 bytes, found 0; the NIC drops it \[runt\]/,
    );
    expect(run.err).toMatch(
      /frame 4 at byte \d+: expected a frame of at most 1514 bytes \(nic\.jumboPacket\), found 9000; the NIC drops it \[oversize\]/,
    );
    expect(json(run).input.skipped).toEqual({});
    expect(json(run)).toMatchObject({
      received: 8,
      ends: { delivered: 4, dropped: { 'nic.runt': 2, 'nic.oversize': 2 } },
      conservation: true,
      input: {
        problems: [
          { kind: 'runt', count: 2 },
          { kind: 'oversize', count: 2 },
        ],
      },
    });
  });

  it('9,000-byte frames pass where the configuration says so', async () => {
    const config = scratch.file(
      'jumbo.yaml',
      'nic: { jumboPacket: 9014 }\nvms: [{ name: big, mac: 00-15-5D-0A-00-01 }]\n',
    );
    const out = join(scratch.path, 'jumbo');
    const input = scratch.file('jumbo.pcap', pcap(toVm1(1, 9000), toVm1(2, 9014)));
    const run = await vmq('replay', input, '--config', config, '--json', '--out', out);
    expect(run.err).toBe('');
    expect(run.code).toBe(0);
    expect(readPackets(join(out, 'big.pcapng')).map(({ bytes }) => bytes.length)).toEqual([9000, 9014]);
  });

  it('times that a pcapng of seconds since 1970 cannot hold', async () => {
    const out = join(scratch.path, 'late');
    const run = await vmq(
      'replay',
      scratch.file('late.pcapng', pcapngWithOffset(2n ** 40n)),
      '--json',
      '--out',
      out,
    );
    expect(run.code).toBe(2);
    expect(run.err).toMatch(
      /frame 1 at byte \d+: expected a time from 1970 to 2106, found second 1099511627777.* \[timestamp\]/,
    );
    expect(readPackets(join(out, 'vm1.pcapng')).map(({ time }) => time)).toEqual([
      4_294_967_295_000_000_000n,
    ]);
  });

  it('is said in the tables too', async () => {
    const run = await vmq('replay', scratch.file('cut.pcap', GOOD.subarray(0, 150)));
    expect(run.code).toBe(2);
    expect(run.out).toMatch(/^received +1 /m);
    expect(run.out).toMatch(/every frame ended in exactly one counter/);
  });
});

describe('a pcapng of which one block is bad', () => {
  const u32 = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(values.length * 4);
    for (const [i, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, i * 4);
    return bytes;
  };
  const block = (type: number, ...body: Uint8Array[]): Buffer => {
    const length = body.reduce((sum, { length }) => sum + length, 12);
    return Buffer.concat([u32(type, length), ...body, u32(length)]);
  };
  const start = Buffer.concat([
    block(0x0a0d0d0a, u32(0x1a2b3c4d, 1, -1, -1)),
    block(1, u32(1, 0)), // Ethernet, no snap length
  ]);
  const packet = (mark: number, interfaceId = 0, ...options: Uint8Array[]): Buffer =>
    block(6, u32(interfaceId, 0, 1, 60, 60), toVm1(mark), ...options);

  it('is read on behind it, and says what was passed over', async () => {
    const statistics = block(5, u32(2, 0, 0));
    const file = Buffer.concat([start, packet(1), statistics, packet(2), packet(3, 7), packet(4)]);
    const out = join(scratch.path, 'flaws');
    const run = await vmq('replay', scratch.file('flaws.pcapng', file), '--json', '--out', out);
    expect(run.code).toBe(2);
    expect(run.err.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        /flaws\.pcapng: byte 140: expected one of the 1 interfaces .* \[bad-interface\]$/,
      ),
      expect.stringMatching(/flaws\.pcapng: byte 256: .* found number 7; passed over \[bad-interface\]$/),
    ]);
    expect(json(run)).toMatchObject({
      received: 3,
      ends: { delivered: 3 },
      input: { frames: 3, skipped: {}, problems: [{ kind: 'bad-interface', count: 2 }] },
    });
    expect(readPackets(join(out, 'vm1.pcapng')).map(({ bytes }) => bytes[14])).toEqual([1, 2, 4]);
  });

  it('frames that the capture marks as damaged are skipped, as a NIC discards them', async () => {
    const flags = (value: number): Buffer => u32(0x0004_0002, value, 0);
    const frames = [
      packet(1, 0, flags(1)),
      packet(2, 0, flags(0x0100_0001)),
      packet(3, 0, flags(0x0400_0001)),
    ];
    const run = await vmq('replay', scratch.file('crc.pcapng', Buffer.concat([start, ...frames])), '--json');
    expect(run.code).toBe(2);
    expect(run.err).toMatch(
      /frame 2 at byte \d+: .* marks with a CRC error; a NIC discards those \[damaged\]\n$/,
    );
    expect(json(run)).toMatchObject({ received: 2, input: { frames: 3, skipped: { damaged: 1 } } });
  });
});

describe('captures with a frame check sequence', () => {
  it('may have lost it already: all of the frame is there', async () => {
    const header = pcapHeader();
    header.writeUInt32LE(0x2400_0001, 20);
    const records = [pcapRecord(toVm1(1), 64), pcapRecord(toVm1(2).subarray(0, 59), 64)];
    const run = await vmq(
      'replay',
      scratch.file('cut-fcs.pcap', Buffer.concat([header, ...records])),
      '--json',
    );
    expect(run.err).toMatch(
      /frame 2 at byte 100: expected all 60 bytes of the packet, found 59; .* \[snapped\]/,
    );
    expect(json(run)).toMatchObject({
      received: 1,
      ends: { delivered: 1 },
      input: { skipped: { snapped: 1 } },
    });
  });

  it('lose it on the way to the wire, as at a port', async () => {
    const header = pcapHeader();
    // Bit 26: the length that follows is valid; bits 28 to 31: 2 units of 16 bits.
    header.writeUInt32LE(0x2400_0001, 20);
    const out = join(scratch.path, 'fcs');
    const input = scratch.file('fcs.pcap', Buffer.concat([header, pcapRecord(toVm1(1, 1518))]));
    const run = await vmq('replay', input, '--out', out);
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(readPackets(join(out, 'vm1.pcapng'))[0]?.bytes).toEqual(toVm1(1, 1518).subarray(0, 1514));
  });
});

describe('captures with nothing in them', () => {
  it('a header and no packet is a good file', async () => {
    const run = await vmq('replay', scratch.file('header.pcap', pcapHeader()), '--json');
    expect(run.code).toBe(0);
    expect(run.err).toMatch(/a capture without a packet/);
    expect(json(run)).toMatchObject({ received: 0, conservation: true, ports: [], input: { frames: 0 } });
  });
});

describe('outputs that cannot be written: exit 1 before anything is processed', () => {
  it('a directory that cannot be made', async () => {
    const run = await vmq('replay', good, '--out', join(good, 'sub'));
    expect(run).toMatchObject({ code: 1, out: '' });
    expect(run.err).toMatch(/good\.pcap\/sub: cannot create the output directory: ENOTDIR/);
  });

  it('a file that cannot be opened', async () => {
    const out = join(scratch.path, 'taken');
    mkdirSync(join(out, 'vm2.pcapng'), { recursive: true });
    const run = await vmq('replay', good, '--out', out);
    expect(run).toMatchObject({ code: 1, out: '' });
    expect(run.err).toMatch(
      /taken\/vm2\.pcapng: cannot write: expected a file or nothing there, found a directory/,
    );
  });

  it('the capture itself', async () => {
    const own = new Scratch();
    const input = own.file('vm1.pcapng', GOOD);
    const run = await vmq('replay', input, '--out', own.path);
    expect(run).toMatchObject({ code: 1, out: '' });
    expect(run.err).toMatch(/is the capture being replayed/);
    expect(readFileSync(input)).toEqual(GOOD);
    own.remove();
  });
});

describe('configurations and arguments that cannot be used: exit 1', () => {
  const engines = scratch.file('engines.yaml', 'vms: []\nnic: { receiveEngines: 3 }\n');

  it.each([
    ['an unknown key', 'vmz: []\n', /c\.yaml:1: vmz: unknown key/],
    [
      'a duplicate MAC',
      'vms:\n- {name: a, mac: 00155D000001}\n- {name: b, mac: "00:15:5d:00:00:01"}\n',
      /c\.yaml:3: vms\[1\]\.mac: .*also the mac of vms\[0\] \(a\)/,
    ],
    [
      'a group address',
      'vms:\n- {name: a, mac: 01-00-5E-00-00-01}\n',
      /c\.yaml:2: vms\[0\]\.mac: .*group address/,
    ],
    ['an empty file', '', /c\.yaml: expected a configuration/],
    ['an unknown NIC', 'nic: {profile: e1000}\nvms: []\n', /e1000/],
    [
      'a misspelt keyword',
      'nic: {keywords: {"*VMQVlanFilterng": 0}}\n',
      /c\.yaml:1: .* mean \*VMQVlanFiltering\?/,
    ],
    ["nobody's address", 'vms:\n- {name: a, mac: "000000000000"}\n', /c\.yaml:2: vms\[0\]\.mac: .*nobody's/],
  ])('%s', async (_, text, message) => {
    const run = await vmq('replay', good, '--config', scratch.file('c.yaml', text));
    expect(run).toMatchObject({ code: 1, out: '' });
    expect(run.err).toMatch(message);
  });

  it.each([
    [['replay'], /missing required argument 'file'/],
    [['replay', good, '--vms', '0'], /Expected an integer from 1 to 64, found '0'/],
    [['replay', good, '--vms', 'four'], /Expected an integer from 1 to 64, found 'four'/],
    [['replay', good, '--vmq', 'perhaps'], /Allowed choices are on, off/],
    [['replay', good, '--processors', '65'], /Expected an integer from 1 to 64/],
    [['replay', good, '--vms', '2', '--config', 'x.yaml'], /cannot be used with option '--config/],
    [['replay', good, '--config', join(scratch.path, 'none.yaml')], /none\.yaml: ENOENT/],
    [['replay', good, '--config', '/dev/zero'], /^\/dev\/zero: expected a configuration, found a device\n/],
    [['replay', good, '--config', '.'], /found a directory/],
    [['replay', good, '--seed', '4294967296'], /from 0 to 4294967295, found '4294967296'/],
    [
      ['replay', good, '--config', engines, '--processors', '2'],
      /--processors 2: nic\.receiveEngines: .*found 3/,
    ],
    [['replay', good, '--bogus'], /unknown option '--bogus'/],
    [['replya', good], /unknown command 'replya'/],
    [['why', good, '0'], /Expected an integer from 1/],
    [['why', good, '4'], /good\.pcap: expected a frame 4, found 3 frames\n/],
  ])('vmq %j', async (args, message) => {
    const run = await vmq(...args);
    expect(run).toMatchObject({ code: 1, out: '' });
    expect(run.err).toMatch(message);
  });

  it('help is no error', async () => {
    const run = await vmq('replay', '--help');
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(run.out).toMatch(/--processors/);
  });
});

/** One frame to vm1 at second 1, microsecond 0, on an interface whose times count from `offset`. */
function pcapngWithOffset(offset: bigint): Buffer {
  const block = (type: number, body: Buffer): Buffer => {
    const bytes = Buffer.alloc(12 + body.length);
    bytes.writeUInt32LE(type, 0);
    bytes.writeUInt32LE(bytes.length, 4);
    body.copy(bytes, 8);
    bytes.writeUInt32LE(bytes.length, bytes.length - 4);
    return bytes;
  };
  const section = Buffer.from('4d3c2b1a01000000ffffffffffffffff', 'hex');
  const interfaceDescription = Buffer.from(
    '01000000000000000e00080000000000000000000000000000',
    'hex',
  ).subarray(0, 24);
  interfaceDescription.writeBigInt64LE(offset, 12);
  const bytes = toVm1(1);
  const packet = Buffer.alloc(20 + bytes.length);
  packet.writeUInt32LE(1_000_000, 8);
  packet.writeUInt32LE(bytes.length, 12);
  packet.writeUInt32LE(bytes.length, 16);
  bytes.copy(packet, 20);
  return Buffer.concat([block(0x0a0d0d0a, section), block(1, interfaceDescription), block(6, packet)]);
}
