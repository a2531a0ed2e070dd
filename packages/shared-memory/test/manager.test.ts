import { NDIS_SHARED_MEMORY_USAGE, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_RESOURCES } from '@vmq/abi';
import { createMachine, DMA_READ, DMA_WRITE, PAGE_SIZE } from '@vmq/machine';
import { describe, expect, test } from 'vitest';
import { addressInBlock, type Block } from '../src/block.ts';
import { BufferAllocator } from '../src/buffer-allocator.ts';
import { type AllocationRequest, createSharedMemoryManager } from '../src/manager.ts';

const usage = NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceive;

function setUp(pages: number = 16, longestElement?: number, numbers: number = 0) {
  const machine = createMachine({
    hostMemoryBytes: pages * PAGE_SIZE,
    processors: 1,
    agents: [],
    dropReasons: [],
    counters: { numbers },
  });
  const manager = createSharedMemoryManager(machine, longestElement === undefined ? {} : { longestElement });
  const request = (change: Partial<AllocationRequest>) =>
    manager.allocate({ segment: 0, length: PAGE_SIZE, contiguous: false, owner: 'a', usage, ...change });
  const block = (change: Partial<AllocationRequest>): Block => {
    const result = request(change);
    if (result.block === null) throw new Error(result.reason);
    return result.block;
  };
  return { machine, manager, request, block };
}

describe('allocation', () => {
  test('refusals say what was expected, and leave nothing behind', () => {
    const { manager, request } = setUp();
    expect(request({ length: 0 })).toMatchObject({ status: NDIS_STATUS_INVALID_PARAMETER, block: null });
    expect(request({ segment: 3 })).toMatchObject({ reason: 'there is no memory segment 3' });
    expect(request({ usage: NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageUndefined })).toMatchObject({
      reason: 'usage 0 is not defined',
    });
    expect(request({ align: 3 * PAGE_SIZE, contiguous: true })).toMatchObject({
      status: NDIS_STATUS_INVALID_PARAMETER,
    });
    expect(request({ length: 17 * PAGE_SIZE })).toMatchObject({
      status: NDIS_STATUS_RESOURCES,
      reason: 'segment 0 (host): 17 pages wanted, 16 of 16 free',
    });
    expect(manager.blocks()).toEqual([]);
  });

  test('a contiguous block needs a run; a scattered one takes what is free', () => {
    const { manager, request, block } = setUp(8);
    const blocks = Array.from({ length: 8 }, () => block({}));
    for (const { handle } of blocks.filter((_, i) => i % 2 === 0)) manager.free(handle);
    expect(request({ length: 2 * PAGE_SIZE, contiguous: true }).status).toBe(NDIS_STATUS_RESOURCES);
    const scattered = block({ length: 3 * PAGE_SIZE + 5 });
    expect(scattered.elements).toEqual([
      { offset: 0, length: PAGE_SIZE },
      { offset: 2 * PAGE_SIZE, length: PAGE_SIZE },
      { offset: 4 * PAGE_SIZE, length: PAGE_SIZE },
      { offset: 6 * PAGE_SIZE, length: 5 },
    ]);
    expect(addressInBlock(scattered, PAGE_SIZE + 7)).toEqual({ segment: 0, offset: 2 * PAGE_SIZE + 7 });
    expect(() => addressInBlock(scattered, scattered.length)).toThrow(RangeError);
  });

  test('a guard is asked about requests that are in order, and what it refuses leaves nothing behind', () => {
    const { manager, request } = setUp();
    const asked: number[] = [];
    manager.guardAllocations(({ length }) => {
      asked.push(length);
      return length > PAGE_SIZE ? { status: NDIS_STATUS_RESOURCES, reason: 'none today' } : null;
    });
    expect(request({ length: 0 }).status).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(request({ length: 2 * PAGE_SIZE })).toMatchObject({ block: null, reason: 'none today' });
    expect(request({ length: 1 }).status).toBe(0);
    expect(asked).toEqual([2 * PAGE_SIZE, 1]);
    manager.guardAllocations(null);
    expect(request({ length: 2 * PAGE_SIZE }).status).toBe(0);
    expect(manager.inspect().partitions[0]).toMatchObject({ freePages: 13 });
  });

  test('alignment is kept', () => {
    const { block } = setUp(16);
    block({});
    const aligned = block({ length: 2 * PAGE_SIZE, contiguous: true, align: 4 * PAGE_SIZE });
    expect(aligned.virtualAddress).toEqual({ segment: 0, offset: 4 * PAGE_SIZE });
  });

  test('SEC-08: a page is zeroed for the next block, also one of the same owner', () => {
    const { machine, manager, block } = setUp();
    let held = block({ owner: 'nic0 queue 1' });
    expect(manager.inspect().partitions[0]?.zeroedPages).toBe(0);
    for (const owner of ['nic0 queue 1', 'nic0 queue 2']) {
      machine.memory.host.u8.fill(0xee, 0, PAGE_SIZE);
      manager.free(held.handle);
      held = block({ owner });
      expect(machine.memory.host.u8.subarray(0, PAGE_SIZE).every((byte) => byte === 0)).toBe(true);
    }
    expect(manager.inspect().partitions[0]?.zeroedPages).toBe(2);
  });
});

describe('free and grants', () => {
  test('SHM-09: a second free is refused by name', () => {
    const { manager, block } = setUp();
    const { handle } = block({});
    expect(manager.free(handle)).toEqual({ status: 0 });
    expect(manager.free(handle)).toEqual({
      status: NDIS_STATUS_INVALID_PARAMETER,
      reason: `block ${handle} was freed already`,
    });
    expect(manager.free(99)).toMatchObject({ reason: 'there is no block 99' });
  });

  test('a freed block leaves every domain, and only its own pages', () => {
    const { manager, block } = setUp();
    const one = manager.createDomain('nic0');
    const two = manager.createDomain('nic1');
    const kept = block({});
    const gone = block({ length: 2 * PAGE_SIZE });
    manager.grant(one, kept.handle, DMA_READ);
    manager.grant(one, gone.handle, DMA_WRITE);
    manager.grant(two, gone.handle, DMA_READ | DMA_WRITE);
    expect(manager.inspect().blocks[1]?.grants).toEqual({ nic0: DMA_WRITE, nic1: DMA_READ | DMA_WRITE });
    expect(one.permits(0, gone.virtualAddress.offset, gone.length, DMA_WRITE)).toBe(true);
    expect(one.permits(0, gone.virtualAddress.offset, gone.length, DMA_READ)).toBe(false);
    manager.free(gone.handle);
    expect(one.permits(0, gone.virtualAddress.offset, 1, DMA_WRITE)).toBe(false);
    expect(two.permits(0, gone.virtualAddress.offset, 1, DMA_READ)).toBe(false);
    expect(one.permits(0, kept.virtualAddress.offset, kept.length, DMA_READ)).toBe(true);
  });

  test('two devices never have one domain: a name that is taken is refused', () => {
    const { manager } = setUp();
    manager.createDomain('nic0');
    expect(() => manager.createDomain('nic0')).toThrow("there is a DMA domain 'nic0' already");
    expect(() => manager.createDomain('nic1')).not.toThrow();
  });

  test('an image taken before the first grant sees it', () => {
    const { manager, block } = setUp();
    const domain = manager.createDomain('nic0');
    const table = new Uint8Array(domain.image().tables[0] as SharedArrayBuffer);
    const { handle } = block({});
    manager.grant(domain, handle, DMA_WRITE);
    expect(table[0]).toBe(DMA_WRITE);
  });

  test('what an owner left is found', () => {
    const { manager, block } = setUp();
    block({ owner: 'vm web' });
    block({ owner: 'vm web' });
    block({ owner: 'vm db' });
    expect(manager.blocks('vm web').length).toBe(2);
    expect(manager.freeOwner('vm web')).toBe(2);
    expect(manager.blocks().map(({ owner }) => owner)).toEqual(['vm db']);
  });
});

describe('buffers of a ring', () => {
  test('no buffer straddles two elements, and offsets agree with the block', () => {
    const { block } = setUp(16, 2 * PAGE_SIZE);
    const ring = block({ length: 5 * PAGE_SIZE });
    expect(ring.elements.length).toBe(3);
    const buffers = new BufferAllocator(ring, 2112);
    expect(buffers.count).toBe(3 + 3 + 1);
    for (let i = 0; i < buffers.count; i++) {
      const offset = buffers.offsets[i];
      const inside = ring.elements.find((e) => offset >= e.offset && offset + 2112 <= e.offset + e.length);
      expect(inside).toBeDefined();
      expect(addressInBlock(ring, buffers.blockOffsets[i]).offset).toBe(offset);
    }
  });

  test('each is taken once until it is given back; a second give is caught', () => {
    const { block } = setUp();
    const buffers = new BufferAllocator(block({ length: 2 * PAGE_SIZE }));
    const taken = Array.from({ length: buffers.count }, () => buffers.take());
    expect(new Set(taken).size).toBe(3);
    expect(buffers.take()).toBe(-1);
    buffers.give(1);
    expect(buffers.take()).toBe(1);
    buffers.give(0);
    expect(() => buffers.give(0)).toThrow('buffer 0 of 3 is not taken');
  });
});

describe('handles', () => {
  // As 32-bit words they would name other blocks, and one in 2^32 no block at all: its pages would be given twice.
  test.each([0, 2 ** 31 - 3, 2 ** 32 - 3, 2 ** 51])(
    'behind %d others each block has its own pages',
    (numbers) => {
      const { manager, block } = setUp(16, undefined, numbers);
      const blocks = Array.from({ length: 8 }, () => block({}));
      expect(blocks.map(({ handle }) => handle - numbers)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      const offsets = blocks.map(({ elements }) => elements[0]?.offset);
      expect(new Set(offsets).size).toBe(8);
      expect(offsets.map((offset) => manager.blockAt(0, offset)?.handle)).toEqual(
        blocks.map(({ handle }) => handle),
      );
      for (const { handle } of blocks) expect(manager.free(handle).status).toBe(0);
      expect(manager.free(numbers + 8)).toMatchObject({ reason: expect.stringContaining('freed already') });
      expect(manager.free(numbers + 9)).toMatchObject({
        reason: expect.stringContaining('there is no block'),
      });
      expect(manager.inspect().partitions[0]?.freePages).toBe(16);
    },
  );
});
