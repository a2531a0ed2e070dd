import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cloneMessage } from '../src/executor/clone-message.ts';

describe('cloneMessage', () => {
  it('gives what structuredClone gives, for any plain value', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true }),
        (value) => {
          expect(cloneMessage(value)).toEqual(structuredClone(value));
        },
      ),
    );
  });

  it('copies: neither side sees what the other changes', () => {
    const message = { op: 'serve', image: { ring: [1, 2, 3] } };
    const copy = cloneMessage(message);
    message.image.ring.push(4);
    expect(copy).toEqual({ op: 'serve', image: { ring: [1, 2, 3] } });
  });

  it('shares shared buffers, and what views look at them', () => {
    const buffer = new SharedArrayBuffer(8);
    expect(cloneMessage({ buffer }).buffer).toBe(buffer);
    const { view } = cloneMessage({ view: new Int32Array(buffer) });
    view[0] = 7;
    expect(new Int32Array(buffer)[0]).toBe(7);
  });

  it('copies what it does not copy itself: views, maps, holes, cycles', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(cloneMessage(cycle).self).not.toBe(cycle);
    expect(cloneMessage({ bytes: Uint8Array.of(1, 2) }).bytes).toEqual(Uint8Array.of(1, 2));
    expect(cloneMessage(new Map([[1, [2]]]))).toEqual(new Map([[1, [2]]]));
    // biome-ignore lint/suspicious/noSparseArray: a hole is what this is about.
    expect(0 in cloneMessage([, 1])).toBe(false);
  });

  it('copies words: neither side sees what the other changes, and a part stays a part', () => {
    const words = Int32Array.of(1, 2, 3, 4);
    const copy = cloneMessage({ words });
    words[0] = 9;
    expect(copy.words).toEqual(Int32Array.of(1, 2, 3, 4));
    const part = cloneMessage({ part: words.subarray(1, 3) }).part;
    expect(part).toEqual(structuredClone(words.subarray(1, 3)));
    words[1] = 9;
    expect(part[0]).toBe(2);
    expect(part.byteOffset).toBe(4);
  });

  it('throws for what cannot be sent to a worker', () => {
    expect(() => cloneMessage({ call: () => 1 })).toThrow();
    expect(() => cloneMessage(Symbol('one'))).toThrow();
  });
});
