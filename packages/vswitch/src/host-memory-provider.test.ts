import { NDIS_SHARED_MEMORY_USAGE, NDIS_STATUS_RESOURCES } from '@vmq/abi';
import { createMachine, HOST_SEGMENT } from '@vmq/machine';
import { createSharedMemoryManager, type SharedMemoryUsage } from '@vmq/shared-memory';
import { expect, test } from 'vitest';
import { createHostMemoryProvider } from './host-memory-provider.ts';

const { NdisSharedMemoryUsageReceive, NdisSharedMemoryUsageReceivePostLookahead } = NDIS_SHARED_MEMORY_USAGE;

function setUp(longestElement = 8192) {
  const machine = createMachine({ hostMemoryBytes: 1 << 16, processors: 1, agents: [], dropReasons: [] });
  const memory = createSharedMemoryManager(machine, { longestElement });
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
