import {
  NDIS_SHARED_MEMORY_USAGE,
  NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED as SPLIT_REQUIRED,
} from '@vmq/abi';
import { DMA_READ, DMA_WRITE, HOST_SEGMENT } from '@vmq/machine';
import { describe, expect, it } from 'vitest';
import {
  allocate,
  type Bench,
  type BenchOptions,
  clearFilter,
  complete,
  createBench,
  frame,
  free,
  runningQueue,
  setFilter,
  withoutTag,
} from '../bench.test-support.ts';

const {
  NdisSharedMemoryUsageOther: OTHER,
  NdisSharedMemoryUsageReceive: RECEIVE,
  NdisSharedMemoryUsageReceiveLookahead: LOOKAHEAD,
  NdisSharedMemoryUsageReceivePostLookahead: POST_LOOKAHEAD,
} = NDIS_SHARED_MEMORY_USAGE;

/** netvmini: a split at 64 to 128 bytes. */
function splitBench(options: BenchOptions = {}): Bench {
  return createBench({
    keywords: { '*RssOrVmqPreference': 1, '*VMQ': 1, '*VMQVlanFiltering': 1, '*VMQLookaheadSplit': 1 },
    miniport: { minorNdisVersion: 20, receiveRingEntries: 32 },
    hostVersion: 620,
    ...options,
  });
}

const split = (LookaheadSize: number) => ({ Flags: SPLIT_REQUIRED, LookaheadSize });
const usages = (bench: Bench, id: number): number[] =>
  bench.adapter
    .inspect()
    .sharedMemory.filter(({ queueId }) => queueId === id)
    .map(({ usage }) => usage)
    .sort((a, b) => a - b);

describe('lookahead split on 6.20', () => {
  it('RX-08 RX-10 every longer frame has its front in the lookahead buffer and the rest in another: two MDLs, two infos', () => {
    const bench = splitBench();
    const { queueId } = runningQueue(bench, 1, 0, split(100));
    const lengths = [60, 99, 100, 101, 500, 1514];
    const sent = lengths.map((length, sequence) => frame(1, { length, sequence }));
    bench.receive(...sent);
    expect(bench.frames.map(({ mdls }) => mdls.map(({ length }) => length))).toEqual(
      lengths.map((length) => [Math.min(length, 100), Math.max(length - 100, 0)]),
    );
    expect(bench.frames.map(({ bytes }) => bytes)).toEqual(sent.map((bytes) => [...bytes]));
    const blocks = bench.adapter.inspect().sharedMemory.filter((entry) => entry.queueId === queueId);
    const handleOf = (usage: number) => blocks.find((block) => block.usage === usage)?.sharedMemoryHandle;
    for (const { sharedMemory } of bench.frames) {
      expect(sharedMemory.map(({ handle }) => handle)).toEqual([
        handleOf(LOOKAHEAD),
        handleOf(POST_LOOKAHEAD),
      ]);
      expect(sharedMemory.map(({ flags }) => flags)).toEqual([0, 0]);
    }
  });

  it('SHM-10 SHM-14 lookahead and post-lookahead memory are of their usages, with backfill in front of each rest', () => {
    const bench = splitBench();
    const { queueId } = runningQueue(bench, 1, 0, split(128));
    expect(usages(bench, queueId)).toEqual([OTHER, LOOKAHEAD, POST_LOOKAHEAD].sort((a, b) => a - b));
    expect(usages(bench, 0)).toContain(RECEIVE);
    bench.receive(frame(1, { length: 1514 }), frame(1, { length: 60 }));
    const block = bench.adapter
      .inspect()
      .sharedMemory.find((entry) => entry.queueId === queueId && entry.usage === POST_LOOKAHEAD);
    const base = block?.elements[0]?.offset ?? 0;
    for (const { mdls, sharedMemory } of bench.frames)
      expect((mdls[1]?.offset ?? 0) - base - (sharedMemory[1]?.offset ?? 0)).toBe(128);
  });

  it('QUE-13 below what the device can do it splits at its least; zero, and other queues, do not split', () => {
    const bench = splitBench();
    const small = runningQueue(bench, 1, 0, split(10));
    const none = runningQueue(bench, 2, 0, split(0));
    bench.receive(frame(1, { length: 200 }));
    bench.receive(frame(2, { length: 200 }));
    bench.receive(frame([255, 255, 255, 255, 255, 255], { length: 200 }));
    expect(bench.frames.map(({ queueId, mdls }) => [queueId, mdls.map(({ length }) => length)])).toEqual([
      [small.queueId, [64, 136]],
      [none.queueId, [200]],
      [0, [200]],
    ]);
  });

  it('NBLs go from split queues to others and back: nothing of the split stays with them', () => {
    const bench = splitBench();
    const parts = runningQueue(bench, 1, 0, split(64));
    const whole = runningQueue(bench, 2);
    for (const id of [parts.queueId, whole.queueId]) bench.holding.add(id);
    for (let round = 0; round < 6; round++) {
      const tagged = frame(round % 2 === 0 ? 1 : 2, { length: 300, sequence: round, tci: 0 });
      bench.receive(tagged, frame(1, { length: 300 }), frame(2, { length: 300 }));
      bench.on(0, (path) => path.giveBack([...path.held].reverse()));
    }
    for (const { queueId, mdls, sharedMemory, bytes } of bench.frames) {
      const pieces = queueId === parts.queueId ? 2 : 1;
      expect([mdls.length, sharedMemory.length]).toEqual([pieces, pieces]);
      expect(bytes).toHaveLength(300);
    }
    const first = bench.frames.find(({ queueId }) => queueId === parts.queueId);
    expect(first?.bytes).toEqual(withoutTag(frame(1, { length: 300, sequence: 0, tci: 0 })));
  });

  it('SHM-13 RX-10 post-lookahead memory may be a VM’s; the headers stay in the host’s', () => {
    const bench = splitBench({
      vmPages: 64,
      provider: (machine, manager) => ({
        name: 'test',
        allocateSharedMemoryHandler(_adapter, { length, contiguous, usage }) {
          const vm = machine.memory.segments.find(({ name }) => name === 'vm')?.id ?? HOST_SEGMENT;
          const segment = usage === POST_LOOKAHEAD ? vm : HOST_SEGMENT;
          const { status, block } = manager.allocate({ segment, length, contiguous, usage, owner: 'test' });
          if (block === null) return { status };
          const elements = block.elements.map((element) => ({ segment, ...element }));
          return { status, elements, sharedMemoryHandle: block.handle, allocationContext: block.handle };
        },
        freeSharedMemoryHandler: (_adapter, handle) => void manager.free(handle as number),
      }),
    });
    const queueId = allocate(bench, [0], split(64));
    const filterId = setFilter(bench, queueId, 1, 100);
    complete(bench, queueId);
    const sent = frame(1, { length: 1000, tci: 100 });
    bench.receive(sent);
    expect(bench.frames[0]?.mdls.map(({ segment }) => segment)).toEqual([HOST_SEGMENT, 2]);
    expect(bench.frames[0]?.bytes).toEqual(withoutTag(sent));
    expect((bench.domain.table(2) ?? []).some((right) => right === DMA_WRITE)).toBe(true);
    clearFilter(bench, queueId, filterId);
    expect(free(bench, queueId)).toBe('NDIS_STATUS_SUCCESS');
    expect((bench.domain.table(2) ?? []).every((right) => (right & (DMA_READ | DMA_WRITE)) === 0)).toBe(true);
  });

  it('QUE-20 without room for the lookahead buffers the element gets RESOURCES and nothing is kept', () => {
    const refused = NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceiveLookahead;
    const bench = splitBench({
      provider: (_, manager) => ({
        name: 'test',
        allocateSharedMemoryHandler(_adapter, { length, contiguous, usage }) {
          if (usage === refused) return { status: 0xc000009a };
          const { status, block } = manager.allocate({
            segment: 0,
            length,
            contiguous,
            usage,
            owner: 'test',
          });
          if (block === null) return { status };
          const elements = block.elements.map((element) => ({ segment: 0, ...element }));
          return { status, elements, sharedMemoryHandle: block.handle, allocationContext: block.handle };
        },
        freeSharedMemoryHandler: (_adapter, handle) => void manager.free(handle as number),
      }),
    });
    const blocks = bench.memory.blocks().length;
    const queueId = allocate(bench, [0], split(64));
    expect(complete(bench, queueId)).toEqual(['NDIS_STATUS_RESOURCES']);
    expect(bench.memory.blocks()).toHaveLength(blocks);
  });

  it('QUE-14 from 6.30 on the flag is ignored', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1, 0, { Flags: SPLIT_REQUIRED });
    bench.receive(frame(1, { length: 300 }));
    expect(bench.frames[0]).toMatchObject({ queueId, mdls: [{ length: 300 }] });
  });
});
