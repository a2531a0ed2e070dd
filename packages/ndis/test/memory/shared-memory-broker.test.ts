import {
  NDIS_SHARED_MEMORY_USAGE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import type { ProviderAllocation, SharedMemoryParameters, SharedMemoryProvider } from '@vmq/ddi';
import { DMA_READ, DMA_WRITE, type DmaDomain } from '@vmq/machine';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allocate, complete, createBench, createHost, free } from '../bench.test-support.ts';

const USAGE = NDIS_SHARED_MEMORY_USAGE;
const want = (change: Partial<SharedMemoryParameters> = {}): SharedMemoryParameters => ({
  contiguous: false,
  queueId: 0,
  vportId: 0,
  usage: USAGE.NdisSharedMemoryUsageReceive,
  length: 3 * 4096 + 100,
  preferredNode: 0,
  maximumElements: 8,
  ...change,
});
const none = { elements: [], sharedMemoryHandle: 0, allocationHandle: 0 };

function provider(answer: (parameters: SharedMemoryParameters) => ProviderAllocation) {
  const freed: unknown[] = [];
  const made: SharedMemoryProvider = {
    name: 'switch',
    allocateSharedMemoryHandler: (_adapter, parameters) => answer(parameters),
    freeSharedMemoryHandler: (_adapter, context) => freed.push(context),
  };
  return { made, freed };
}

describe('NdisAllocateSharedMemory', () => {
  test('SHM-03 SHM-07: success gives elements that add up, and two separate handles', () => {
    const { miniport } = createBench();
    const first = miniport.adapter.allocateSharedMemory(want());
    expect(first.status).toBe(NDIS_STATUS_SUCCESS);
    expect(first.elements.length).toBe(2);
    expect(first.elements.reduce((sum, { length }) => sum + length, 0)).toBe(3 * 4096 + 100);
    expect(first.sharedMemoryHandle).toBeGreaterThan(0);
    const second = miniport.adapter.allocateSharedMemory(want({ contiguous: true }));
    expect(second.elements.length).toBe(1);
    expect(second.allocationHandle).not.toBe(first.allocationHandle);
  });

  test('SHM-03: what was asked for is kept by queue, length and usage; either handle has its own use', () => {
    const { binding, miniport, adapter, memory, machine, violations } = createBench();
    const queueId = allocate(binding);
    complete(binding, [queueId]);
    const usage = USAGE.NdisSharedMemoryUsageReceiveLookahead;
    const served = miniport.adapter.allocateSharedMemory(want({ queueId, usage, length: 5000 }));
    const entry = adapter
      .inspect()
      .sharedMemory.find((one) => one.allocationHandle === served.allocationHandle);
    expect(entry).toMatchObject({ queueId, usage, sharedMemoryHandle: served.sharedMemoryHandle });
    expect(entry?.elements).toEqual(served.elements);
    // The elements name memory that is there: each byte of it keeps what is written, and none is in two elements.
    let next = 1;
    for (const { segment, offset, length } of served.elements)
      for (let i = 0; i < length; i++) machine.memory.segment(segment).u8[offset + i] = next++ & 0xff;
    next = 1;
    for (const { segment, offset, length } of served.elements)
      for (let i = 0; i < length; i++)
        expect(machine.memory.segment(segment).u8[offset + i]).toBe(next++ & 0xff);
    expect(next - 1).toBe(5000);
    const before = memory.blocks().length;
    miniport.adapter.freeSharedMemory(served.allocationHandle);
    expect(memory.blocks()).toHaveLength(before - 1);
    expect(violations()).toEqual([]);
    expect(adapter.inspect().sharedMemory.map((one) => one.allocationHandle)).not.toContain(
      served.allocationHandle,
    );
  });

  const bad: [string, Partial<SharedMemoryParameters>, number][] = [
    ['SHM-05', { usage: USAGE.NdisSharedMemoryUsageUndefined }, NDIS_STATUS_INVALID_PARAMETER],
    ['SHM-05', { usage: USAGE.NdisSharedMemoryUsageMax }, NDIS_STATUS_INVALID_PARAMETER],
    ['SHM-05', { length: 0 }, NDIS_STATUS_INVALID_PARAMETER],
    ['SHM-05', { queueId: 9 }, NDIS_STATUS_INVALID_PARAMETER],
    ['SHM-05', { maximumElements: 1 }, NDIS_STATUS_INVALID_PARAMETER],
    ['SHM-08', { vportId: 1 }, NDIS_STATUS_INVALID_PARAMETER],
    ['SHM-04', { length: 1 << 28 }, NDIS_STATUS_RESOURCES],
  ];
  test.each(bad)(
    '%s SHM-04: refused with a NULL allocation handle, nothing left behind',
    (rule, change, status) => {
      const { miniport, ndis, memory } = createBench();
      expect(miniport.adapter.allocateSharedMemory(want(change))).toEqual({ status, ...none });
      expect(ndis.refusals.last).toMatchObject({ rule, status });
      expect(memory.blocks()).toEqual([]);
    },
  );

  test('SHM-06 INIT-21: before scatter-gather registration it is written down, once, and served', () => {
    const { add, ndis, memory } = createHost({
      initialize(adapter, miniport) {
        for (const attributes of miniport.attributes()) adapter.setMiniportAttributes(attributes);
        for (let i = 0; i < 2; i++)
          expect(adapter.allocateSharedMemory(want()).status).toBe(NDIS_STATUS_SUCCESS);
        const domain = adapter.registerScatterGatherDma();
        const pages = memory
          .blocks()
          .flatMap(({ elements }) => elements.map(({ length }) => Math.ceil(length / 4096)));
        const reached = domain.table(0)?.filter((rights) => rights !== 0).length;
        expect(reached).toBe(pages.reduce((sum, one) => sum + one, 0));
        return NDIS_STATUS_SUCCESS;
      },
    });
    const { adapter } = add();
    expect(ndis.refusals.entries.map(({ rule }) => rule)).toEqual(['SHM-06']);
    expect(adapter?.inspect().advice).toMatchObject([{ rule: 'SHM-06', page: 'NdisAllocateSharedMemory' }]);
  });

  test('QUE-21: memory for a queue before its allocation complete is written down', () => {
    const { miniport, binding, violations } = createBench();
    const id = allocate(binding);
    expect(miniport.adapter.allocateSharedMemory(want({ queueId: id })).status).toBe(NDIS_STATUS_SUCCESS);
    expect(violations()).toEqual(['QUE-21']);
  });

  test('QUE-21: nor after a completion that failed', () => {
    const { miniport, binding, violations } = createBench();
    const id = allocate(binding);
    miniport.bytesPerQueue = 1 << 30;
    expect(complete(binding, [id]).elements).toEqual([NDIS_STATUS_RESOURCES]);
    expect(violations()).toEqual([]);
    expect(miniport.adapter.allocateSharedMemory(want({ queueId: id })).status).toBe(NDIS_STATUS_SUCCESS);
    expect(violations()).toEqual(['QUE-21']);
  });

  test('SHM-15: memory that outlives its queue is written down', () => {
    const { miniport, binding, violations } = createBench();
    const id = allocate(binding);
    complete(binding, [id]);
    miniport.adapter.allocateSharedMemory(want({ queueId: id }));
    free(binding, id);
    expect(violations()).toEqual(['SHM-15']);
  });
});

describe('the provider', () => {
  test('SHM-04: whatever status a provider ends with, the miniport gets one of three', () => {
    const allowed = [NDIS_STATUS_RESOURCES, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_FAILURE];
    for (const status of [...allowed, NDIS_STATUS_PENDING, NDIS_STATUS_NOT_SUPPORTED, 0xc0000022, 1]) {
      const { ndis, miniport } = createBench();
      const { made, freed } = provider(() => ({ status }));
      ndis.setOptionalHandlers(made);
      const expected = allowed.includes(status) ? status : NDIS_STATUS_FAILURE;
      expect(miniport.adapter.allocateSharedMemory(want())).toEqual({ status: expected, ...none });
      expect(freed).toEqual([]);
    }
  });

  test('SHM-07: an answer is taken if its pages are whole, in the segment, of nobody else, and add up', () => {
    const PAGES = 512;
    const element = fc.record({
      page: fc.integer({ min: 400, max: 520 }),
      shift: fc.constantFrom(0, 0, 0, 0, 8),
      bytes: fc.integer({ min: 0, max: 3 * 4096 }),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(element, { minLength: 1, maxLength: 3 }), { maxLength: 12 }),
        (answers) => {
          const { ndis, miniport } = createBench();
          const used = new Set<number>();
          let elements: { segment: number; offset: number; length: number }[] = [];
          const { made, freed } = provider(() => ({
            status: NDIS_STATUS_SUCCESS,
            elements,
            allocationContext: elements,
          }));
          ndis.setOptionalHandlers(made);
          for (const answer of answers) {
            elements = answer.map(({ page, shift, bytes }) => ({
              segment: 0,
              offset: page * 4096 + shift,
              length: bytes,
            }));
            const length = elements.reduce((sum, one) => sum + one.length, 0);
            const pages = answer.flatMap(({ page, bytes }) =>
              Array.from({ length: Math.ceil(bytes / 4096) }, (_, i) => page + i),
            );
            const good =
              answer.every(({ shift, bytes }) => shift === 0 && bytes > 0) &&
              pages.every((page) => page < PAGES && !used.has(page)) &&
              new Set(pages).size === pages.length;
            const before = freed.length;
            const { status } = miniport.adapter.allocateSharedMemory(want({ length: Math.max(1, length) }));
            expect(status).toBe(good ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE);
            // What is not taken goes back to the provider at once.
            expect(freed.length - before).toBe(good ? 0 : 1);
            if (good) for (const page of pages) used.add(page);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test('SHM-01 SHM-02: gets the caller’s parameters, and its context back at the free', () => {
    const { ndis, miniport } = createBench();
    const context = { mine: true };
    const asked: SharedMemoryParameters[] = [];
    const { made, freed } = provider((parameters) => {
      asked.push(parameters);
      const elements = [{ segment: 0, offset: 0, length: parameters.length }];
      return { status: NDIS_STATUS_SUCCESS, elements, sharedMemoryHandle: 42, allocationContext: context };
    });
    ndis.setOptionalHandlers(made);
    const got = miniport.adapter.allocateSharedMemory(want());
    expect(asked).toEqual([want()]);
    expect(got.sharedMemoryHandle).toBe(42);
    miniport.adapter.freeSharedMemory(got.allocationHandle);
    expect(freed).toEqual([context]);
    expect(freed[0]).toBe(context);
  });

  const answers: [string, Partial<SharedMemoryParameters>, ProviderAllocation['elements']][] = [
    ['SHM-07', {}, [{ segment: 0, offset: 0, length: 4096 }]],
    [
      'SHM-07',
      { length: 8192 },
      [
        { segment: 0, offset: 0, length: 4096 },
        { segment: 0, offset: 0, length: 4096 },
      ],
    ],
    ['SHM-07', { length: 100 }, [{ segment: 0, offset: 64, length: 100 }]],
    ['SHM-07', { length: 100 }, [{ segment: 7, offset: 0, length: 100 }]],
    [
      'SHM-07',
      { length: 8192, contiguous: true },
      [
        { segment: 0, offset: 0, length: 4096 },
        { segment: 0, offset: 4096, length: 4096 },
      ],
    ],
    ['SHM-12', { length: 100 }, [{ segment: 1, offset: 0, length: 100 }]],
  ];
  test.each(answers)('%s: an answer that breaks it is given back, and refused', (rule, change, elements) => {
    const { ndis, miniport } = createBench();
    const { made, freed } = provider(() => ({
      status: NDIS_STATUS_SUCCESS,
      ...(elements === undefined ? {} : { elements }),
      allocationContext: 'block',
    }));
    ndis.setOptionalHandlers(made);
    expect(miniport.adapter.allocateSharedMemory(want(change))).toEqual({
      status: NDIS_STATUS_FAILURE,
      ...none,
    });
    expect(ndis.refusals.last?.rule).toBe(rule);
    expect(freed).toEqual(['block']);
  });

  test('SHM-07: pages of another allocation are refused', () => {
    const { ndis, miniport } = createBench();
    const elements = [{ segment: 0, offset: 4096, length: 100 }];
    ndis.setOptionalHandlers(provider(() => ({ status: NDIS_STATUS_SUCCESS, elements })).made);
    expect(miniport.adapter.allocateSharedMemory(want({ length: 100 })).status).toBe(NDIS_STATUS_SUCCESS);
    expect(miniport.adapter.allocateSharedMemory(want({ length: 100 })).status).toBe(NDIS_STATUS_FAILURE);
  });

  test('SHM-13: on a 2008 R2 host only what is behind the lookahead may lie in a VM', () => {
    const { ndis, miniport } = createBench({ hostVersion: 620, minor: 20 });
    const elements = [{ segment: 1, offset: 0, length: 100 }];
    ndis.setOptionalHandlers(provider(() => ({ status: NDIS_STATUS_SUCCESS, elements })).made);
    const ask = (usage: SharedMemoryParameters['usage']): number =>
      miniport.adapter.allocateSharedMemory(want({ length: 100, usage })).status;
    expect(ask(USAGE.NdisSharedMemoryUsageReceiveLookahead)).toBe(NDIS_STATUS_FAILURE);
    expect(ask(USAGE.NdisSharedMemoryUsageReceivePostLookahead)).toBe(NDIS_STATUS_SUCCESS);
  });
});

describe('DMA and free', () => {
  test('the adapter’s domain reaches exactly the memory, with the rights of its usage, until the free', () => {
    const { miniport } = createBench();
    const domain: DmaDomain = miniport.adapter.registerScatterGatherDma();
    const rights = (usage: SharedMemoryParameters['usage']) => {
      const got = miniport.adapter.allocateSharedMemory(want({ usage, length: 4096 }));
      const offset = got.elements[0]!.offset;
      const found = [DMA_READ, DMA_WRITE].filter((right) => domain.permits(0, offset, 4096, right));
      miniport.adapter.freeSharedMemory(got.allocationHandle);
      expect(domain.permits(0, offset, 1, DMA_READ) || domain.permits(0, offset, 1, DMA_WRITE)).toBe(false);
      return found;
    };
    expect(rights(USAGE.NdisSharedMemoryUsageReceive)).toEqual([DMA_WRITE]);
    expect(rights(USAGE.NdisSharedMemoryUsageXmit)).toEqual([DMA_READ]);
    expect(rights(USAGE.NdisSharedMemoryUsageOther)).toEqual([DMA_READ, DMA_WRITE]);
  });

  test('SHM-09: a second free, and an unknown handle, throw by name', () => {
    const { miniport, memory, violations } = createBench();
    const { allocationHandle } = miniport.adapter.allocateSharedMemory(want());
    miniport.adapter.freeSharedMemory(allocationHandle);
    expect(memory.blocks()).toEqual([]);
    expect(() => miniport.adapter.freeSharedMemory(allocationHandle)).toThrow('NdisSharedMemoryDoubleFree');
    expect(() => miniport.adapter.freeSharedMemory(0)).toThrow('NdisSharedMemoryUnknownHandle');
    expect(violations()).toEqual(['NdisSharedMemoryDoubleFree', 'NdisSharedMemoryUnknownHandle']);
  });
});

describe('SHM-17: a protocol', () => {
  test('allocates and frees as the miniport may; the adapter reaches the pages meanwhile', () => {
    const { binding, miniport, adapter, memory } = createBench();
    const domain = miniport.adapter.registerScatterGatherDma();
    const served = binding.allocateSharedMemory(want({ usage: USAGE.NdisSharedMemoryUsageXmit }));
    expect(served.status).toBe(NDIS_STATUS_SUCCESS);
    const [element] = served.elements as [(typeof served.elements)[number]];
    const page = element.offset / 4096;
    expect(domain.table(element.segment)?.[page]).toBe(DMA_READ);
    expect(adapter.inspect().sharedMemory).toMatchObject([{ allocationHandle: served.allocationHandle }]);
    const blocks = memory.blocks().length;
    binding.freeSharedMemory(served.allocationHandle);
    expect(domain.table(element.segment)?.[page]).toBe(0);
    expect([adapter.inspect().sharedMemory, memory.blocks().length]).toEqual([[], blocks - 1]);
    expect(() => binding.freeSharedMemory(served.allocationHandle)).toThrow(/NdisSharedMemoryDoubleFree/);
  });

  test('is refused what the miniport would be', () => {
    const { binding, lastRule } = createBench();
    expect(binding.allocateSharedMemory(want({ length: 0 })).status).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(lastRule()).toBe('SHM-05');
    expect(binding.allocateSharedMemory(want({ queueId: 9 })).status).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(binding.allocateSharedMemory(want({ length: 1 << 24 })).status).toBe(NDIS_STATUS_RESOURCES);
  });

  test('and the miniport do not free each other’s', () => {
    const { binding, miniport } = createBench();
    const own = miniport.adapter.allocateSharedMemory(want());
    const theirs = binding.allocateSharedMemory(want());
    expect(() => binding.freeSharedMemory(own.allocationHandle)).toThrow(/of the miniport/);
    expect(() => miniport.adapter.freeSharedMemory(theirs.allocationHandle)).toThrow(/of binding 1/);
  });

  test('that closes with some left loses it, and is written down; a queue’s free asks the miniport alone', () => {
    const { binding, adapter, violations } = createBench();
    const queueId = allocate(binding);
    complete(binding, [queueId]);
    binding.allocateSharedMemory(want({ queueId }));
    expect(free(binding, queueId)).toBe(NDIS_STATUS_SUCCESS);
    expect(violations()).toEqual([]);
    binding.close();
    expect(adapter.inspect().sharedMemory).toEqual([]);
    expect(violations()).toEqual(['SHM-17']);
  });
});
