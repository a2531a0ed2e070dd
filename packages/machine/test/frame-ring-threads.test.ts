import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { createFrameRing } from '../src/index.ts';

it('frame ring: 200 000 frames pass between two threads whole and in order', async () => {
  const image = createFrameRing(64, 64 * 100);
  // The last 50 000 have negative indices.
  const words = new Int32Array(image.buffer);
  words[0] = words[16] = 0x7fffffff - 150_000;
  const entry = new URL('./fixtures/ring-end.mjs', import.meta.url);
  const frames = 200_000;
  const consumer = new Worker(entry, { workerData: { role: 'consumer', image, frames, seed: 5 } });
  const producer = new Worker(entry, { workerData: { role: 'producer', image, frames, seed: 5 } });
  const [[result]] = await Promise.all([once(consumer, 'message'), once(producer, 'exit')]);
  expect(result).toEqual({ seen: frames, wrong: '', left: 0 });
});
