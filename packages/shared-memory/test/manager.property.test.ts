import { NDIS_SHARED_MEMORY_USAGE, NDIS_STATUS_RESOURCES } from '@vmq/abi';
import { createMachine, DMA_WRITE, PAGE_SIZE } from '@vmq/machine';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Block } from '../src/block.ts';
import { createSharedMemoryManager } from '../src/manager.ts';

const PAGES = 24;
const usage = NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceive;

type Command =
  | { op: 'allocate'; bytes: number; contiguous: boolean; owner: string; segment: number }
  | { op: 'free' | 'grant' | 'revoke'; pick: number };

const commands = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant('allocate' as const),
        bytes: fc.integer({ min: 1, max: 7 * PAGE_SIZE }),
        contiguous: fc.boolean(),
        owner: fc.constantFrom('adapter nic0', 'vm web', 'vm db'),
        segment: fc.integer({ min: 0, max: 1 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constantFrom('free' as const, 'grant' as const, 'revoke' as const),
        pick: fc.nat(),
      }),
    },
  ),
  { maxLength: 60 },
);

/** What a page shows, written independently of the allocator: who holds it, and who may DMA there. */
interface ModelPage {
  handle: number;
  granted: boolean;
}

test('SHM-07 SEC-08: any sequence keeps blocks apart, complete, zeroed, and grants in step', () => {
  fc.assert(
    fc.property(commands, fc.integer({ min: 1, max: 4 }), (sequence, longest) => {
      const machine = createMachine({
        hostMemoryBytes: PAGES * PAGE_SIZE,
        processors: 1,
        agents: [],
        dropReasons: [],
      });
      machine.memory.addSegment('web', PAGES * PAGE_SIZE);
      const manager = createSharedMemoryManager(machine, { longestElement: longest * PAGE_SIZE });
      const domain = manager.createDomain('nic0');
      const model = [0, 1].map(() =>
        Array.from({ length: PAGES }, (): ModelPage => ({ handle: 0, granted: false })),
      );
      const live = new Map<number, Block>();
      const pagesOf = (block: Block): number[] =>
        block.elements.flatMap(({ offset, length }) =>
          Array.from({ length: Math.ceil(length / PAGE_SIZE) }, (_, i) => offset / PAGE_SIZE + i),
        );
      const inModel = (block: Block): ModelPage[] =>
        pagesOf(block).map((page) => model[block.segment]![page]!);

      const apply = (command: Command): void => {
        if (command.op === 'allocate') {
          const { bytes, contiguous, owner, segment } = command;
          const result = manager.allocate({ segment, length: bytes, contiguous, owner, usage });
          const pages = Math.ceil(bytes / PAGE_SIZE);
          const free = model[segment]!.map(({ handle }) => (handle === 0 ? '.' : 'x')).join('');
          const fits = contiguous
            ? free.includes('.'.repeat(pages))
            : free.replaceAll('x', '').length >= pages;
          expect(result.block !== null).toBe(fits);
          if (result.block === null) {
            expect(result.status).toBe(NDIS_STATUS_RESOURCES);
            return;
          }
          const { block } = result;
          if (contiguous) expect(block.elements.length).toBe(1);
          else
            for (const { length } of block.elements) expect(length).toBeLessThanOrEqual(longest * PAGE_SIZE);
          expect(block.elements.reduce((sum, { length }) => sum + length, 0)).toBe(bytes);
          expect(pagesOf(block).length).toBe(pages);
          const foreign = machine.memory.segment(segment).u8;
          for (const page of inModel(block)) expect(page.handle).toBe(0);
          // Every byte is zero, whoever had the page before.
          const mark = owner.charCodeAt(3);
          for (const page of pagesOf(block)) {
            const bytesOfPage = foreign.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
            expect(bytesOfPage.every((byte) => byte === 0)).toBe(true);
            bytesOfPage.fill(mark);
          }
          for (const page of inModel(block)) page.handle = block.handle;
          live.set(block.handle, block);
          return;
        }
        const handles = [...live.keys()];
        if (handles.length === 0) return;
        const block = live.get(handles[command.pick % handles.length]!)!;
        if (command.op === 'grant') {
          expect(manager.grant(domain, block.handle, DMA_WRITE).status).toBe(0);
          for (const page of inModel(block)) page.granted = true;
        } else if (command.op === 'revoke') {
          expect(manager.revoke(domain, block.handle).status).toBe(0);
          for (const page of inModel(block)) page.granted = false;
        } else {
          expect(manager.free(block.handle).status).toBe(0);
          for (const page of inModel(block)) {
            page.handle = 0;
            page.granted = false;
          }
          live.delete(block.handle);
        }
      };

      const check = (): void => {
        model.forEach((pages, segment) => {
          pages.forEach(({ handle, granted }, page) => {
            expect(manager.blockAt(segment, page * PAGE_SIZE)?.handle ?? 0).toBe(handle);
            expect(domain.permits(segment, page * PAGE_SIZE, PAGE_SIZE, DMA_WRITE)).toBe(granted);
          });
          const free = pages.filter(({ handle }) => handle === 0).length;
          expect(manager.inspect().partitions[segment]!.freePages).toBe(free);
        });
      };

      for (const command of sequence) {
        apply(command);
        check();
      }
      for (const owner of ['adapter nic0', 'vm web', 'vm db']) manager.freeOwner(owner);
      expect(manager.blocks()).toEqual([]);
      for (const { pages, freePages } of manager.inspect().partitions) expect(freePages).toBe(pages);
    }),
    { numRuns: 60 },
  );
});
