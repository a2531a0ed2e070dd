import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shrinkSteps } from '../src/shrink/shrink-steps.ts';

test('what is left fails, is in order, and needs each of its steps', () => {
  const needed = fc.uniqueArray(fc.integer({ min: 0, max: 199 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(needed, (wanted) => {
      const all = Array.from({ length: 200 }, (_, i) => i);
      const fails = (steps: readonly number[]): boolean => wanted.every((step) => steps.includes(step));
      expect(shrinkSteps(all, fails, 1e6)).toEqual([...wanted].sort((a, b) => a - b));
    }),
  );
});

test('it stops when its budget is used up, with what it has', () => {
  const all = Array.from({ length: 64 }, (_, i) => i);
  let tried = 0;
  const fails = (steps: readonly number[]): boolean => {
    tried += steps.length;
    return steps.includes(0) && steps.includes(63);
  };
  const kept = shrinkSteps(all, fails, 100);
  expect(fails(kept)).toBe(true);
  expect(tried).toBeLessThan(100 + 2 * 64);
});
