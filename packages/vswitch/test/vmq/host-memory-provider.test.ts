import { NDIS_SHARED_MEMORY_USAGE, NDIS_STATUS_RESOURCES } from '@vmq/abi';
import { createMachine, HOST_SEGMENT } from '@vmq/machine';
import { createSharedMemoryManager, type SharedMemoryUsage } from '@vmq/shared-memory';
import { expect, test } from 'vitest';
import { createHostMemoryProvider } from '../../src/vmq/host-memory-provider.ts';

const { NdisSharedMemoryUsageReceive, NdisSharedMemoryUsageReceivePostLookahead } = NDIS_SHARED_MEMORY_USAGE;

function setUp(longestElement = 8192, nodes = 1) {
  const machine = createMachine({ hostMemoryBytes: 1 << 16, processors: 1, agents: [], dropReasons: [] });
  const memory = createSharedMemoryManager(machine, { longestElement, nodes });
  const provider = createHostMemoryProvider('switch', memory);
  const ask = (length: number, usage: SharedMemoryUsage, maximumElements = 16) =>
    provider.allocateSharedMemoryHandler('nic0', {
      contiguous: false,
      queueId: 3,
      vportId: 0,
      usage,
      length,
      preferredNode: 0,
      maximumElements,
    });
  return { memory, provider, ask };
}

test('SHM-12: every receive request is served from host memory, post-lookahead ones with a note', () => {
  const { provider, ask } = setUp();
  for (const usage of [NdisSharedMemoryUsageReceive, NdisSharedMemoryUsageReceivePostLookahead]) {
    const { status, elements } = ask(20_000, usage);
    expect(status).toBe(0);
    expect(elements?.map(({ segment }) => segment)).toEqual([HOST_SEGMENT, HOST_SEGMENT, HOST_SEGMENT]);
    expect(elements?.reduce((sum, { length }) => sum + length, 0)).toBe(20_000);
  }
  expect(provider.provided.map(({ note }) => note !== '')).toEqual([false, true]);
});

test('SHM-02 SHM-04: what is freed is gone, what does not fit is refused with a reason, too long a list is joined', () => {
  const { memory, provider, ask } = setUp();
  expect(ask(1 << 20, NdisSharedMemoryUsageReceive)).toMatchObject({ status: NDIS_STATUS_RESOURCES });
  const one = ask(20_000, NdisSharedMemoryUsageReceive, 1);
  expect(one.elements?.length).toBe(1);
  provider.freeSharedMemoryHandler('nic0', one.allocationContext);
  expect([memory.blocks(), provider.provided]).toEqual([[], []]);
});

test('SHM-18: PreferredNode is a hint: memory of that node while there is any, of another then', () => {
  const { memory, provider } = setUp(8192, 2);
  const half = (1 << 16) / 2;
  const ask = (length: number, preferredNode: number, contiguous = false) =>
    provider.allocateSharedMemoryHandler('nic0', {
      contiguous,
      queueId: 3,
      vportId: 0,
      usage: NdisSharedMemoryUsageReceive,
      length,
      preferredNode,
      maximumElements: 16,
    });
  const nodes = (answer: ReturnType<typeof ask>): number[] =>
    answer.elements?.map(({ offset }) => Math.floor(offset / half)) ?? [];
  expect(nodes(ask(8192, 1))).toEqual([1]);
  expect(nodes(ask(8192, 1, true))).toEqual([1]);
  expect(nodes(ask(4096, 0))).toEqual([0]);
  // Any, or one that there is not.
  for (const node of [0x8000_0000, 7]) expect(ask(4096, node)).toMatchObject({ status: 0 });
  expect(nodes(ask(12_288, 1))).toEqual([1, 1]);
  // One page is left there; what does not fit comes from where there is room.
  expect(nodes(ask(8192, 1))).toEqual([0]);
  expect(nodes(ask(4096, 1))).toEqual([1]);
  expect(nodes(ask(4096, 1))).toEqual([0]);
  expect(memory.blocks().length).toBe(9);
});
