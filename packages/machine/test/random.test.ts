import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../src/random/random.ts';

const draw = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.next());

describe('random', () => {
  it('same seed, same numbers; other seed, others; and the numbers are these for ever', () => {
    expect(draw(createRandom(7), 100)).toEqual(draw(createRandom(7), 100));
    expect(draw(createRandom(7), 4)).not.toEqual(draw(createRandom(8), 4));
    expect(draw(createRandom(1), 3)).toMatchInlineSnapshot(`
      [
        3739678614,
        2725338478,
        3923878172,
      ]
    `);
  });

  it('below() is even over its range and stays in it (chi-square of 16 bins)', () => {
    const random = createRandom(3);
    const bins = new Array<number>(16).fill(0);
    for (let i = 0; i < 160_000; i++) {
      const value = random.below(16);
      bins[value] = bins[value] + 1;
    }
    expect(bins.length).toBe(16);
    const chi = bins.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0);
    expect(chi).toBeLessThan(45); // 15 degrees of freedom: one seed in 10 000 would exceed it
    expect(random.below(1)).toBe(0);
  });

  it('unit() lies in [0, 1) with mean one half; every bit of next() is set half of the time', () => {
    const random = createRandom(11);
    let sum = 0;
    for (let i = 0; i < 100_000; i++) {
      const value = random.unit();
      if (value < 0 || value >= 1) throw new Error(`unit() gave ${value}`);
      sum += value;
    }
    expect(Math.abs(sum / 100_000 - 0.5)).toBeLessThan(0.005);
    for (let bit = 0; bit < 32; bit++) {
      let ones = 0;
      for (let i = 0; i < 10_000; i++) ones += (random.next() >>> bit) & 1;
      expect(Math.abs(ones - 5000), `bit ${bit}`).toBeLessThan(250);
    }
  });

  it('a fork depends on seed and name only, not on what was drawn or forked before', () => {
    const a = createRandom(5);
    draw(a, 10);
    a.fork('other');
    expect(draw(a.fork('wire'), 20)).toEqual(draw(createRandom(5).fork('wire'), 20));
    const undisturbed = createRandom(5);
    draw(undisturbed, 10);
    expect(draw(a, 20)).toEqual(draw(undisturbed, 20));
  });

  it('no two streams are alike over seeds, names and nesting', () => {
    const seen = new Map<string, string>();
    for (let seed = 0; seed < 64; seed++) {
      const root = createRandom(seed);
      const streams: [string, Random][] = [['', root]];
      for (const name of ['', 'a', 'b', '`', 'c', 'ab', 'ba', 'vm1', 'vm2']) {
        streams.push([`/${name}`, root.fork(name)]);
        streams.push([`/${name}/a`, root.fork(name).fork('a')]);
      }
      for (const [name, stream] of streams) {
        const key = draw(stream, 4).join();
        expect(seen.get(key), `${seed}${name}`).toBeUndefined();
        seen.set(key, `${seed}${name}`);
      }
    }
  });
});
