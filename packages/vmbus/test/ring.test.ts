import { createPhysicalMemory } from '@vmq/machine';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RING_READ_INDEX, RING_WRITE_INDEX, RingWords, ringBytes } from '../src/ring/ring.ts';

const SIZE = 512;

function createRing(): { writer: RingWords; reader: RingWords } {
  const memory = createPhysicalMemory(4096);
  const segment = memory.addSegment('vm', 4096 + SIZE);
  const place = { offset: 0, dataBytes: SIZE };
  return { writer: new RingWords(segment, place), reader: new RingWords(segment, place) };
}

describe('ring', () => {
  test('behaves as a queue of packets, whatever the sizes and however it wraps', () => {
    const write = fc.record({ op: fc.constant('write' as const), words: fc.integer({ min: 0, max: 40 }) });
    const read = fc.record({ op: fc.constant('read' as const) });
    fc.assert(
      fc.property(fc.array(fc.oneof(write, read), { maxLength: 200 }), (steps) => {
        const { writer, reader } = createRing();
        const model: number[][] = [];
        let serial = 0;
        for (const step of steps) {
          const w = writer.loadHeader(RING_WRITE_INDEX);
          const r = reader.loadHeader(RING_READ_INDEX);
          const used = model.reduce((sum, packet) => sum + 24 + packet.length * 4, 0);
          expect(writer.distance(r, w)).toBe(used);
          if (step.op === 'write') {
            const payload = step.words & ~1; // padded to 8 bytes
            const length = 16 + payload * 4;
            if (writer.dataBytes - used - 8 < ringBytes(length)) continue;
            const packet = Array.from({ length: payload }, () => (serial++ * 0x9e3779b1) | 0);
            writer.seek(w);
            writer.beginPacket(6, 16, length, 1, model.length, serial);
            for (const word of packet) writer.put(word);
            writer.endPacket(w);
            expect(writer.isIndex(writer.position)).toBe(true);
            writer.storeHeader(RING_WRITE_INDEX, writer.position);
            model.push(packet);
          } else if (model.length === 0) expect(w).toBe(r);
          else {
            reader.seek(r);
            expect(reader.take()).toBe(6 | (2 << 16));
            const length = (reader.take() & 0xffff) << 3;
            reader.skip(8);
            const packet: number[] = [];
            for (let i = 16; i < length; i += 4) packet.push(reader.take());
            expect(packet).toEqual(model.shift());
            expect(reader.take()).toBe(0);
            expect(reader.take()).toBe(r); // the trailer names the packet's start
            reader.storeHeader(RING_READ_INDEX, reader.position);
          }
        }
      }),
    );
  });

  test('refuses places that are not whole pages of the segment', () => {
    const segment = createPhysicalMemory(4096).addSegment('vm', 8192);
    for (const [offset, dataBytes] of [
      [8, 1024],
      [0, 1020],
      [0, 8],
      [4096, 8192],
      [-4096, 512],
    ] as const) {
      expect(() => new RingWords(segment, { offset, dataBytes })).toThrow(RangeError);
    }
  });
});
