/** Random and damaged configurations; and the ones that once did harm (docs/fuzzing.md). */
import { expect, test } from 'vitest';
import { fuzzShort } from '../../../../tools/fuzz/src/short.ts';
import { checkHostConfig } from '../../src/config/check-config.ts';

test('10 000 configurations: taken whole or refused by the path of a key, never an exception', async () => {
  const { outcomes } = await fuzzShort('host-config', { buffers: 10_000 });
  expect(outcomes['taken']).toBeGreaterThan(500);
  expect(outcomes['refused: nic']).toBeGreaterThan(50);
});

test.each([
  [
    { profile: 'netvmini', jumboPacket: 9000 },
    'nic.jumboPacket',
    /from 60 to 1514, which netvmini can hold; found 9000/,
  ],
  [{ keywords: { '*JumboPacket': 'abc' } }, 'nic.keywords.*JumboPacket', /found "abc"/],
  [{ keywords: { '*JumboPacket': 1514.5 } }, 'nic.keywords.*JumboPacket', /found 1514.5/],
])('a frame length that no adapter comes up with is refused by its key: %j', (nic, path, message) => {
  const result = checkHostConfig({ nic });
  expect(result.ok ? [] : result.problems).toMatchObject([{ path, message: expect.stringMatching(message) }]);
});
