/** The guest's end of its ring to the host: how much room it thinks there is, however full the ring gets. */
import { createPhysicalMemory } from '@vmq/machine';
import {
  NVSP_PACKET_BYTES,
  RING_PENDING_SEND_SIZE,
  RING_READ_INDEX,
  RING_WRITE_INDEX,
  RingWords,
} from '@vmq/vmbus';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { layoutGuest } from '../src/guest/guest-layout.ts';
import { GuestRings } from '../src/guest/guest-rings.ts';

/** Seven pages hold a whole number of packets: there a ring could be filled to its last byte. */
const SIZES = [1, 2, 7].map((pages) => pages * 4096);

const step = fc.oneof(
  fc.record({ op: fc.constant('write' as const), count: fc.integer({ min: 1, max: 600 }) }),
  fc.record({ op: fc.constant('read' as const), count: fc.integer({ min: 1, max: 600 }) }),
);

test('a ring takes packets until the next would fill it, never looks empty when it is full, and asks for a signal', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SIZES), fc.array(step, { maxLength: 40 }), (ringBytes, steps) => {
      const layout = layoutGuest({ ringBytes, receiveSections: 8, sendSections: 4 });
      const segment = createPhysicalMemory(4096).addSegment('vm', layout.end);
      const rings = new GuestRings(segment, layout);
      rings.reset();
      const host = new RingWords(segment, { offset: layout.rings, dataBytes: layout.ringBytes });
      /** Serial numbers of the packets in the ring. */
      const inRing: number[] = [];
      let serial = 0;
      let read = 0;
      for (const { op, count } of steps) {
        if (op === 'write') {
          for (let n = 0; n < count; n++) {
            // Full and empty would look alike if the last eight bytes were taken, too.
            const fits = (inRing.length + 1) * NVSP_PACKET_BYTES < ringBytes;
            expect(rings.hasRoom(NVSP_PACKET_BYTES)).toBe(fits);
            expect(host.loadHeader(RING_PENDING_SEND_SIZE)).toBe(fits ? 0 : NVSP_PACKET_BYTES);
            if (!fits) break;
            rings.writeMessage(++serial, 0, 1, 0, 0, 0);
            inRing.push(serial);
          }
          rings.publish();
        } else {
          for (let n = 0; n < count && inRing.length > 0; n++) {
            host.seek((read + 8) % ringBytes);
            expect(host.take()).toBe(inRing.shift());
            read = (read + NVSP_PACKET_BYTES) % ringBytes;
          }
          host.storeHeader(RING_READ_INDEX, read);
          rings.stopWaiting();
        }
        expect(host.distance(read, host.loadHeader(RING_WRITE_INDEX))).toBe(
          inRing.length * NVSP_PACKET_BYTES,
        );
      }
    }),
    {
      numRuns: 150,
      examples: [
        [
          28_672,
          [
            { op: 'write', count: 600 },
            { op: 'read', count: 600 },
          ],
        ],
      ],
    },
  );
});
