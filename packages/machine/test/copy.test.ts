import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyBytes, copyFrame, type MemoryViews } from '../src/memory/copy.ts';

const SIZE = 4096;

function memory(fill: (i: number) => number): MemoryViews {
  const buffer = new SharedArrayBuffer(SIZE);
  const u8 = new Uint8Array(buffer);
  for (let i = 0; i < SIZE; i++) u8[i] = fill(i);
  return { u8, i32: new Int32Array(buffer), u64: new BigUint64Array(buffer) };
}

describe.each([
  ['copyBytes', copyBytes],
  ['copyFrame', copyFrame],
])('%s', (_name, copy) => {
  it('SEC-08 property: copies exactly the bytes it is told to, whatever the offsets', () => {
    const from = memory((i) => (i * 7 + (i >> 8)) & 0xff);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1024 }),
        fc.integer({ min: 0, max: 1024 }),
        fc.integer({ min: 0, max: 2048 }),
        (source, target, length) => {
          const to = memory(() => 0xa5);
          copy(from, source, to, target, length);
          const expected = new Uint8Array(SIZE).fill(0xa5);
          expected.set(from.u8.subarray(source, source + length), target);
          expect(Buffer.compare(to.u8, expected)).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('SEC-08: every length up to two turns, from and to multiples of 8, 4 and 1', () => {
    const from = memory((i) => (i * 13 + 5) & 0xff);
    for (const step of [8, 4, 1]) {
      for (let length = 0; length <= 300; length++) {
        const to = memory(() => 0);
        copy(from, 64 + step, to, 128 + step, length);
        const written = to.u8.subarray(128 + step, 128 + step + length);
        expect(Buffer.compare(written, from.u8.subarray(64 + step, 64 + step + length))).toBe(0);
        expect(to.u8.subarray(128 + step + length).every((byte) => byte === 0)).toBe(true);
        expect(to.u8.subarray(0, 128 + step).every((byte) => byte === 0)).toBe(true);
      }
    }
  });
});
