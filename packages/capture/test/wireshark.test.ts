import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  createMemorySink,
  createPcapngWriter,
  createPcapWriter,
  PACKET_INBOUND,
  PACKET_OUTBOUND,
  readCapture,
} from '../src/index.ts';

/*
 * Wireshark's tools read what we wrote: an opinion on the format that is not ours.
 */
const hasTshark = spawnSync('tshark', ['--version']).status === 0;
const hasCapinfos = spawnSync('capinfos', ['--version']).status === 0;
const REASON = 'Wireshark command line tools are not installed';

const folder = mkdtempSync(join(tmpdir(), 'vmq-capture-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Traffic of real network stacks that comes with the repository; absent from the published package. */
const captures = join(import.meta.dirname, '../../../captures');
const recorded = existsSync(captures)
  ? readdirSync(captures).filter((name) => /\.pcap(ng)?$/.test(name))
  : [];

/** Runs tshark on bytes; returns rows of the fields asked for. Fails on anything said beside them. */
function tshark(bytes: Uint8Array, fields: readonly string[]): string[][] {
  const file = join(folder, 'written');
  writeFileSync(file, bytes);
  const args = ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
  const run = spawnSync('tshark', args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, TZ: 'UTC' },
  });
  expect(run.status, run.stderr).toBe(0);
  const said = run.stderr
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('Running as user "root"'));
  expect(said).toEqual([]);
  return run.stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'));
}

/** Broadcast ARP-sized frame, recognisable by its last byte. */
function frame(length: number, mark: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.fill(0xff, 0, 6);
  bytes.set([2, 0x15, 0x5d, 0, 0, mark, 0x88, 0xb5], 6);
  bytes[length - 1] = mark;
  return bytes;
}

const SECONDS = 1_763_800_000;

describe.skipIf(!hasTshark)(hasTshark ? 'tshark' : `tshark: ${REASON}`, () => {
  test.each([
    [false, true],
    [true, true],
    [false, false],
    [true, false],
  ])('reads our pcap (big-endian %s, nanoseconds %s)', (bigEndian, nanosecond) => {
    const sink = createMemorySink();
    const writer = createPcapWriter({ sink, bigEndian, nanosecond, snapLength: 100, chunkLength: 64 });
    for (const [i, length] of [60, 61, 100, 1514].entries()) {
      writer.writePacket({ bytes: frame(length, i), seconds: SECONDS + i, nanoseconds: 123_456_789 });
    }
    writer.close();
    const fraction = nanosecond ? '123456789' : '123456000';
    expect(tshark(sink.bytes(), ['frame.time_epoch', 'frame.cap_len', 'frame.len', 'eth.src'])).toEqual(
      [60, 61, 100, 1514].map((length, i) => [
        `${SECONDS + i}.${fraction}`,
        `${Math.min(length, 100)}`,
        `${length}`,
        `02:15:5d:00:00:0${i}`,
      ]),
    );
  });

  test.each([false, true])('reads our pcapng (big-endian %s)', (bigEndian) => {
    const sink = createMemorySink();
    const writer = createPcapngWriter({
      sink,
      bigEndian,
      hardware: 'board',
      os: 'none',
      userApplication: 'vmq test',
      comments: ['seed 1'],
      chunkLength: 100,
    });
    writer.writeNames([
      { address: Uint8Array.of(10, 0, 0, 1), names: ['vm1.example'] },
      { address: new Uint8Array(16).fill(0xfd), names: ['vm2.example', 'other.example'] },
    ]);
    writer.addInterface({ name: 'wire', description: 'Port of the NIC' });
    writer.addInterface({ name: 'vm1', timestampResolution: 6 });
    const time = { seconds: SECONDS, nanoseconds: 123_456_789 };
    writer.writePacket({
      bytes: frame(60, 1),
      ...time,
      queue: 5,
      flags: PACKET_INBOUND,
      comments: ['queue 5: MAC'],
    });
    writer.writePacket({
      bytes: frame(61, 2),
      ...time,
      interfaceId: 1,
      flags: PACKET_OUTBOUND,
      dropCount: 3,
    });
    writer.writePacket({ bytes: frame(62, 3), ...time, comments: ['eins', 'zwei ä'] });
    writer.writeStatistics(0, {
      ...time,
      received: 2,
      dropped: 1,
      filterAccepted: 2,
      osDropped: 0,
      delivered: 2,
    });
    writer.writeStatistics(1, { ...time, received: 1 });
    writer.close();
    const fields = [
      'frame.time_epoch',
      'frame.len',
      'frame.interface_name',
      'frame.interface_description',
      'frame.interface_queue',
      'frame.packet_flags_direction',
      'frame.comment',
    ];
    expect(tshark(sink.bytes(), fields)).toEqual([
      [`${SECONDS}.123456789`, '60', 'wire', 'Port of the NIC', '5', '0x00000001', 'queue 5: MAC'],
      [`${SECONDS}.123456000`, '61', 'vm1', '', '', '0x00000002', ''],
      [`${SECONDS}.123456789`, '62', 'wire', 'Port of the NIC', '', '', 'eins,zwei ä'],
    ]);
  });
});

describe.skipIf(!hasTshark)(
  hasTshark ? 'files written by tshark' : `files written by tshark: ${REASON}`,
  () => {
    test.each(['pcapng', 'pcap', 'nsecpcap'])('%s is read as the packets we gave it', (format) => {
      const sink = createMemorySink();
      const writer = createPcapngWriter({ sink });
      writer.addInterface({ name: 'wire' });
      const comments = format === 'pcapng' ? ['kept', 'ä'] : [];
      for (const [i, length] of [60, 61, 1514].entries()) {
        const time = { seconds: SECONDS + i, nanoseconds: 123_456_000 };
        writer.writePacket({
          bytes: frame(length, i),
          ...time,
          comments,
          queue: format === 'pcapng' ? 7 : null,
        });
      }
      writer.close();
      const ours = join(folder, 'ours');
      const theirs = join(folder, 'theirs');
      writeFileSync(ours, sink.bytes());
      execFileSync('tshark', ['-r', ours, '-F', format, '-w', theirs], { stdio: 'ignore' });
      const facts = (bytes: Uint8Array): unknown =>
        readCapture(bytes).packets.map((p) => [
          p.linkType,
          p.seconds,
          p.nanoseconds,
          p.comments,
          p.queue,
          [...p.data],
        ]);
      const read = new Uint8Array(readFileSync(theirs));
      expect(readCapture(read).error).toBeNull();
      expect(facts(read)).toEqual(facts(sink.bytes()));
    });
  },
);

describe.skipIf(!hasTshark || recorded.length === 0)('recorded traffic', () => {
  test.each(recorded)('%s: times and lengths are those tshark finds', (name) => {
    const bytes = new Uint8Array(readFileSync(join(captures, name)));
    const { packets, error } = readCapture(bytes);
    expect(error).toBeNull();
    const rows = packets.map((p) => [
      `${p.seconds}.${String(p.nanoseconds).padStart(9, '0')}`,
      `${p.capturedLength}`,
      `${p.originalLength}`,
      p.comments.join(),
    ]);
    expect(rows.length).toBeGreaterThan(100);
    expect(tshark(bytes, ['frame.time_epoch', 'frame.cap_len', 'frame.len', 'frame.comment'])).toEqual(rows);
  });
});

describe.skipIf(!hasCapinfos)(hasCapinfos ? 'capinfos' : `capinfos: ${REASON}`, () => {
  test('finds the section, the interfaces and their counts', () => {
    const sink = createMemorySink();
    const writer = createPcapngWriter({
      sink,
      hardware: 'board',
      os: 'none',
      userApplication: 'vmq',
      comments: ['seed 1'],
    });
    writer.addInterface({ name: 'wire' });
    writer.addInterface({ name: 'vm1' });
    for (let i = 0; i < 5; i++) {
      writer.writePacket({ bytes: frame(60, i), seconds: SECONDS + i, nanoseconds: 0, interfaceId: i & 1 });
    }
    writer.writeStatistics(0, { seconds: SECONDS, nanoseconds: 0, received: 3 });
    writer.close();
    const file = join(folder, 'counted');
    writeFileSync(file, sink.bytes());
    const report = execFileSync('capinfos', ['-M', file], {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
    });
    for (const line of [
      /File type:\s+(Wireshark\/\.\.\. - )?pcapng\n/,
      /Number of packets:\s+5\n/,
      /Data size:\s+300 bytes/,
      /Capture duration:\s+4\.0+ seconds/,
      /Capture hardware:\s+board/,
      /Capture oper-sys:\s+none/,
      /Capture application:\s+vmq/,
      /Capture comment:\s+seed 1/,
      /Number of interfaces in file:\s+2/,
      /Interface #0 info:\s+Name = wire[^#]*Time precision = nanoseconds \(9\)[^#]*Number of stat entries = 1[^#]*Number of packets = 3/,
      /Interface #1 info:\s+Name = vm1[^#]*Number of packets = 2/,
    ]) {
      expect(report).toMatch(line);
    }
  });
});
