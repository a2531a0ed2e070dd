import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countedLength, MOST_TAG_BYTES } from '../src/wire/frame-length.ts';

const TAG = fc.constantFrom([0x81, 0x00], [0x88, 0xa8]);

/** Addresses, the given tag types each with a TCI, a type, and a payload up to `length` bytes in all. */
function frame(tags: readonly (readonly number[])[], payload: number): Uint8Array {
  const bytes = new Array<number>(12).fill(2);
  for (const type of tags) bytes.push(...type, 0x20, 0x07);
  bytes.push(0x88, 0xb5, ...new Array<number>(payload).fill(0x5a));
  return Uint8Array.from(bytes);
}

describe('SW-28: a length limit', () => {
  test('counts neither of two tags, wherever the outer one is, and every further one', () => {
    fc.assert(
      fc.property(
        fc.array(TAG, { maxLength: 4 }),
        fc.nat(80),
        fc.nat(40),
        fc.boolean(),
        (tags, payload, at, beside) => {
          const bytes = frame(tags, payload);
          const memory = new Uint8Array(at + bytes.length + 40).fill(0x81);
          memory.set(bytes, at);
          const inside = Math.min(tags.length, beside ? 1 : 2);
          expect(countedLength(memory, at, bytes.length, beside)).toBe(bytes.length - 4 * inside);
        },
      ),
    );
  });

  test('counts half a tag, and looks at nothing behind the frame', () => {
    const bytes = frame(
      [
        [0x81, 0x00],
        [0x81, 0x00],
      ],
      0,
    );
    for (let length = 0; length < 16; length++) expect(countedLength(bytes, 0, length, false)).toBe(length);
    for (let length = 16; length < 20; length++)
      expect(countedLength(bytes, 0, length, false)).toBe(length - 4);
    expect(countedLength(bytes, 0, 20, false)).toBe(20 - MOST_TAG_BYTES);
  });
});
