import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  type CaptureError,
  createCaptureReader,
  createMemorySink,
  createPcapngWriter,
  createPcapWriter,
  readCapture,
} from '../src/index.ts';

const frame = Uint8Array.from({ length: 61 }, (_, i) => i);

function smallPcap(bigEndian: boolean): Uint8Array {
  const sink = createMemorySink();
  const writer = createPcapWriter({ sink, bigEndian });
  for (let i = 0; i < 3; i++)
    writer.writePacket({ bytes: frame, capturedLength: 20 + i, seconds: i, nanoseconds: i });
  writer.close();
  return sink.bytes();
}

function smallPcapng(bigEndian: boolean): Uint8Array {
  const sink = createMemorySink();
  const writer = createPcapngWriter({ sink, bigEndian, os: 'some', comments: ['c'] });
  writer.addInterface({ name: 'a' });
  writer.writePacket({
    bytes: frame,
    seconds: 1,
    nanoseconds: 2,
    comments: ['one', 'two'],
    queue: 3,
    flags: 1,
  });
  writer.writeNames([{ address: Uint8Array.of(1, 2, 3, 4), names: ['x'] }]);
  writer.addInterface({ linkType: 101 });
  writer.writePacket({ bytes: frame, capturedLength: 7, seconds: 1, nanoseconds: 2, interfaceId: 1 });
  writer.writeStatistics(0, { seconds: 1, nanoseconds: 2, received: 2 });
  writer.close();
  return sink.bytes();
}

const files = [smallPcap(false), smallPcap(true), smallPcapng(false), smallPcapng(true)];

/** Reads in chunks; returns the packets and flaws in their order, and the error. */
function readChunked(bytes: Uint8Array, chunk: number): { seen: string[]; error: CaptureError | null } {
  const seen: string[] = [];
  const reader = createCaptureReader({ onFlaw: ({ message }) => seen.push(message) });
  for (let at = 0; at < bytes.length; at += chunk) {
    if (!reader.push(bytes.subarray(at, at + chunk))) break;
    for (let p = reader.next(); p !== null; p = reader.next()) {
      seen.push(`${p.index} ${p.fileOffset} ${p.capturedLength} ${p.seconds} ${p.nanoseconds} ${p.comments}`);
    }
  }
  return { seen, error: reader.end() };
}

describe('truncation', () => {
  test.each(files.map((file, i) => [i, file] as const))('file %i, cut at every byte', (_, file) => {
    const whole = readCapture(file).packets;
    // Record and block starts: where a cut is a clean end.
    const clean = new Set<number>();
    let previous = 0;
    for (let cut = 0; cut <= file.length; cut++) {
      const { packets, error } = readCapture(file.subarray(0, cut));
      expect(packets.length).toBeGreaterThanOrEqual(previous);
      previous = packets.length;
      expect(packets.map((p) => [p.fileOffset, [...p.data]])).toEqual(
        whole.slice(0, packets.length).map((p) => [p.fileOffset, [...p.data]]),
      );
      if (error === null) clean.add(cut);
      else {
        expect(error.code).toBe(cut === 0 ? 'empty' : 'truncated');
        expect(error.message).toMatch(/^byte \d+: expected .*, found /);
        // The offset is that of the unit cut through: the last clean end, or the start of the file.
        expect(error.fileOffset).toBe(Math.max(0, ...clean));
      }
      expect(readChunked(file.subarray(0, cut), 1).error).toEqual(error);
    }
    expect(previous).toBe(whole.length);
    expect(clean.has(file.length)).toBe(true);
  });
});

describe('named errors', () => {
  const of = (...bytes: number[]): CaptureError | null => readCapture(Uint8Array.from(bytes)).error;

  test('files that are something else', () => {
    expect(of()).toMatchObject({ code: 'empty', fileOffset: 0 });
    expect(of(0x1f, 0x8b, 8, 0)).toMatchObject({
      code: 'compressed',
      message: 'byte 0: the file is gzip-compressed; decompress first',
    });
    expect(of(0x28, 0xb5, 0x2f, 0xfd)?.message).toContain('zstd-compressed');
    expect(of(0x34, 0xcd, 0xb2, 0xa1)?.message).toContain('editcap');
    expect(of(0x04, 0x22, 0x4d, 0x18)?.message).toContain('lz4-compressed');
    expect(of(0xfd, 0x37, 0x7a, 0x58)?.message).toContain('xz-compressed');
    expect(of(0x42, 0x5a, 0x68, 0x39)?.message).toContain('bzip2-compressed'); // BZh and its level
    expect(of(0x50, 0x4b, 0x03, 0x04)?.message).toContain('zip archive');
    expect(of(0xa1, 0xb2, 0xcd, 0x34)?.message).toContain('editcap');
    expect(of(0x73, 0x6e, 0x6f, 0x6f)?.message).toContain('snoop');
    expect(of(0x47, 0x4d, 0x42, 0x55)?.message).toContain('Network Monitor');
    expect(of(0x3c, 0x68, 0x74, 0x6d)).toMatchObject({ code: 'not-a-capture' });
    expect(of(0x3c, 0x68, 0x74, 0x6d)?.message).toContain('found 3c68746d');
  });

  const changed = (file: Uint8Array, at: number, ...bytes: number[]): CaptureError | null => {
    const copy = file.slice();
    copy.set(bytes, at);
    return readCapture(copy).error;
  };
  const pcapng = files[2]!;

  test('versions', () => {
    expect(changed(files[0]!, 4, 3)?.code).toBe('unsupported-version');
    expect(changed(pcapng, 12, 2)?.code).toBe('unsupported-version');
  });

  test('byte order and lengths', () => {
    expect(changed(pcapng, 8, 1)?.code).toBe('bad-byte-order');
    expect(changed(pcapng, 4, 27)?.code).toBe('bad-block-length');
    expect(changed(pcapng, 4, 24)?.code).toBe('bad-block-length');
    expect(changed(pcapng, pcapng.length - 4, 0)).toMatchObject({ code: 'bad-block-length' });
    expect(changed(pcapng, pcapng.length - 4, 0)?.message).toContain('to repeat its length');
    expect(changed(pcapng, 4, 0, 0, 0, 0x7f)).toMatchObject({ code: 'block-too-large', fileOffset: 0 });
  });

  test('a block above maxBlockLength is refused before it is stored', () => {
    const sink = createMemorySink();
    const writer = createPcapngWriter({ sink });
    writer.addInterface();
    writer.writePacket({ bytes: new Uint8Array(5000), seconds: 0, nanoseconds: 0 });
    writer.close();
    const { packets, error } = readCapture(sink.bytes(), { maxBlockLength: 4096 });
    expect(packets).toEqual([]);
    expect(error).toMatchObject({ code: 'block-too-large', fileOffset: 60 });
    expect(error?.message).toContain('(maxBlockLength)');
  });

  test('options and name records that run past their block are flaws: the packet and the file stay', () => {
    const flawOf = (place: number, ...bytes: number[]): unknown => {
      const copy = pcapng.slice();
      copy.set(bytes, place);
      const { packets, flaws, error } = readCapture(copy);
      expect(error).toBeNull();
      expect(packets).toHaveLength(2);
      expect(flaws).toHaveLength(1);
      return flaws[0];
    };
    const at = readCapture(pcapng).packets[0]!.fileOffset;
    // The first comment's length, behind 28 bytes of block and 64 of packet.
    expect(flawOf(at + 28 + 64 + 2, 0xff, 0xff)).toMatchObject({
      code: 'bad-option',
      fileOffset: at,
    });
    const names = at + new DataView(pcapng.buffer, pcapng.byteOffset).getUint32(at + 4, true);
    expect(flawOf(names + 8 + 2, 0xff, 0)).toMatchObject({
      code: 'bad-name-record',
      fileOffset: names,
    });
  });
});

test('programmer errors throw', () => {
  const reader = createCaptureReader();
  reader.push(files[0]!);
  expect(() => reader.push(files[0]!)).toThrow('expected next() to have returned null');
  expect(() => reader.end()).toThrow('expected next() to have returned null');
  expect(() => createCaptureReader({ maxBlockLength: 10 })).toThrow('maxBlockLength');

  const sink = createMemorySink();
  const writer = createPcapngWriter({ sink });
  expect(() => writer.writePacket({ bytes: frame, seconds: 0, nanoseconds: 0 })).toThrow('interfaceId');
  writer.addInterface();
  writer.flush();
  const before = sink.bytes();
  expect(() =>
    writer.writePacket({ bytes: frame, offset: 60, capturedLength: 2, seconds: 0, nanoseconds: 0 }),
  ).toThrow('packet.capturedLength: expected an integer from 0 to 1, found 2');
  expect(() => writer.writePacket({ bytes: frame, seconds: 0.5, nanoseconds: 0 })).toThrow('seconds');
  expect(() => writer.writePacket({ bytes: frame, seconds: 2 ** 32, nanoseconds: 0 })).toThrow('seconds');
  expect(() => writer.writePacket({ bytes: frame, seconds: 0, nanoseconds: 1e9 })).toThrow('nanoseconds');
  expect(() => writer.writePacket({ bytes: frame, seconds: 0, nanoseconds: 0, queue: -1 })).toThrow(
    'option 6',
  );
  expect(() =>
    writer.writePacket({ bytes: frame, seconds: 0, nanoseconds: 0, comments: ['x'.repeat(65_536)] }),
  ).toThrow('at most 65535 bytes');
  writer.close();
  expect(sink.bytes()).toEqual(before);
  expect(() => writer.addInterface()).toThrow('closed');
});

test.prop(
  [
    fc.nat(3),
    fc.array(
      fc.tuple(fc.nat(1000), fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 6, 0x7f, 0x80, 0xff), fc.nat(255))),
      {
        minLength: 1,
        maxLength: 5,
      },
    ),
    fc.integer({ min: 1, max: 64 }),
  ],
  { numRuns: 2000 },
)('a damaged file gives the same packets and error however it is cut', (which, changes, chunk) => {
  const bytes = files[which]!.slice();
  for (const [at, value] of changes) bytes[at % bytes.length] = value;
  const whole = readChunked(bytes, bytes.length);
  expect(readChunked(bytes, chunk)).toEqual(whole);
});

test('100 000 damaged files: no exception, no more packets than bytes allow', () => {
  // xorshift: the same files each time.
  let state = 0x9e3779b9;
  const random = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  const codes = new Set<string>();
  const flaws = new Set<string>();
  for (let i = 0; i < 100_000; i++) {
    const bytes = files[i & 3]!.slice(0, 1 + random(files[i & 3]!.length * 2));
    for (let n = 1 + random(4); n > 0; n--) {
      const at = random(bytes.length);
      bytes[at] = random(3) === 0 ? random(256) : bytes[at]! ^ (1 << random(8));
    }
    const reader = createCaptureReader({ onFlaw: ({ code }) => flaws.add(code) });
    reader.push(bytes);
    let total = 0;
    for (let p = reader.next(); p !== null; p = reader.next()) total += p.data.length + 16;
    if (total > bytes.length) throw new Error(`${total} bytes of packets from ${bytes.length} at round ${i}`);
    const error = reader.end();
    if (error !== null) {
      codes.add(error.code);
      if (error.fileOffset > bytes.length) throw new Error(`offset ${error.fileOffset} of ${bytes.length}`);
    }
  }
  // The damage was of every kind.
  expect([...codes].sort()).toEqual([
    'bad-block-length',
    'bad-byte-order',
    'bad-packet-length',
    'block-too-large',
    'not-a-capture',
    'truncated',
    'unsupported-version',
  ]);
  expect([...flaws].sort()).toEqual([
    'bad-fcs-length',
    'bad-interface',
    'bad-name-record',
    'bad-option',
    'bad-packet-length',
  ]);
});
