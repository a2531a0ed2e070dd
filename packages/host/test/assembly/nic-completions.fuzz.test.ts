/** Damaged write-backs of the device under a whole host (docs/fuzzing.md). */
import { expect, test } from 'vitest';
import { fuzzShort } from '../../../../tools/fuzz/src/short.ts';

test('2000 damaged write-backs: no crash, no endless turn, no frame that ends twice', async () => {
  const { outcomes } = await fuzzShort('nic-completions', { buffers: 2000 });
  expect(Object.keys(outcomes).length).toBeGreaterThan(1);
});
