import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachDmaDomain, createDmaDomain, DMA_READ, DMA_WRITE } from '../src/memory/iommu.ts';
import { createPhysicalMemory, PAGE_SIZE } from '../src/memory/memory.ts';

const PAGES = 8;
const BOTH = DMA_READ | DMA_WRITE;

describe('DMA domain', () => {
  it('property: permits exactly what was granted last, page by page, here and attached', () => {
    const grant = fc.record({
      segment: fc.integer({ min: 0, max: 1 }),
      first: fc.integer({ min: 0, max: PAGES - 1 }),
      pages: fc.integer({ min: 0, max: PAGES }),
      rights: fc.integer({ min: 0, max: 3 }),
    });
    const ask = fc.record({
      segment: fc.integer({ min: 0, max: 2 }),
      offset: fc.integer({ min: -PAGE_SIZE, max: (PAGES + 1) * PAGE_SIZE }),
      length: fc.integer({ min: -1, max: (PAGES + 1) * PAGE_SIZE }),
      rights: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 12 }), fc.array(ask, { maxLength: 30 }), (grants, asks) => {
        const memory = createPhysicalMemory(PAGES * PAGE_SIZE);
        memory.addSegment('vm', PAGES * PAGE_SIZE);
        const domain = createDmaDomain('nic', memory);
        const model = [new Array<number>(PAGES).fill(0), new Array<number>(PAGES).fill(0)];
        for (const { segment, first, pages, rights } of grants) {
          const act = (): void => domain.setRights(segment, first * PAGE_SIZE, pages * PAGE_SIZE, rights);
          if (first + pages > PAGES) expect(act).toThrow(/8 pages/);
          else {
            act();
            model[segment]?.fill(rights, first, first + pages);
          }
        }
        const attached = attachDmaDomain(structuredClone(domain.image()));
        for (const { segment, offset, length, rights } of asks) {
          let expected = length > 0 && offset >= 0;
          for (
            let page = Math.floor(offset / PAGE_SIZE);
            expected && page * PAGE_SIZE < offset + length;
            page++
          ) {
            expected = ((model[segment]?.[page] ?? 0) & rights) === rights;
          }
          expect(domain.permits(segment, offset, length, rights)).toBe(expected);
          expect(attached.permits(segment, offset, length, rights)).toBe(expected);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['the end wraps past 4 GiB', 0xffff_f000, 0x2000],
    ['the offset is 4 GiB', 2 ** 32, 64],
    ['the offset is 4 GiB less a little', 2 ** 32 - 32, 64],
    ['the length is 4 GiB', 0, 2 ** 32],
    ['the offset is negative', -1, 64],
    ['the offset is no number', Number.NaN, 64],
    ['the length is no number', 0, Number.NaN],
    ['there is nothing to move', 0, 0],
  ])('refuses a transfer when %s, though every page is granted', (_, offset, length) => {
    const memory = createPhysicalMemory(PAGES * PAGE_SIZE);
    const domain = createDmaDomain('nic', memory);
    domain.setRights(0, 0, PAGES * PAGE_SIZE, BOTH);
    expect(domain.permits(0, 0, PAGES * PAGE_SIZE, BOTH)).toBe(true);
    expect(domain.permits(0, offset, length, DMA_READ)).toBe(false);
  });

  it('an attached domain sees later changes of a table it has, and extends none', () => {
    const memory = createPhysicalMemory(PAGES * PAGE_SIZE);
    const domain = createDmaDomain('nic', memory);
    domain.setRights(0, 0, PAGE_SIZE, DMA_READ);
    const attached = attachDmaDomain(domain.image());
    domain.setRights(0, 0, PAGE_SIZE, 0);
    expect(attached.permits(0, 0, 64, DMA_READ)).toBe(false);
    expect(attached.table(1)).toBeNull();
    expect(() => attached.setRights(1, 0, PAGE_SIZE, DMA_READ)).toThrow(/only the machine that made it/);
  });

  it.each([
    [1, PAGE_SIZE, DMA_READ],
    [0, 100, DMA_READ],
    [-PAGE_SIZE, PAGE_SIZE, DMA_READ],
    [2 ** 32, PAGE_SIZE, DMA_READ],
    [0, PAGE_SIZE, 4],
  ])('refuses to set rights of offset %s length %s to %s', (offset, length, rights) => {
    const domain = createDmaDomain('nic', createPhysicalMemory(PAGES * PAGE_SIZE));
    expect(() => domain.setRights(0, offset, length, rights)).toThrow(RangeError);
  });
});
