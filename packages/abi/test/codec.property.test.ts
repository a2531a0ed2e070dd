import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StructLayout } from '../src/codec/layout.ts';
import { codecOf, structNames } from '../src/names/codec-by-name.ts';
import { wholeValue } from './arbitrary.test-support.ts';

const RUNS_ROUND_TRIP = 60;
/** Times the number of structures, this is what one run of the suite throws at the decoders: 26 000. */
const RUNS_HOSTILE = 400;

const names = structNames();

describe('round trip', () => {
  for (const name of names) {
    const codec = codecOf(name)!;
    test(`${name}: decode(encode(value)) is value`, () => {
      fc.assert(
        fc.property(wholeValue(codec.layout), (value) => {
          const bytes = codec.encode(value);
          expect(bytes.length).toBe(codec.encodedLength(value));
          const result = codec.decode(bytes);
          expect(result).toEqual({ ok: true, value, bytesRead: bytes.length });
          if (result.ok) expect(codec.encode(result.value)).toEqual(bytes);
        }),
        { numRuns: RUNS_ROUND_TRIP },
      );
    });
  }
});

/** Numbers that sit on the edges of lengths, offsets, counts and revisions. */
const EDGES = [
  0, 1, 2, 3, 4, 15, 16, 20, 28, 36, 44, 56, 64, 255, 256, 514, 516, 0xffff, 0x7fffffff, 0xfffffff0,
  0xffffffff,
];

interface Hit {
  readonly at: number;
  readonly value: number;
  readonly width: 1 | 2 | 4;
}

const hits = fc.array(
  fc.record({
    at: fc.nat(2048),
    value: fc.oneof(fc.constantFrom(...EDGES), fc.nat(0xffffffff)),
    width: fc.constantFrom<1 | 2 | 4>(1, 2, 4),
  }),
  { maxLength: 6 },
);

function damage(bytes: Uint8Array, length: number, list: readonly Hit[]): Uint8Array {
  const out = new Uint8Array(length);
  out.set(bytes.subarray(0, length));
  for (const { at, value, width } of list) {
    // Half of the hits go to the first 48 bytes, where headers, offsets and counts are.
    const place = (at % 2 === 0 ? at % 48 : at) % Math.max(1, length);
    for (let i = 0; i < width && place + i < length; i++) out[place + i] = (value >>> (8 * i)) & 0xff;
  }
  return out;
}

/** Valid buffers, cut, lengthened and damaged; and plain noise behind a plausible header. */
function hostile(layout: StructLayout): fc.Arbitrary<Uint8Array> {
  const codec = codecOf(layout.name)!;
  const mutated = fc
    .tuple(wholeValue(layout), fc.integer({ min: -64, max: 64 }), fc.boolean(), fc.nat(2400), hits)
    .map(([value, slip, cut, at, list]) => {
      const bytes = codec.encode(value);
      return damage(bytes, Math.max(0, cut ? Math.min(at, bytes.length) : bytes.length + slip), list);
    });
  const noise = fc
    .tuple(fc.uint8Array({ maxLength: 160 }), fc.boolean(), fc.nat(4))
    .map(([bytes, header, revision]) => {
      if (header && bytes.length >= 4) bytes.set([layout.headerType ?? 0x80, revision]);
      return bytes;
    });
  return fc.oneof({ weight: 3, arbitrary: mutated }, { weight: 1, arbitrary: noise });
}

/** The same bytes inside a larger buffer filled with `poison`. */
function surrounded(bytes: Uint8Array, poison: number): Uint8Array {
  const around = new Uint8Array(bytes.length + 4096).fill(poison);
  around.set(bytes, 1024 + 3);
  return around.subarray(1024 + 3, 1024 + 3 + bytes.length);
}

describe('hostile bytes', () => {
  const seen = { ok: 0, refused: new Map<string, number>() };

  for (const name of names) {
    const codec = codecOf(name)!;
    test(`${name}: never throws, never reads outside, and refusals are complete`, () => {
      fc.assert(
        fc.property(hostile(codec.layout), fc.constantFrom<620 | 630>(620, 630), (bytes, ndis) => {
          const before = bytes.slice();
          const result = codec.decode(bytes, { ndis });
          if (Buffer.compare(bytes, before) !== 0) throw new Error('decode wrote into the buffer');
          for (const poison of [0x00, 0xff]) {
            if (!isDeepStrictEqual(codec.decode(surrounded(bytes, poison), { ndis }), result)) {
              throw new Error(`the bytes around the buffer (0x${poison.toString(16)}) changed the result`);
            }
          }
          if (result.ok) {
            seen.ok++;
            expect(result.bytesRead).toBeLessThanOrEqual(bytes.length);
            // What was read is a value like any other: it encodes, and reads back the same.
            const again = codec.decode(codec.encode(result.value, { ndis }), { ndis });
            expect(again.ok).toBe(true);
            return;
          }
          const { reason, expected, found, bytesNeeded } = result.refusal;
          seen.refused.set(reason, (seen.refused.get(reason) ?? 0) + 1);
          expect(expected).not.toBe('');
          expect(found).not.toBe('');
          if (reason === 'short') expect(bytesNeeded).toBeGreaterThan(bytes.length);
          else expect(bytesNeeded).toBeUndefined();
        }),
        { numRuns: RUNS_HOSTILE },
      );
    });
  }

  test('the buffers above met every reason', () => {
    expect(seen.ok).toBeGreaterThan(1000);
    const reasons = ['bad-header', 'bad-offset', 'bad-revision', 'bad-stride', 'bad-string', 'short'];
    expect([...seen.refused.keys()].sort()).toEqual(reasons);
  });
});
