/** Frames damaged, and noise, through every view, walk and summary (docs/fuzzing.md). */
import { expect, test } from 'vitest';
import { fuzzShort } from '../../../tools/fuzz/src/short.ts';

test('20 000 buffers: no crash, no hang, no byte outside, every refusal named', async () => {
  const { outcomes } = await fuzzShort('wire-views');
  expect(outcomes['answered']).toBeGreaterThan(10_000);
  expect(Object.keys(outcomes).length).toBeGreaterThan(4);
});
