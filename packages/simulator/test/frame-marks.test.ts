import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { FrameWriter, isMark, MARK_AT, markOf } from '../src/audit/frame-marks.ts';

const byte = fc.integer({ min: 0, max: 255 });
const source = fc.integer({ min: 1, max: 255 });
const marks = fc.tuple(source, byte, fc.integer({ min: 0, max: 3 })).map((of) => markOf(...of));
const NO_ADDRESS = new Uint8Array(6);

test.prop([marks])('a mark is one', (mark) => {
  expect(isMark(mark)).toBe(true);
});

test.prop([marks, marks, fc.integer({ min: MARK_AT + 1, max: 200 })])(
  'a tail over a word of an older frame makes no mark that neither frame has',
  (older, newer, length) => {
    const writer = new FrameWriter();
    writer.write(256, NO_ADDRESS, NO_ADDRESS, older, 0);
    const memory = writer.bytes.slice(0, 256);
    writer.write(length, NO_ADDRESS, NO_ADDRESS, newer, 1);
    memory.set(writer.bytes.subarray(0, length));
    const words = new Uint32Array(memory.buffer, 0, 64);
    const strange = words.filter((word) => isMark(word) && word !== older >>> 0 && word !== newer >>> 0);
    expect([...strange]).toEqual([]);
  },
);

test.prop([marks, fc.integer({ min: 0, max: 3 })])(
  'zeros over a part of a mark leave no other one',
  (mark, bytes) => {
    const words = Uint32Array.of(mark >>> 0);
    new Uint8Array(words.buffer).fill(0, 0, bytes);
    expect(isMark(words[0])).toBe(bytes === 0);
  },
);
