/** What the device writes, page by page: a frame whose every page is granted, or not one byte of it. */
import { createRandom, DMA_READ, DMA_WRITE, type MemorySegment } from '@vmq/machine';
import { expect, test } from 'vitest';
import { RXCTL_HEADER_SHIFT, RXCTL_SPLIT } from '../../src/registers/register-constants.ts';
import { frameTo } from '../bench.test-support.ts';
import { DROPPING, dropped, MAC, oneQueue, untag } from '../one-queue.test-support.ts';

const PAGE = 4096;
const PAGES = 6;
const SPLIT_BYTES = 64;

test.each([
  ['whole frames', 0],
  ['split frames', RXCTL_SPLIT | (SPLIT_BYTES << RXCTL_HEADER_SHIFT)],
] as const)(
  '%s: written if each page that they touch may be written, else nowhere, in any segment at any address',
  (_, control) => {
    const random = createRandom(control + 1);
    const seen = { written: 0, refused: 0, straddled: 0 };
    for (let round = 0; round < 25; round++) {
      const [bench, queue] = oneQueue(16, 16, DROPPING | control);
      const vm = bench.machine.memory.addSegment('vm', PAGES * PAGE);
      bench.domain.setRights(vm.id, 0, PAGES * PAGE, DMA_WRITE);
      bench.executor.post('nic', { op: 'dma', image: bench.domain.image() });
      bench.executor.publish();
      const own = bench.allocate(PAGES * PAGE);
      const areas = [
        { segment: bench.host, base: own },
        { segment: vm, base: 0 },
      ] as const;
      for (let n = 0; n < 40; n++) {
        const area = areas[random.below(2)] as { segment: MemorySegment; base: number };
        const rights = Array.from(
          { length: PAGES },
          () => [0, DMA_READ, DMA_WRITE, DMA_WRITE][random.below(4)],
        );
        rights.forEach((right, page) => {
          bench.domain.setRights(area.segment.id, area.base + page * PAGE, PAGE, right);
        });
        const tag = random.below(3) === 0 ? 7 : undefined;
        const frame = frameTo(MAC, 60 + random.below(1455), tag);
        const bytes = tag === undefined ? frame : untag(frame);
        // Around the border between two pages, at every alignment: what the fast way takes and what it does not.
        const border = (1 + random.below(PAGES - 2)) * PAGE;
        const offset =
          area.base + border - (random.below(3) === 0 ? random.below(1600) : 8 * random.below(200));
        const inHeader = control === 0 ? 0 : Math.min(SPLIT_BYTES, bytes.length);
        area.segment.u8.fill(0xdd, area.base, area.base + PAGES * PAGE);
        const expected = area.segment.u8.slice(area.base, area.base + PAGES * PAGE);
        const first = offset - area.base + inHeader;
        const touched = bytes.length - inHeader;
        const from = first >> 12;
        const to = (first + touched - 1) >> 12;
        const isGranted =
          touched === 0 || rights.slice(from, to + 1).every((right) => (right & DMA_WRITE) !== 0);
        if (isGranted) expected.set(bytes.subarray(inHeader), first);
        seen[isGranted ? 'written' : 'refused']++;
        if (touched > 0 && rights[from] !== rights[to]) seen.straddled++;

        // One descriptor at a time, where the device's next one is.
        const head = queue.consumed & 15;
        const words = bench.host.i32;
        const descriptor = (queue.ring >> 2) + head * 4;
        words[descriptor] = offset;
        words[descriptor + 1] = area.segment.id;
        const faults = dropped(bench)['nic.dma-fault'] ?? 0;
        bench.send(frame);
        expect(queue.waiting).toBe(isGranted ? 1 : 0);
        expect((dropped(bench)['nic.dma-fault'] ?? 0) - faults).toBe(isGranted ? 0 : 1);
        expect(area.segment.u8.subarray(area.base, area.base + PAGES * PAGE)).toEqual(expected);
        if (isGranted) queue.take();
      }
    }
    expect(Math.min(seen.written, seen.refused, seen.straddled)).toBeGreaterThan(150);
  },
);
