/** Golden buffers damaged, and noise, through every codec (docs/fuzzing.md). */
import { expect, test } from 'vitest';
import { fuzzShort } from '../../../tools/fuzz/src/short.ts';

test('20 000 buffers: no crash, no byte outside, nothing shared, every refusal named', async () => {
  const { outcomes } = await fuzzShort('abi-decoders');
  for (const reason of ['short', 'bad-header', 'bad-revision', 'bad-offset', 'bad-stride', 'bad-string'])
    expect(outcomes[`refused: ${reason}`]).toBeGreaterThan(10);
  expect(outcomes['read']).toBeGreaterThan(5000);
});
