/**
 * A pcapng block says its length at both ends, so whatever is wrong inside one need not cost those behind it: the reader
 * tells of it and goes on.
 */
import { describe, expect, test } from 'vitest';
import { type CaptureError, createCaptureReader, readCapture } from '../src/index.ts';

const u16 = (value: number): number[] => [value & 255, (value >>> 8) & 255];
const u32 = (value: number): number[] => [...u16(value), ...u16(value >>> 16)];
function block(type: number, ...body: readonly number[][]): number[] {
  const bytes = body.flat();
  while (bytes.length % 4 !== 0) bytes.push(0);
  return [...u32(type), ...u32(bytes.length + 12), ...bytes, ...u32(bytes.length + 12)];
}
const option = (code: number, ...value: number[]): number[] => [...u16(code), ...u16(value.length), ...value];

const section = (...options: number[][]): number[] =>
  block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(1), u16(0), u32(-1), u32(-1), ...options);
const face = (...options: number[][]): number[] => block(1, u16(1), u16(0), u32(0), ...options);
const packet = (mark: number, id = 0, captured = 4, ...options: number[][]): number[] =>
  block(6, u32(id), u32(0), u32(7), u32(captured), u32(4), [mark, 1, 2, 3], ...options);
const statistics = (id: number, ...options: number[][]): number[] =>
  block(5, u32(id), u32(0), u32(0), ...options);

/** Runs past its block, whatever follows. */
const ENDLESS = [...u16(2), ...u16(0xfff0)];

function marks(...blocks: readonly number[][]): { marks: unknown; flaws: readonly CaptureError[] } {
  const { packets, flaws, error } = readCapture(Uint8Array.from(blocks.flat()));
  expect(error).toBeNull();
  return { marks: packets.map(({ data }) => data[0]), flaws };
}

describe('a flaw of one block leaves the others', () => {
  test.each([
    ['statistics of an interface that is not there', [section(), face(), statistics(2)], 'bad-interface', 48],
    ['statistics with an endless option', [section(), face(), statistics(0, ENDLESS)], 'bad-option', 48],
    ['a packet of an interface that is not there', [section(), face(), packet(9, 1)], 'bad-interface', 48],
    ['a packet longer than its block', [section(), face(), packet(9, 0, 5)], 'bad-packet-length', 48],
    ['an endless option in a section header', [section(ENDLESS), face()], 'bad-option', 0],
    ['a time resolution of two bytes', [section(), face(option(9, 6, 0), [0, 0])], 'bad-option', 28],
  ])('%s', (_, blocks, code, fileOffset) => {
    const { marks: found, flaws } = marks(...blocks, packet(1), packet(2));
    expect(found).toEqual([1, 2]);
    expect(flaws).toMatchObject([{ code, fileOffset }]);
    expect(flaws[0]?.message).toMatch(/^byte \d+: expected .* found .*; (passed over|ignored)$/);
  });

  test('a packet keeps what it said before an endless option', () => {
    const { packets, flaws } = readCapture(
      Uint8Array.from([section(), face(), packet(5, 0, 4, option(6, 3, 0, 0, 0), ENDLESS)].flat()),
    );
    expect(packets).toMatchObject([{ queue: 3, flags: null, capturedLength: 4 }]);
    expect(flaws).toMatchObject([{ code: 'bad-option', fileOffset: 48 }]);
  });

  test('names before a broken record are told, those behind it are not', () => {
    const record = (length: number, last: number): number[] => [
      ...u16(1),
      ...u16(length),
      10,
      0,
      0,
      last,
      0x61,
      0,
    ];
    const names: unknown[] = [];
    const bytes = [section(), block(4, record(6, 1), [0, 0], record(60, 2)), face(), packet(1)].flat();
    const { packets, flaws } = readCapture(Uint8Array.from(bytes), {
      onNames: (records) => names.push(...records),
    });
    expect(packets).toHaveLength(1);
    expect(names).toEqual([{ address: Uint8Array.of(10, 0, 0, 1), names: ['a'] }]);
    expect(flaws).toMatchObject([{ code: 'bad-name-record', fileOffset: 28 }]);
  });

  test('the interface after a broken one has the next number', () => {
    const { packets } = readCapture(
      Uint8Array.from([section(), face(ENDLESS), face(option(9, 9), [0, 0, 0]), packet(1, 1)].flat()),
    );
    expect(packets).toMatchObject([{ interfaceId: 1, nanoseconds: 7 }]);
  });
});

test('a reader that nobody listens to counts its flaws', () => {
  const reader = createCaptureReader();
  reader.push(Uint8Array.from([section(), face(), statistics(1), packet(1), packet(2, 3), packet(4)].flat()));
  const told: [number | undefined, number][] = [];
  for (let read = reader.next(); read !== null; read = reader.next())
    told.push([read.data[0], reader.flawCount]);
  expect(reader.end()).toBeNull();
  expect(told).toEqual([
    [1, 1],
    [4, 2],
  ]);
  expect(reader.packetCount).toBe(2);
});
