/**
 * Found by the fuzzer (`captures`, seed 1, session 2, buffer 0): the `slice` of Node's Buffer makes a view, so what was
 * promised as the caller's to keep changed with the chunk it came in.
 */
import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { createCaptureReader, createMemorySink, createPcapngWriter, type NameRecord } from '../src/index.ts';

test('packets and names to keep stay as they are when the chunk, a Node Buffer, is used again', () => {
  const sink = createMemorySink();
  const writer = createPcapngWriter({ sink });
  writer.addInterface({});
  const bytes = Uint8Array.from({ length: 60 }, (_, i) => i);
  writer.writeNames([{ address: Uint8Array.of(10, 0, 0, 1), names: ['x'] }]);
  writer.writePacket({ bytes, seconds: 1, nanoseconds: 2, comments: ['a comment'] });
  writer.close();
  const names: NameRecord[] = [];
  const chunk = Buffer.from(sink.bytes());
  const reader = createCaptureReader({ copy: true, onNames: (records) => names.push(...records) });
  reader.push(chunk);
  const packet = reader.next();
  expect(reader.next()).toBeNull();
  chunk.fill(0xee);
  expect(packet?.data).toEqual(bytes);
  expect(packet?.comments).toEqual(['a comment']);
  expect(names.map(({ address }) => [...address])).toEqual([[10, 0, 0, 1]]);
});
