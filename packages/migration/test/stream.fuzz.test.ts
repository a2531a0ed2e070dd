/** Random and damaged bytes as the stream of a migration (docs/fuzzing.md). */
import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { fuzzShort } from '../../../tools/fuzz/src/short.ts';
import { MigrationDecoder } from '../src/stream/decoder.ts';
import { MigrationEncoder } from '../src/stream/messages.ts';

test('10 000 buffers: no crash, no byte outside, every refusal named', async () => {
  const { outcomes } = await fuzzShort('migration-stream', { buffers: 10_000 });
  expect(outcomes['read: hello']).toBeGreaterThan(50);
  expect(Object.keys(outcomes).length).toBeGreaterThan(8);
});

test('what a socket gives, a Node Buffer, may be used again as soon as it was pushed', () => {
  const numbers = Uint32Array.of(2);
  const bytes = new Uint8Array(4096).fill(7);
  const message = new MigrationEncoder().pages(1, { numbers, bytes });
  const decoder = new MigrationDecoder();
  const chunk = Buffer.from(message.subarray(0, 1000));
  decoder.push(chunk);
  chunk.fill(0xee); // `slice` of a Buffer is a view: the decoder found a wrong checksum
  expect(decoder.push(Buffer.from(message.subarray(1000)))).toEqual([
    { kind: 'pages', round: 1, pages: { numbers, bytes } },
  ]);
});
