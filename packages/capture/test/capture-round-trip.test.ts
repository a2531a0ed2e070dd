import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  type CapturedPacket,
  createCaptureReader,
  createMemorySink,
  createPcapngWriter,
  createPcapWriter,
  type PacketInput,
  readCapture,
} from '../src/index.ts';

const packet = fc.record({
  bytes: fc.uint8Array({ maxLength: 300 }),
  seconds: fc.nat(0xffff_ffff),
  nanoseconds: fc.nat(999_999_999),
  wire: fc.nat(5000),
});
const packets = fc.array(packet, { maxLength: 20 });
const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((s) => s.replaceAll('\0', ''));
const annotated = fc.array(
  fc.record({
    bytes: fc.uint8Array({ maxLength: 100 }),
    seconds: fc.nat(0xffff_ffff),
    nanoseconds: fc.nat(999_999_999),
    interfaceId: fc.nat(2),
    comments: fc.array(text, { maxLength: 3 }),
    flags: fc.option(fc.nat(0xffff_ffff)),
    queue: fc.option(fc.nat(0xffff_ffff)),
    dropCount: fc.option(fc.nat(Number.MAX_SAFE_INTEGER)),
  }),
  { maxLength: 15 },
);
const chunkLength = fc.integer({ min: 16, max: 700 });

/** Everything about a packet but where it lies in which buffer. */
function facts(p: CapturedPacket): unknown {
  return {
    index: p.index,
    fileOffset: p.fileOffset,
    sectionIndex: p.sectionIndex,
    interfaceId: p.interfaceId,
    linkType: p.linkType,
    hasTimestamp: p.hasTimestamp,
    seconds: p.seconds,
    nanoseconds: p.nanoseconds,
    originalLength: p.originalLength,
    comments: p.comments,
    flags: p.flags,
    queue: p.queue,
    dropCount: p.dropCount,
    data: Array.from(p.data),
  };
}

function writeAnnotated(
  list: readonly PacketInput[],
  bigEndian: boolean,
  length: number,
  resolution = 9,
): Uint8Array {
  const sink = createMemorySink();
  const writer = createPcapngWriter({
    sink,
    bigEndian,
    chunkLength: length,
    os: 'test',
    comments: ['ä', 'b'],
  });
  for (let i = 0; i < 3; i++) {
    writer.addInterface({ name: `if${i}`, linkType: i, timestampResolution: resolution });
  }
  for (const p of list) writer.writePacket(p);
  writer.close();
  return sink.bytes();
}

describe('pcap', () => {
  test.prop([packets, fc.boolean(), fc.boolean(), chunkLength])(
    'what is written is read, in both orders and resolutions',
    (list, bigEndian, nanosecond, length) => {
      const sink = createMemorySink();
      const writer = createPcapWriter({ sink, bigEndian, nanosecond, linkType: 1, chunkLength: length });
      for (const p of list) writer.writePacket({ ...p, originalLength: p.bytes.length + p.wire });
      writer.close();
      const { packets: read, error } = readCapture(sink.bytes());
      expect(error).toBeNull();
      const grain = nanosecond ? 1 : 1000;
      expect(read.map((p) => [p.seconds, p.nanoseconds, p.originalLength, Array.from(p.data)])).toEqual(
        list.map((p) => [
          p.seconds,
          p.nanoseconds - (p.nanoseconds % grain),
          p.bytes.length + p.wire,
          Array.from(p.bytes),
        ]),
      );
    },
  );
});

describe('pcapng', () => {
  test.prop([annotated, fc.boolean(), chunkLength])(
    'what is written is read, with comments, flags, queue and drops',
    (list, bigEndian, length) => {
      const { packets: read, error } = readCapture(writeAnnotated(list, bigEndian, length));
      expect(error).toBeNull();
      expect(
        read.map(
          ({ data, seconds, nanoseconds, interfaceId, linkType, comments, flags, queue, dropCount }) => ({
            bytes: Array.from(data),
            seconds,
            nanoseconds,
            interfaceId,
            linkType,
            comments,
            flags,
            queue,
            dropCount,
          }),
        ),
      ).toEqual(list.map((p) => ({ ...p, bytes: Array.from(p.bytes), linkType: p.interfaceId })));
    },
  );

  test.prop([annotated, fc.integer({ min: 0, max: 9 })])(
    'times keep the digits of the resolution',
    (list, digits) => {
      const { packets: read } = readCapture(writeAnnotated(list, false, 4096, digits));
      const grain = 10 ** (9 - digits);
      expect(read.map((p) => [p.seconds, p.nanoseconds])).toEqual(
        list.map((p) => [p.seconds, p.nanoseconds - (p.nanoseconds % grain)]),
      );
    },
  );

  test('section, interfaces, statistics and names come back', () => {
    for (const bigEndian of [false, true]) {
      const sink = createMemorySink();
      const writer = createPcapngWriter({
        sink,
        bigEndian,
        hardware: 'board',
        os: 'none',
        userApplication: 'vmq',
        comments: ['first', 'second'],
      });
      expect(
        writer.addInterface({ name: 'wire', description: 'the wire', snapLength: 0, comments: ['x'] }),
      ).toBe(0);
      expect(writer.addInterface({ linkType: 101 })).toBe(1);
      const names = [
        { address: Uint8Array.of(10, 0, 0, 1), names: ['one', 'eins'] },
        { address: new Uint8Array(16).fill(7), names: ['six'] },
      ];
      writer.writeNames(names);
      const counters = {
        received: 5,
        dropped: 2 ** 40 + 1,
        filterAccepted: null,
        osDropped: 0,
        delivered: 3,
      };
      writer.writeStatistics(1, { seconds: 9, nanoseconds: 8, ...counters });
      writer.close();

      const seen: unknown[] = [];
      const reader = createCaptureReader({ onNames: (records) => seen.push(...records) });
      reader.push(sink.bytes());
      expect(reader.next()).toBeNull();
      expect(reader.end()).toBeNull();
      expect(reader.format).toBe('pcapng');
      expect(reader.section).toEqual({
        bigEndian,
        hardware: 'board',
        os: 'none',
        userApplication: 'vmq',
        comments: ['first', 'second'],
      });
      expect(reader.interfaces).toMatchObject([
        { name: 'wire', description: 'the wire', snapLength: 0, comments: ['x'], statistics: null },
        { name: null, linkType: 101, statistics: { seconds: 9, nanoseconds: 8, ...counters } },
      ]);
      expect(seen).toEqual(names);
    }
  });

  test('comments of statistics stand in their block, before the counters', () => {
    const sink = createMemorySink();
    const writer = createPcapngWriter({ sink });
    const id = writer.addInterface({ timestampResolution: 0 });
    writer.writeStatistics(id, { seconds: 7, nanoseconds: 0, received: 5, comments: ['last'] });
    writer.close();
    const words = (...list: number[]): number[] => [...new Uint8Array(Uint32Array.from(list).buffer)];
    const comment = [1, 0, 4, 0, ...new TextEncoder().encode('last')];
    const received = [4, 0, 8, 0, ...words(5, 0)];
    expect([...sink.bytes().subarray(-48)]).toEqual([
      ...words(5, 48, id, 0, 7),
      ...comment,
      ...received,
      ...words(0, 48),
    ]);
  });
});

test.prop([annotated, fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 30 })])(
  'the same packets come out wherever the stream is cut',
  (list, cuts) => {
    const file = writeAnnotated(list, false, 4096);
    const whole = readCapture(file).packets.map(facts);
    const reader = createCaptureReader();
    const found: unknown[] = [];
    // One array for all chunks, as a caller reading a file into one buffer has it.
    const buffer = new Uint8Array(200);
    for (let at = 0, i = 0; at < file.length; i++) {
      const part = file.subarray(at, at + cuts[i % cuts.length]!);
      buffer.fill(0xee);
      buffer.set(part);
      reader.push(buffer.subarray(0, part.length));
      const held: { data: Uint8Array; seen: unknown }[] = [];
      for (let p = reader.next(); p !== null; p = reader.next()) held.push({ data: p.data, seen: facts(p) });
      // The bytes stay until the next push, also those completed from two chunks.
      for (const { data, seen } of held) expect(seen).toMatchObject({ data: Array.from(data) });
      found.push(...held.map(({ seen }) => seen));
      at += part.length;
    }
    expect(reader.end()).toBeNull();
    expect(found).toEqual(whole);
  },
);

test('a packet read can be written as it is', () => {
  const file = writeAnnotated(
    [{ bytes: Uint8Array.of(1, 2, 3), seconds: 1, nanoseconds: 2, comments: ['c'], flags: 1, queue: 4 }],
    true,
    64,
  );
  const sink = createMemorySink();
  const writer = createPcapngWriter({ sink, bigEndian: true, os: 'test', comments: ['ä', 'b'] });
  const reader = createCaptureReader();
  reader.push(file);
  for (let p = reader.next(); p !== null; p = reader.next()) {
    if (p.index === 0) {
      for (const { name, linkType } of reader.interfaces) writer.addInterface({ name: name ?? '', linkType });
    }
    writer.writePacket(p);
  }
  writer.close();
  expect(sink.bytes()).toEqual(file);
});
