import {
  NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
  NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED,
  NDIS_RECEIVE_QUEUE_STATE,
} from '@vmq/abi';
import { RECEIVED_FROM_WIRE } from '@vmq/machine';
import { nicEngineAgent, QSTS_ENABLED, REG, RX_QUEUE_STRIDE } from '@vmq/nic';
import { describe, expect, it } from 'vitest';
import {
  allocate,
  allocateRequest,
  type Bench,
  clearFilter,
  complete,
  createBench,
  decodedQueue,
  frame,
  free,
  move,
  runningQueue,
  setFilter,
  setParameters,
  sharedMemoryOf,
} from '../bench.test-support.ts';

const SUCCESS = 'NDIS_STATUS_SUCCESS';
const PENDING = 'NDIS_STATUS_PENDING';
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] as const;
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const frames = (last: number, from: number, count: number): Uint8Array[] =>
  range(from, count).map((sequence) => frame(last, { sequence }));
const seenOn = (bench: Bench, queueId: number): number[] =>
  bench.frames.filter((seen) => seen.queueId === queueId).map(({ sequence }) => sequence);
const ringOf = (bench: Bench, queueId: number): number =>
  bench.registers.read32(REG.RDLEN + queueId * RX_QUEUE_STRIDE);
const isEnabled = (bench: Bench, queueId: number): boolean =>
  (bench.registers.read32(REG.RXSTS + queueId * RX_QUEUE_STRIDE) & QSTS_ENABLED) !== 0;

describe('allocation', () => {
  it('QUE-06 QUE-08 the miniport keeps the queue id and answers with the MSI-X entry of the queue', () => {
    const bench = createBench();
    for (const id of [1, 2, 3]) {
      const request = allocateRequest([1]);
      bench.binding.oidRequestAndWait(request);
      expect(decodedQueue(request)).toMatchObject({ QueueId: id, MSIXTableEntry: id, VmName: 'web' });
      expect(bench.adapter.inspect().queues[id]?.msixTableEntry).toBe(id);
    }
  });

  it('QUE-11 a suggestion becomes the next power of two, 32 to 1024; none leaves the driver its own', () => {
    const bench = createBench({ miniport: { receiveRingEntries: 64 }, hostPages: 8192 });
    for (const [suggested, ring] of [
      [0, 64],
      [1, 32],
      [33, 64],
      [128, 128],
      [5000, 1024],
    ] as const) {
      const { queueId } = runningQueue(bench, 1, 0, { NumSuggestedReceiveBuffers: suggested });
      expect(ringOf(bench, queueId)).toBe(ring);
    }
  });

  it('QUE-25 a suggestion changed before the completion counts, afterwards it is only remembered', () => {
    const bench = createBench();
    const queueId = allocate(bench);
    const Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED;
    expect(setParameters(bench, queueId, { Flags, NumSuggestedReceiveBuffers: 128 })).toBe(SUCCESS);
    complete(bench, queueId);
    expect(ringOf(bench, queueId)).toBe(128);
    expect(setParameters(bench, queueId, { Flags, NumSuggestedReceiveBuffers: 512 })).toBe(SUCCESS);
    expect(ringOf(bench, queueId)).toBe(128);
    expect(bench.adapter.inspect().queues[queueId]?.suggestedReceiveBuffers).toBe(512);
  });

  it('QUE-21 a queue has memory no earlier than its completion', () => {
    const bench = createBench();
    const queueId = allocate(bench);
    setFilter(bench, queueId, 1);
    expect(sharedMemoryOf(bench, queueId)).toBe(0);
    expect(complete(bench, queueId)).toEqual([SUCCESS]);
    expect(sharedMemoryOf(bench, queueId)).toBe(2);
    expect(bench.violations()).toEqual([]);
  });

  it('FLT-27 filters of a queue that is not completed classify nothing', () => {
    const bench = createBench();
    const queueId = allocate(bench);
    setFilter(bench, queueId, 1);
    bench.receive(frame(1));
    expect(bench.frames).toEqual([]);
    expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'nic.no-match': 1 });
    complete(bench, queueId);
    bench.receive(frame(1, { sequence: 5 }));
    expect(seenOn(bench, queueId)).toEqual([5]);
  });

  it('no frame is lost while a queue with a busy filter comes into service', () => {
    const before: number[] = [];
    const after: number[] = [];
    for (let seed = 1; seed <= 20; seed++) {
      const bench = createBench({ seed, miniport: { receiveRingEntries: 1024 } });
      const queueId = allocate(bench, [1], { NumSuggestedReceiveBuffers: 1024 });
      setFilter(bench, 0, 1);
      setFilter(bench, queueId, 1);
      bench.put(...frames(1, 0, 800));
      expect(complete(bench, queueId)).toEqual([SUCCESS]);
      bench.settle();
      expect([...seenOn(bench, 0), ...seenOn(bench, queueId)]).toEqual(range(0, 800));
      before.push(seenOn(bench, 0).length);
      after.push(seenOn(bench, queueId).length);
    }
    expect(Math.max(...before)).toBeGreaterThan(0);
    expect(Math.max(...after)).toBeGreaterThan(0);
  });

  it('QUE-17 QUE-20 an element short of memory gets RESOURCES; its queue can be completed later, the others run', () => {
    // Room for the default queue and two rings of 32, not for one of 1024.
    const bench = createBench({
      hostPages: 160,
      miniport: { receiveRingEntries: 32, transmitRingEntries: 32 },
    });
    const small = allocate(bench);
    const large = allocate(bench, [0], { NumSuggestedReceiveBuffers: 1024 });
    const other = allocate(bench);
    setFilter(bench, large, 2);
    const free0 = bench.memory.inspect().partitions[0]?.freePages ?? 0;
    expect(complete(bench, small, large, other)).toEqual([SUCCESS, 'NDIS_STATUS_RESOURCES', SUCCESS]);
    expect([small, large, other].map((id) => isEnabled(bench, id))).toEqual([true, false, true]);
    expect(sharedMemoryOf(bench, large)).toBe(0);
    expect(bench.adapter.inspect().queues.map(({ state }) => state)).toEqual([
      'Running',
      'Paused',
      'Set',
      'Paused',
    ]);
    expect(free(bench, small)).toBe(SUCCESS);
    expect(free(bench, other)).toBe(SUCCESS);
    expect(bench.memory.inspect().partitions[0]?.freePages).toBe(free0);
    const Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED;
    expect(setParameters(bench, large, { Flags, NumSuggestedReceiveBuffers: 32 })).toBe(SUCCESS);
    expect(complete(bench, large)).toEqual([SUCCESS]);
    bench.receive(frame(2, { sequence: 9 }));
    expect(seenOn(bench, large)).toEqual([9]);
  });

  it('SHM-07 SHM-11 buffers in scattered memory: no buffer straddles two elements', () => {
    const bench = createBench({ longestElement: 2 });
    const { queueId } = runningQueue(bench, 1);
    for (let round = 0; round < 4; round++) bench.receive(...frames(1, 32 * round, 32));
    const block = bench.adapter.inspect().sharedMemory.find((e) => e.queueId === queueId && e.usage === 4);
    expect(block?.elements.length).toBeGreaterThan(4);
    expect(bench.machine.ledger.report().inFlight).toBe(0);
    for (const { bytes, mdls, sharedMemory } of bench.frames) {
      const at = mdls[0]?.offset ?? -1;
      const element = block?.elements.find(({ offset, length }) => at >= offset && at < offset + length);
      expect(at + 2048).toBeLessThanOrEqual((element?.offset ?? 0) + (element?.length ?? 0));
      const before = block?.elements.slice(0, block.elements.indexOf(element as never)) ?? [];
      const start = before.reduce((sum, { length }) => sum + length, 0);
      expect(sharedMemory[0]?.offset).toBe(start + at - (element?.offset ?? 0));
      expect(bytes).toHaveLength(64);
    }
  });

  it('SHM-11 jumbo buffers that fit no element of a scattered block come from one that is contiguous', () => {
    const keywords = { '*RssOrVmqPreference': 1, '*VMQ': 1, '*JumboPacket': 9014 };
    const bench = createBench({ profile: 'vmq-nic', longestElement: 1, keywords });
    const { queueId } = runningQueue(bench, 1);
    bench.receive(frame(1, { length: 9014, sequence: 3 }));
    expect(seenOn(bench, queueId)).toEqual([3]);
    expect(bench.frames[0]?.bytes).toEqual([...frame(1, { length: 9014, sequence: 3 })]);
  });

  it('QUE-33 a reused queue id starts afresh, whatever the first queue of that id left in ring and registers', () => {
    const bench = createBench();
    const first = runningQueue(bench, 1);
    bench.receive(...frames(1, 0, 20));
    clearFilter(bench, first.queueId, first.filterId);
    expect(free(bench, first.queueId)).toBe(SUCCESS);
    const second = runningQueue(bench, 2);
    expect(second.queueId).toBe(first.queueId);
    expect(bench.registers.read32(REG.RDT + second.queueId * RX_QUEUE_STRIDE)).toBe(32);
    for (let round = 0; round < 3; round++) bench.receive(...frames(2, 100 + 30 * round, 30));
    expect(seenOn(bench, second.queueId).slice(20)).toEqual(range(100, 90));
    expect(bench.machine.ledger.report()).toMatchObject({ inFlight: 0, ends: { dropped: {} } });
  });
});

describe('in every state', () => {
  it('INIT-09 the six requests of VM queues and filters are supported', () => {
    const bench = createBench();
    const queueId = allocate(bench);
    const filterId = setFilter(bench, queueId, 1);
    expect(complete(bench, queueId)).toEqual([SUCCESS]);
    expect(move(bench, queueId, 1)).toBe(SUCCESS);
    expect(clearFilter(bench, queueId, filterId)).toBe(SUCCESS);
    expect(free(bench, queueId)).toBe(SUCCESS);
  });

  it('RX-01 STA-10 a frame is indicated on a VM queue only if a filter of a Running queue passed', () => {
    const bench = createBench();
    const states: [state: string, seen: number][] = [];
    const probe = (): void => {
      const before = bench.frames.length;
      bench.receive(frame(1), frame(2));
      const state = bench.adapter.inspect().queues[1]?.state ?? 'Undefined';
      states.push([state, bench.frames.slice(before).filter(({ queueId }) => queueId === 1).length]);
    };
    probe();
    const queueId = allocate(bench);
    probe();
    const filterId = setFilter(bench, queueId, 1);
    probe();
    complete(bench, queueId);
    probe();
    clearFilter(bench, queueId, filterId);
    probe();
    free(bench, queueId);
    probe();
    expect(states).toEqual([
      ['Undefined', 0],
      ['Allocated', 0],
      ['Set', 0],
      ['Running', 1],
      ['Paused', 0],
      ['Undefined', 0],
    ]);
  });

  it('QUE-36 a queue without filters holds no frames: what the device has put into its ring was indicated', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const bench = createBench({ seed });
      const { queueId, filterId } = runningQueue(bench, 1, 1, { NumSuggestedReceiveBuffers: 1024 });
      bench.put(...frames(1, 0, 400));
      for (let turn = 0; turn < seed; turn++) bench.executor.step();
      clearFilter(bench, queueId, filterId);
      const written = bench.registers.read32(REG.RDH + queueId * RX_QUEUE_STRIDE);
      expect(seenOn(bench, queueId)).toHaveLength(written);
      bench.settle();
      expect(bench.registers.read32(REG.RDH + queueId * RX_QUEUE_STRIDE)).toBe(written);
    }
  });
});

describe('freeing', () => {
  it('QUE-30 QUE-31 IND-01 DMA stops, DmaStopped is indicated once, memory is freed, the request completes', () => {
    const bench = createBench();
    const { queueId, filterId } = runningQueue(bench, 1);
    bench.receive(...frames(1, 0, 5));
    clearFilter(bench, queueId, filterId);
    bench.events.length = 0;
    expect(free(bench, queueId)).toBe(SUCCESS);
    expect(bench.events).toEqual(['indicate NDIS_STATUS_RECEIVE_QUEUE_STATE']);
    const decoded = NDIS_RECEIVE_QUEUE_STATE.decode(bench.statuses.at(-1)?.statusBuffer ?? new Uint8Array());
    const { NdisReceiveQueueOperationalStateDmaStopped: stopped } = NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE;
    expect(decoded).toMatchObject({ ok: true, value: { QueueId: queueId, QueueState: stopped } });
    expect(isEnabled(bench, queueId)).toBe(false);
    expect(sharedMemoryOf(bench, queueId)).toBe(0);
    expect(bench.violations()).toEqual([]);
  });

  it('QUE-31 a queue that never got memory is freed with one indication too', () => {
    const bench = createBench();
    const queueId = allocate(bench);
    expect(free(bench, queueId)).toBe(SUCCESS);
    expect(bench.events).toEqual(['indicate NDIS_STATUS_RECEIVE_QUEUE_STATE']);
    expect(bench.violations()).toEqual([]);
  });

  it('QUE-32 with NBLs outstanding the free pends and keeps the memory until the last is back', () => {
    const bench = createBench();
    const { queueId, filterId } = runningQueue(bench, 1);
    const other = runningQueue(bench, 2);
    bench.holding.add(queueId);
    bench.receive(...frames(1, 0, 6));
    clearFilter(bench, queueId, filterId);
    bench.events.length = 0;
    expect(free(bench, queueId)).toBe(PENDING);
    expect(isEnabled(bench, queueId)).toBe(false);
    bench.on(0, (path) => path.giveBack(path.held.slice(1, 6)));
    bench.settle();
    expect(bench.completed).toEqual([]);
    expect(sharedMemoryOf(bench, queueId)).toBe(2);
    bench.receive(...frames(2, 0, 40));
    expect(seenOn(bench, other.queueId)).toHaveLength(32);
    bench.on(0, (path) => path.giveBack(path.held));
    bench.settle();
    expect(bench.completed.map(({ status }) => status)).toEqual([SUCCESS]);
    expect(bench.events).toEqual(['indicate NDIS_STATUS_RECEIVE_QUEUE_STATE', `complete ${SUCCESS}`]);
    expect(sharedMemoryOf(bench, queueId)).toBe(0);
    expect(bench.violations()).toEqual([]);
  });

  it('QUE-32 the NBLs of a queue being freed come back to it although another has been made meanwhile', () => {
    const bench = createBench();
    const { queueId, filterId } = runningQueue(bench, 1);
    bench.holding.add(queueId);
    bench.receive(...frames(1, 0, 6));
    clearFilter(bench, queueId, filterId);
    expect(free(bench, queueId)).toBe(PENDING);
    bench.holding.clear();
    // Requests wait their turn behind the free (INIT-11).
    const next = allocateRequest([0]);
    expect(bench.binding.oidRequest(next)).toBe(0x103);
    bench.on(0, (path) => path.giveBack(path.held));
    bench.settle();
    expect(bench.completed.map(({ status }) => status)).toEqual([SUCCESS, SUCCESS]);
    expect(decodedQueue(next).QueueId).toBe(queueId);
    setFilter(bench, queueId, 3);
    complete(bench, queueId);
    for (let round = 0; round < 3; round++) bench.receive(...frames(3, 100 + 32 * round, 32));
    expect(seenOn(bench, queueId).slice(6)).toEqual(range(100, 96));
  });
});

describe('moving', () => {
  it('QUE-27 frames on their way when the affinity changes are indicated once each, in order, later ones on the new processor', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const bench = createBench({ seed, processors: 3, receiveEngines: 1 + (seed % 3) });
      const { queueId } = runningQueue(bench, 1, 0, { NumSuggestedReceiveBuffers: 512 });
      bench.put(...frames(1, 0, 150));
      for (let turn = 0; turn < seed; turn++) bench.executor.step();
      expect(move(bench, queueId, 1)).toBe(SUCCESS);
      bench.put(...frames(1, 150, 150));
      expect(move(bench, queueId, 2)).toBe(SUCCESS);
      bench.settle();
      bench.receive(...frames(1, 300, 10));
      expect(seenOn(bench, queueId)).toEqual(range(0, 310));
      const processors = bench.frames.map(({ processor }) => processor);
      expect(processors).toEqual([...processors].sort((a, b) => a - b));
      expect(new Set(processors.slice(300))).toEqual(new Set([2]));
      expect(bench.machine.ledger.report()).toMatchObject({ inFlight: 0, ends: { dropped: {} } });
    }
  });

  it('QUE-27 of several receive engines that of its processor receives for a queue, wherever it moves', () => {
    const bench = createBench({ processors: 3, receiveEngines: 2 });
    const { queueId } = runningQueue(bench, 1, 1);
    const receivedBy = (engine: number): number => {
      const { ledger } = bench.machine;
      return ledger.row(bench.machine.agent(nicEngineAgent(engine)))[ledger.column(RECEIVED_FROM_WIRE)] ?? -1;
    };
    bench.receive(...frames(1, 0, 5));
    expect([receivedBy(0), receivedBy(1)]).toEqual([0, 5]);
    expect(move(bench, queueId, 2)).toBe(SUCCESS);
    bench.receive(...frames(1, 5, 7));
    expect([receivedBy(0), receivedBy(1)]).toEqual([7, 5]);
    expect(move(bench, queueId, 1)).toBe(SUCCESS);
    bench.receive(...frames(1, 12, 2));
    expect([receivedBy(0), receivedBy(1)]).toEqual([7, 7]);
    expect(seenOn(bench, queueId)).toEqual(range(0, 14));
  });

  it('QUE-27 NBLs that are out when a queue moves hold up neither the move nor the queue', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    bench.holding.add(queueId);
    bench.receive(...frames(1, 0, 20));
    expect(move(bench, queueId, 1)).toBe(SUCCESS);
    bench.holding.clear();
    bench.receive(...frames(1, 20, 12));
    expect(seenOn(bench, queueId)).toEqual(range(0, 32));
    expect(bench.frames.slice(20).every(({ processor }) => processor === 1)).toBe(true);
    expect(bench.path(0).held).toHaveLength(20);
  });

  it('QUE-27 buffers returned on the old processor go to the ring on the new one, even if it had run dry', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    bench.holding.add(queueId);
    bench.receive(...frames(1, 0, 32));
    expect(move(bench, queueId, 1)).toBe(SUCCESS);
    bench.holding.clear();
    bench.receive(frame(1, { sequence: 1000 }));
    expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'nic.no-descriptor': 1 });
    bench.on(0, (path) => path.giveBack([...path.held].reverse()));
    bench.settle();
    for (let round = 0; round < 4; round++) bench.receive(...frames(1, 100 + 32 * round, 32));
    expect(seenOn(bench, queueId).slice(32)).toEqual(range(100, 128));
    expect(bench.machine.ledger.report().inFlight).toBe(0);
  });

  it('QUE-27 a queue that comes back to a processor where its NBLs are still out', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    bench.holding.add(queueId);
    bench.receive(...frames(1, 0, 10));
    move(bench, queueId, 1);
    bench.receive(...frames(1, 10, 10));
    move(bench, queueId, 0);
    bench.receive(...frames(1, 20, 10));
    expect(bench.path(0).held).toHaveLength(20);
    bench.holding.clear();
    for (const processor of [1, 0]) bench.on(processor, (path) => path.giveBack(path.held));
    bench.settle();
    for (let round = 0; round < 4; round++) bench.receive(...frames(1, 30 + 32 * round, 32));
    expect(seenOn(bench, queueId)).toEqual(range(0, 158));
    expect(bench.machine.ledger.report()).toMatchObject({ inFlight: 0, ends: { dropped: {} } });
  });

  it('QUE-32 a free waits for the NBLs on every processor the queue has been on', () => {
    const bench = createBench({ processors: 3 });
    const { queueId, filterId } = runningQueue(bench, 1);
    bench.holding.add(queueId);
    for (const processor of [1, 2, 0]) {
      bench.receive(...frames(1, 0, 3));
      move(bench, queueId, processor);
    }
    clearFilter(bench, queueId, filterId);
    expect(free(bench, queueId)).toBe(PENDING);
    for (const processor of [0, 1, 2]) {
      expect(bench.completed).toEqual([]);
      expect(sharedMemoryOf(bench, queueId)).toBe(2);
      bench.on(processor, (path) => path.giveBack(path.held));
      bench.settle();
    }
    expect(bench.completed.map(({ status }) => status)).toEqual([SUCCESS]);
    expect(sharedMemoryOf(bench, queueId)).toBe(0);
    expect(bench.violations()).toEqual([]);
  });

  it('QUE-27 the filters of a queue move with it, completed or not', () => {
    const bench = createBench();
    const queueId = allocate(bench, [0]);
    setFilter(bench, queueId, 1);
    expect(move(bench, queueId, 1)).toBe(SUCCESS);
    expect(complete(bench, queueId)).toEqual([SUCCESS]);
    bench.receive(frame(1, { sequence: 1 }));
    expect(move(bench, queueId, 0)).toBe(SUCCESS);
    bench.receive(frame(1, { sequence: 2 }));
    expect(bench.frames.map(({ queueId: id, processor }) => [id, processor])).toEqual([
      [queueId, 1],
      [queueId, 0],
    ]);
  });

  it('a move to the processor the queue is on already changes nothing', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    expect(move(bench, queueId, 0, 1)).toBe(SUCCESS);
    bench.receive(frame(1, { sequence: 2 }));
    expect(bench.frames[0]?.processor).toBe(0);
  });
});

describe('clearing filters', () => {
  it('FLT-30 FLT-31 when a clear completes, what the filter took has been indicated, and nothing comes after', () => {
    const dropped: number[] = [];
    for (let seed = 1; seed <= 20; seed++) {
      const bench = createBench({ seed });
      const { queueId, filterId } = runningQueue(bench, 1, 1, { NumSuggestedReceiveBuffers: 1024 });
      bench.put(...frames(1, 0, 800));
      for (let turn = 0; turn < seed; turn++) bench.executor.step();
      expect(clearFilter(bench, queueId, filterId)).toBe(SUCCESS);
      const taken = seenOn(bench, queueId);
      expect(taken).toEqual(range(0, taken.length));
      bench.settle();
      expect(seenOn(bench, queueId)).toEqual(taken);
      const { ends, inFlight } = bench.machine.ledger.report();
      expect(inFlight).toBe(0);
      dropped.push(ends.dropped['nic.no-match'] ?? 0);
      expect(dropped.at(-1)).toBe(800 - taken.length);
    }
    expect(Math.max(...dropped)).toBeGreaterThan(0);
    expect(Math.min(...dropped)).toBeLessThan(800);
  });

  it('FLT-31 a frame that races with the clear reaches the queue or the default queue, never both', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const bench = createBench({ seed });
      const { queueId, filterId } = runningQueue(bench, 1, 1, { NumSuggestedReceiveBuffers: 512 });
      setFilter(bench, 0, 1);
      bench.put(...frames(1, 0, 300));
      for (let turn = 0; turn < seed; turn++) bench.executor.step();
      clearFilter(bench, queueId, filterId);
      bench.settle();
      expect([...seenOn(bench, queueId), ...seenOn(bench, 0)]).toEqual(range(0, 300));
    }
  });

  it('FLT-32 FLT-33 clearing one of several filters leaves the rest working, clearing the last indicates no DmaStopped', () => {
    const bench = createBench();
    const { queueId, filterId } = runningQueue(bench, 1);
    const second = setFilter(bench, queueId, 2);
    expect(clearFilter(bench, queueId, filterId)).toBe(SUCCESS);
    bench.receive(frame(1, { sequence: 1 }), frame(2, { sequence: 2 }));
    expect(seenOn(bench, queueId)).toEqual([2]);
    expect(clearFilter(bench, queueId, second)).toBe(SUCCESS);
    expect(bench.statuses).toEqual([]);
    setFilter(bench, queueId, 1);
    bench.receive(frame(1, { sequence: 3 }));
    expect(seenOn(bench, queueId)).toEqual([2, 3]);
  });

  it('FLT-24 a slot that was cleared is used again: as many filters as advertised, any number of times', () => {
    const bench = createBench();
    const queueId = allocate(bench);
    for (let round = 0; round < 3; round++) {
      const ids = range(1, 16).map((last) => setFilter(bench, queueId, last));
      expect(() => setFilter(bench, queueId, 17)).toThrow('NDIS_STATUS_FAILURE');
      for (const id of ids) expect(clearFilter(bench, queueId, id)).toBe(SUCCESS);
    }
  });
});

describe('a device that does not answer', () => {
  it('QUE-20 a completion fails by element, and works when the device has come to itself', () => {
    const bench = createBench();
    const queueId = allocate(bench);
    setFilter(bench, queueId, 1);
    bench.hang = true;
    expect(complete(bench, queueId)).toEqual(['NDIS_STATUS_FAILURE']);
    expect(sharedMemoryOf(bench, queueId)).toBe(0);
    bench.hang = false;
    bench.settle();
    expect(isEnabled(bench, queueId)).toBe(false);
    expect(bench.registers.read32(REG.RXCTL + queueId * RX_QUEUE_STRIDE)).toBe(0);
    expect(complete(bench, queueId)).toEqual([SUCCESS]);
    for (let round = 0; round < 3; round++) bench.receive(...frames(1, 32 * round, 32));
    expect(seenOn(bench, queueId)).toEqual(range(0, 96));
    expect(bench.violations()).toEqual([]);
  });

  it('STA-14 filters: a set leaves none behind, a clear can be tried again', () => {
    const bench = createBench();
    const { queueId, filterId } = runningQueue(bench, 1);
    bench.hang = true;
    expect(() => setFilter(bench, queueId, 2)).toThrow('NDIS_STATUS_FAILURE');
    expect(clearFilter(bench, queueId, filterId)).toBe('NDIS_STATUS_FAILURE');
    bench.hang = false;
    bench.settle();
    expect(bench.adapter.inspect().filters.map((filter) => filter.filterId)).toEqual([filterId]);
    expect(clearFilter(bench, queueId, filterId)).toBe(SUCCESS);
    bench.receive(frame(1), frame(2), frame([...BROADCAST], { sequence: 4 }));
    expect(seenOn(bench, queueId)).toEqual([]);
    expect(seenOn(bench, 0)).toEqual([4]);
  });

  it('QUE-30 a free completes: without its pages the device can write nowhere', () => {
    const bench = createBench();
    const { queueId, filterId } = runningQueue(bench, 1);
    clearFilter(bench, queueId, filterId);
    bench.hang = true;
    expect(free(bench, queueId)).toBe(SUCCESS);
    expect(sharedMemoryOf(bench, queueId)).toBe(0);
    bench.hang = false;
    bench.settle();
    bench.receive(frame([...BROADCAST], { sequence: 4 }));
    expect(seenOn(bench, 0)).toEqual([4]);
  });
});
