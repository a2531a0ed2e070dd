/** Where a block of pages goes, against a search that looks at every page. */
import { createMachine, PAGE_SIZE } from '@vmq/machine';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PageRun, PageTable } from '../src/page-table.ts';

const PAGES = 40;

/** The lowest run of free pages that begins at a multiple of `align`. */
function lowest(taken: readonly boolean[], count: number, align: number): PageRun | null {
  for (let first = 0; first + count <= PAGES; first += align)
    if (taken.slice(first, first + count).every((page) => !page)) return { first, count };
  return null;
}

const step = fc.record({
  count: fc.integer({ min: 1, max: 9 }),
  align: fc.constantFrom(1, 2, 3, 4, 8),
  longest: fc.integer({ min: 1, max: 5 }),
  scattered: fc.boolean(),
  give: fc.option(fc.nat(), { freq: 2 }),
});

test('a run is the lowest one that is free and aligned, whatever lies before it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const machine = createMachine({
        hostMemoryBytes: PAGES * PAGE_SIZE,
        processors: 1,
        agents: [],
        dropReasons: [],
      });
      const table = new PageTable(machine.memory.host);
      const taken = Array.from({ length: PAGES }, () => false);
      const runs: PageRun[] = [];
      const mark = (run: PageRun, state: boolean): void =>
        void taken.fill(state, run.first, run.first + run.count);
      for (const { count, align, longest, scattered, give } of steps) {
        const wanted = lowest(taken, count, align);
        expect(table.findRun(count, align)).toEqual(wanted);
        const pieces = table.findRuns(count, longest);
        const free = taken.flatMap((is, page) => (is ? [] : [page]));
        if (free.length < count) expect(pieces).toBeNull();
        else
          expect(
            pieces?.flatMap(({ first, count: n }) => Array.from({ length: n }, (_, i) => first + i)),
          ).toEqual(free.slice(0, count));
        for (const { count: n } of pieces ?? []) expect(n).toBeLessThanOrEqual(longest);
        for (const run of scattered ? (pieces ?? []) : wanted ? [wanted] : []) {
          table.take(run, runs.length + 1);
          mark(run, true);
          runs.push(run);
        }
        if (give !== null && runs.length > 0) {
          const [run] = runs.splice(give % runs.length, 1) as [PageRun];
          table.give(run);
          mark(run, false);
        }
        expect(table.freePages).toBe(taken.filter((is) => !is).length);
        expect(taken.map((_, page) => table.holder(page) !== 0)).toEqual(taken);
      }
    }),
    { numRuns: 150 },
  );
});
