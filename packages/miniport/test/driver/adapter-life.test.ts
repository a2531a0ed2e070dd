import {
  NDIS_STATISTICS_INFO,
  NDIS_STATUS_NOT_ACCEPTED,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_STATISTICS,
  statusName,
} from '@vmq/abi';
import { outputOf, queryRequest, setRequest } from '@vmq/ddi';
import { CTRL_RXEN, type NicProfile, nicProfile, REG, RX_QUEUE_STRIDE, TX_QUEUE_STRIDE } from '@vmq/nic';
import { describe, expect, it } from 'vitest';
import { createVmqMiniport } from '../../src/index.ts';
import {
  allocate,
  allocateRequest,
  type Bench,
  clearFilter,
  complete,
  createBench,
  createMachineBench,
  decodedQueue,
  frame,
  free,
  move,
  packetFilter,
  runningQueue,
  SendMemory,
  setFilter,
} from '../bench.test-support.ts';

const SUCCESS = 'NDIS_STATUS_SUCCESS';
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] as const;
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const frames = (last: number, from: number, count: number): Uint8Array[] =>
  range(from, count).map((sequence) => frame(last, { sequence }));
const sequences = (bench: Bench): number[] => bench.frames.map(({ sequence }) => sequence);
const freePages = (bench: Bench): number => bench.memory.inspect().partitions[0]?.freePages ?? -1;
const messages = (bench: Bench): number =>
  new Set(bench.adapter.inspect().msixEntries.map(({ messageId }) => messageId)).size;

describe('initialization', () => {
  it('INIT-03 short of memory at any point it fails with RESOURCES, everything released, and works with enough', () => {
    const outcomes = new Set<string>();
    for (let pages = 2; pages < 180; pages += 3) {
      const bench = createMachineBench({ hostPages: pages, miniport: { receiveRingEntries: 256 } });
      const before = freePages(bench);
      const status = bench.add();
      outcomes.add(status);
      if (status === SUCCESS) continue;
      expect(freePages(bench)).toBe(before);
      const rights = bench.domain.table(0) ?? new Uint8Array(1);
      expect(rights.every((right) => right === 0)).toBe(true);
      expect(bench.violations()).toEqual([]);
      // The device has forgotten its rings.
      expect(bench.registers.read32(REG.TXCTL)).toBe(0);
      expect(bench.registers.read32(REG.RXCTL)).toBe(0);
    }
    expect(outcomes).toEqual(new Set([SUCCESS, 'NDIS_STATUS_RESOURCES']));
  });

  it('INIT-03 a device that does not come out of reset: FAILURE, nothing taken; later it can be added', () => {
    const bench = createMachineBench({ hung: true });
    const before = freePages(bench);
    expect(bench.add()).toBe('NDIS_STATUS_FAILURE');
    expect(freePages(bench)).toBe(before);
    bench.hang = false;
    bench.settle();
    expect(bench.add()).toBe(SUCCESS);
  });

  it('INIT-03 a device that dies between its reset and the first configuration: FAILURE, everything released', () => {
    const bench = createMachineBench({
      provider: (_, manager) => ({
        name: 'test',
        allocateSharedMemoryHandler(_adapter, { length, contiguous, usage }) {
          bench.hang = true;
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
    expect(bench.add()).toBe('NDIS_STATUS_FAILURE');
    expect(bench.memory.blocks()).toEqual([]);
    expect(bench.violations()).toEqual([]);
    bench.hang = false;
    bench.settle();
    expect(bench.add()).toBe('NDIS_STATUS_FAILURE'); // the provider hangs it anew
    expect(bench.memory.blocks()).toEqual([]);
  });

  it('a register map of another kind is not this driver’s: ADAPTER_NOT_FOUND', () => {
    const bench = createMachineBench();
    const bar = bench.machine.memory.segment(1);
    bar.i32[REG.VERSION >> 2] = 0x0002_0000;
    expect(bench.add()).toBe('NDIS_STATUS_ADAPTER_NOT_FOUND');
  });

  it.each([59, 1515, 600.5, 'large'])('a *JumboPacket of %s is refused', (jumbo) => {
    const bench = createMachineBench({ keywords: { '*JumboPacket': jumbo } });
    expect(bench.add()).toBe('NDIS_STATUS_INVALID_PARAMETER');
    expect(bench.memory.blocks()).toEqual([]);
  });

  it('options that no ring can have are the programmer’s error, said in words', () => {
    expect(() => createVmqMiniport({ receiveRingEntries: 100 })).toThrow('a power of two, 32..1024, got 100');
    expect(() => createVmqMiniport({ transmitRingEntries: 1 })).toThrow('transmitRingEntries');
    expect(() => createVmqMiniport({ indicationBudget: 0 })).toThrow('at least 1, got 0');
  });

  it('INIT-04 the default queue is there, with its memory, before anybody restarts the adapter', () => {
    const bench = createMachineBench();
    expect(bench.add()).toBe(SUCCESS);
    const { queues, sharedMemory } = bench.adapter.inspect();
    expect(queues.map(({ queueId }) => queueId)).toEqual([0]);
    expect(sharedMemory.filter(({ usage }) => usage === 4)).toHaveLength(1);
  });
});

describe('interrupts', () => {
  it('INT-01 INT-02 one message per RSS processor and none for others, the default queue on the base processor', () => {
    const bench = createBench({ processors: 6, rssProcessors: [5, 1, 3], rssBaseProcessor: 1 });
    const { msixEntries } = bench.adapter.inspect();
    expect(new Set(msixEntries.map(({ processor }) => processor))).toEqual(new Set([1, 3, 5]));
    expect(messages(bench)).toBe(3);
    bench.receive(frame([...BROADCAST]));
    expect(bench.frames.map(({ processor }) => processor)).toEqual([1]);
    expect(bench.violations()).toEqual([]);
  });

  it('INT-03 as many vectors as the rule wants for the queues, or one per processor where there are fewer', () => {
    const wanted = (queues: number): number =>
      queues <= 16 ? queues : queues <= 64 ? Math.max(16, Math.ceil(queues / 2)) : 32;
    for (const [profile, processors] of [
      ['netvmini', 4],
      ['netvmini', 12],
      ['i350', 8],
      ['82599', 32],
      ['vmq-nic', 40],
    ] as const) {
      const bench = createBench({ profile, processors, miniport: { transmitRingEntries: 2 } });
      const most = Math.min(processors, nicProfile(profile).queues + 1);
      expect(messages(bench)).toBeGreaterThanOrEqual(Math.min(wanted(nicProfile(profile).queues), most));
    }
  });

  it('INT-04 every queue has an MSI-X entry; queues of one processor share its message', () => {
    const bench = createBench({ processors: 2 });
    const ids = range(0, 8).map((i) => runningQueue(bench, 10 + i, i % 2).queueId);
    const { queues, msixEntries } = bench.adapter.inspect();
    const entryOf = (id: number) =>
      msixEntries.find(({ entry }) => entry === queues.find(({ queueId }) => queueId === id)?.msixTableEntry);
    expect(new Set(ids.map((id) => entryOf(id)?.entry)).size).toBe(8);
    expect(ids.map((id) => entryOf(id)?.processor)).toEqual(range(0, 8).map((i) => i % 2));
    expect(messages(bench)).toBe(2);
    for (const id of [0, ...ids]) expect(entryOf(id)?.masked).toBe(false);
  });

  it.each([
    ['82599', 4],
    ['netvmini', 16],
  ] as const)(
    'INT-04 %s on %i processors has fewer entries than queues need: the last share their processor’s',
    (name, processors) => {
      const bench = createBench({ profile: name, processors, miniport: { receiveRingEntries: 32 } });
      const { queues } = nicProfile(name);
      const used = range(1, queues).map((last) => runningQueue(bench, last, last % processors));
      expect(used.map(({ queueId }) => queueId)).toEqual(range(1, queues));
      bench.receive(...used.map((_, i) => frame(i + 1, { sequence: i + 1 })));
      expect(new Set(bench.frames.map(({ queueId }) => queueId)).size).toBe(queues);
      const memory = new SendMemory(bench);
      const senders = range(0, messages(bench));
      for (const processor of senders) bench.on(processor, (path) => path.send([memory.frame(frame(1))]));
      bench.settle();
      expect(new Set(bench.completions.map(({ processor }) => processor))).toEqual(new Set(senders));
      const last = used.at(-1)?.queueId ?? 0;
      const entries = bench.adapter.inspect().msixEntries;
      const entryOf = (): number => bench.registers.read32(REG.RXENTRY + last * RX_QUEUE_STRIDE);
      expect(entries.find(({ entry }) => entry === entryOf())?.processor).toBe(
        bench.frames.find(({ queueId }) => queueId === last)?.processor,
      );
      move(bench, last, 0);
      bench.receive(frame(queues, { sequence: 1000 }));
      expect(bench.frames.at(-1)).toMatchObject({ queueId: last, processor: 0, sequence: 1000 });
    },
  );

  it('INT-05 a queue’s interrupt, DPC and indications are on the lowest processor of its affinity', () => {
    const bench = createBench({ processors: 4 });
    for (const [last, affinity] of [
      [1, [3]],
      [2, [2, 3]],
      [3, [3, 1, 2]],
    ] as const) {
      const queueId = allocate(bench, affinity);
      setFilter(bench, queueId, last);
      complete(bench, queueId);
      const before = bench.processors.map(({ interrupts, dpcs }) => [interrupts, dpcs]);
      bench.receive(frame(last, { sequence: last }));
      const processor = Math.min(...affinity);
      expect(bench.frames.at(-1)).toMatchObject({ queueId, processor });
      bench.processors.forEach(({ interrupts, dpcs }, i) => {
        expect([interrupts, dpcs]).toEqual(before[i]?.map((n) => n + (i === processor ? 1 : 0)));
      });
    }
  });

  it('a queue for processors without a message is served where there is one, as near to the request as there is', () => {
    const bench = createBench({ processors: 4, rssProcessors: [0, 2] });
    const first = runningQueue(bench, 1, 3);
    const second = allocate(bench, [1, 2]);
    setFilter(bench, second, 2);
    complete(bench, second);
    bench.receive(frame(1), frame(2));
    const served = new Map(bench.frames.map(({ queueId, processor }) => [queueId, processor]));
    expect([0, 2]).toContain(served.get(first.queueId));
    expect(served.get(second)).toBe(2);
    expect(move(bench, first.queueId, 1)).toBe(SUCCESS);
    bench.receive(frame(1));
    expect(bench.frames).toHaveLength(3);
  });

  it('the MSI-X entry of a queue that was freed is masked', () => {
    const bench = createBench();
    const queueId = allocate(bench);
    free(bench, queueId);
    expect(bench.adapter.inspect().msixEntries.map(({ entry }) => entry)).not.toContain(queueId);
  });
});

describe('pausing and restarting', () => {
  it('LIFE-04 queues, filters and memory survive, and frames come again after the restart', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1, 1);
    bench.receive(...frames(1, 0, 10));
    const { sharedMemory, filters, queues } = bench.adapter.inspect();
    for (let round = 0; round < 3; round++) {
      expect(statusName(bench.adapter.pause())).toBe(SUCCESS);
      expect(bench.adapter.inspect()).toMatchObject({ sharedMemory, filters, queues });
      expect(statusName(bench.adapter.restart())).toBe(SUCCESS);
      bench.receive(...frames(1, 10 + 20 * round, 20));
    }
    expect(sequences(bench)).toEqual(range(0, 70));
    expect(bench.frames.every((seen) => seen.queueId === queueId && seen.processor === 1)).toBe(true);
  });

  it('RX-21 nothing is indicated while the adapter is paused; those frames are the device’s to count', () => {
    const bench = createBench();
    runningQueue(bench, 1);
    bench.adapter.pause();
    bench.receive(...frames(1, 0, 10));
    expect(bench.frames).toEqual([]);
    bench.adapter.restart();
    bench.settle();
    expect(bench.frames).toEqual([]);
    expect(bench.machine.ledger.report()).toMatchObject({
      inFlight: 0,
      ends: { dropped: { 'nic.rx-disabled': 10 } },
    });
  });

  it('LIFE-03 a pause in the midst of traffic loses nothing that was received', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const bench = createBench({ seed });
      runningQueue(bench, 1, 1, { NumSuggestedReceiveBuffers: 512 });
      bench.put(...frames(1, 0, 300));
      for (let turn = 0; turn < seed; turn++) bench.executor.step();
      expect(statusName(bench.adapter.pause())).toBe(SUCCESS);
      bench.settle();
      const { ends, inFlight } = bench.machine.ledger.report();
      expect(inFlight).toBe(0);
      const lost = (ends.dropped['nic.rx-disabled'] ?? 0) + (ends.dropped['ndis.not-running'] ?? 0);
      expect(bench.frames.length + lost).toBe(300);
    }
  });

  it('LIFE-03 a pause completes only when every indicated NBL is back', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    bench.holding.add(queueId);
    bench.receive(...frames(1, 0, 5));
    expect(statusName(bench.adapter.pause())).toBe('NDIS_STATUS_PENDING');
    bench.on(0, (path) => path.giveBack(path.held.slice(1)));
    bench.settle();
    expect(bench.adapter.state).toBe('Pausing');
    bench.on(0, (path) => path.giveBack(path.held));
    bench.settle();
    expect(bench.adapter.state).toBe('Paused');
    bench.holding.clear();
    bench.adapter.restart();
    for (let round = 0; round < 3; round++) bench.receive(...frames(1, 5 + 32 * round, 32));
    expect(sequences(bench)).toEqual(range(0, 101));
  });

  it('LIFE-02 queues and filters can be made, moved and freed while the adapter is paused', () => {
    const bench = createBench();
    const gone = runningQueue(bench, 1);
    bench.adapter.pause();
    clearFilter(bench, gone.queueId, gone.filterId);
    expect(free(bench, gone.queueId)).toBe(SUCCESS);
    const { queueId } = runningQueue(bench, 2);
    expect(move(bench, queueId, 1)).toBe(SUCCESS);
    bench.adapter.restart();
    bench.receive(frame(1), frame(2, { sequence: 3 }));
    expect(bench.frames.map(({ processor, sequence }) => [processor, sequence])).toEqual([[1, 3]]);
  });

  it('LIFE-01 a restart that the device does not answer fails, and succeeds when it does', () => {
    const bench = createBench();
    runningQueue(bench, 1);
    bench.adapter.pause();
    bench.hang = true;
    expect(statusName(bench.adapter.restart())).toBe('NDIS_STATUS_FAILURE');
    expect(bench.adapter.state).toBe('Paused');
    bench.hang = false;
    bench.settle();
    expect(bench.registers.read32(REG.CTRL) & CTRL_RXEN).toBe(0);
    bench.receive(frame(1));
    expect(bench.frames).toEqual([]);
    expect(statusName(bench.adapter.restart())).toBe(SUCCESS);
    bench.receive(frame(1, { sequence: 2 }));
    expect(sequences(bench)).toEqual([2]);
  });
});

describe('halt', () => {
  it('SHM-15 the default queue’s memory goes in halt, after which nothing is left, and the device reaches nothing', () => {
    const bench = createBench();
    const { queueId, filterId } = runningQueue(bench, 1);
    bench.receive(...frames(1, 0, 10), frame([...BROADCAST]));
    bench.adapter.pause();
    clearFilter(bench, queueId, filterId);
    free(bench, queueId);
    expect(bench.adapter.inspect().sharedMemory.length).toBeGreaterThan(2);
    expect(statusName(bench.adapter.halt())).toBe(SUCCESS);
    expect(bench.memory.blocks()).toEqual([]);
    expect((bench.domain.table(0) ?? new Uint8Array(1)).every((right) => right === 0)).toBe(true);
    expect(bench.violations()).toEqual([]);
    expect(bench.adapter.inspect().msixEntries).toEqual([]);
  });

  it('a halted adapter leaves neither interrupts nor a device that goes on; the next one starts from nothing', () => {
    const bench = createBench();
    const memory = new SendMemory(bench);
    for (let life = 0; life < 3; life++) {
      const first = bench.frames.length;
      const { queueId } = runningQueue(bench, 1, 1);
      for (let round = 0; round < 2; round++) bench.receive(...frames(1, 32 * round, 32));
      bench.on(1, (path) => path.send([memory.frame(frame(2, { sequence: life }))]));
      bench.settle();
      expect(bench.frames.slice(first).map(({ sequence }) => sequence)).toEqual(range(0, 64));
      expect(bench.frames.at(-1)?.queueId).toBe(queueId);
      bench.adapter.pause();
      bench.adapter.halt();
      expect(bench.registers.read32(REG.RXCTL)).toBe(0);
      expect(bench.registers.read32(REG.TXCTL + TX_QUEUE_STRIDE)).toBe(0);
      // Vectors that fire now belong to nobody.
      for (const { processor, vector } of [0, 1].map((p) => ({ processor: p, vector: 32 })))
        bench.machine.interrupts.raise(processor, vector);
      bench.receive(frame(1));
      expect(bench.frames).toHaveLength(first + 64);
      expect(bench.processors.every(({ spurious }) => spurious === life + 1)).toBe(true);
      expect(bench.add()).toBe(SUCCESS);
      bench.adapter.restart();
    }
    expect(bench.sent()).toHaveLength(3);
    expect(bench.machine.ledger.report().inFlight).toBe(0);
  });

  it('halts although the device does not answer', () => {
    const bench = createBench();
    bench.adapter.pause();
    bench.hang = true;
    expect(statusName(bench.adapter.halt())).toBe(SUCCESS);
    expect(bench.memory.blocks()).toEqual([]);
  });
});

describe('surprise removal', () => {
  it('LIFE-15 LIFE-16 LIFE-17 a card is pulled: requests are NOT_ACCEPTED, sends end, halt releases everything', () => {
    const bench = createBench({ wireSlots: 4, miniport: { transmitRingEntries: 8 } });
    const memory = new SendMemory(bench);
    const { queueId } = runningQueue(bench, 1);
    bench.holding.add(queueId);
    bench.receive(...frames(1, 0, 3));
    const sends = [1, 3, 9, 1].map((count) =>
      memory.nbl(range(0, count).map(() => ({ mdls: [frame(2).slice(0, 14), frame(2).slice(14)] }))),
    );
    bench.on(0, (path) => path.send(sends));
    bench.settle();
    expect(bench.completions.flatMap(({ nbls }) => nbls)).toEqual(sends.slice(0, 2));
    bench.executor.post('nic', { op: 'remove' });
    bench.executor.publish();
    // An NBL is out, so that the removal stops at Pausing and requests can be made.
    expect(statusName(bench.adapter.surpriseRemove())).toBe('NDIS_STATUS_PENDING');
    expect(bench.binding.oidRequest(allocateRequest([0])) >>> 0).toBe(NDIS_STATUS_NOT_ACCEPTED);
    expect(bench.completions.flatMap(({ nbls }) => nbls)).toEqual(sends);
    expect(bench.completions.at(-1)?.statuses).toEqual(['NDIS_STATUS_FAILURE', 'NDIS_STATUS_FAILURE']);
    bench.on(0, (path) => path.giveBack(path.held));
    bench.settle();
    expect(bench.adapter.state).toBe('Paused');
    expect(statusName(bench.adapter.halt())).toBe(SUCCESS);
    expect(bench.memory.blocks().map(({ owner }) => owner)).toEqual(['test sends']);
    expect(bench.machine.ledger.report()).toMatchObject({
      inFlight: 0,
      ends: { transmitted: 4, dropped: { 'miniport.adapter-removed': 10 } },
    });
    expect(bench.add()).toBe('NDIS_STATUS_ADAPTER_NOT_FOUND');
  });

  it('QUE-38 LIFE-17: what was received when a card is pulled goes up before its queue is freed, and nothing later', () => {
    for (const answers of [false, true]) {
      const bench = createBench();
      const { queueId, filterId } = runningQueue(bench, 1);
      const head = REG.RDH + queueId * RX_QUEUE_STRIDE;
      bench.put(...frames(1, 0, 3));
      bench.executor.runUntil(() => bench.registers.read32(head) === 3);
      expect(bench.frames).toEqual([]);
      if (!answers) bench.executor.post('nic', { op: 'remove' });
      bench.executor.publish();
      // As the switch does: its queues go when the adapter pauses. The miniport takes neither request, NDIS both as done.
      bench.onPause = () => {
        expect(bench.frames.map(({ queueId: id, sequence }) => [id, sequence])).toEqual(
          range(0, 3).map((sequence) => [queueId, sequence]),
        );
        if (answers) bench.receive(...frames(1, 3, 2));
        expect(clearFilter(bench, queueId, filterId)).toBe(SUCCESS);
        expect(free(bench, queueId)).toBe(SUCCESS);
      };
      expect(statusName(bench.adapter.surpriseRemove())).toBe(SUCCESS);
      expect(bench.violations()).toEqual([]);
      expect(bench.frames.length).toBe(3);
      const dropped = answers ? { 'miniport.queue-gone': 2 } : {};
      expect(bench.machine.ledger.report()).toMatchObject({ inFlight: 0, ends: { delivered: 3, dropped } });
    }
  });

  it('LIFE-16: sends after the notice complete NOT_ACCEPTED, though the card still answers', () => {
    const bench = createBench();
    const memory = new SendMemory(bench);
    const { queueId } = runningQueue(bench, 1);
    bench.holding.add(queueId);
    bench.receive(frame(1));
    bench.onPause = () => {
      bench.on(0, (path) => path.send([memory.nbl([{ mdls: [frame(2)] }])]));
      bench.settle();
    };
    expect(statusName(bench.adapter.surpriseRemove())).toBe('NDIS_STATUS_PENDING');
    expect(bench.completions.map(({ statuses }) => statuses)).toEqual([['NDIS_STATUS_NOT_ACCEPTED']]);
    expect(bench.sent()).toEqual([]);
  });

  it('LIFE-16 after the notice the driver writes no register, even if the card still answers', () => {
    const bench = createBench();
    runningQueue(bench, 1);
    bench.executor.post('nic', { op: 'link', up: false });
    bench.executor.publish();
    const bar = bench.machine.memory.segment(1);
    const written = (): number[] => [REG.CFGREQ, REG.CTRL, REG.FLTQ].map((at) => bar.i32[at >> 2] ?? 0);
    const before = written();
    expect(statusName(bench.adapter.surpriseRemove())).toBe(SUCCESS);
    expect(written()).toEqual(before);
    expect(bench.memory.blocks()).toEqual([]);
  });
});

describe('general requests', () => {
  const NETVMINI: NicProfile = nicProfile('netvmini');
  const DIRECTED = 1;
  const MULTICAST = 2;
  const GROUP = [0x33, 0x33, 0, 0, 0, 1];

  function multicastList(bench: Bench, ...addresses: readonly (readonly number[])[]): string {
    const request = setRequest(OID_802_3_MULTICAST_LIST, Uint8Array.from(addresses.flat()));
    return statusName(bench.binding.oidRequestAndWait(request));
  }

  it('the multicast list counts only while the packet filter says MULTICAST', () => {
    const bench = createBench();
    expect(packetFilter(bench, DIRECTED)).toBe(SUCCESS);
    expect(multicastList(bench, GROUP)).toBe(SUCCESS);
    bench.receive(frame(GROUP, { sequence: 1 }));
    expect(packetFilter(bench, DIRECTED | MULTICAST)).toBe(SUCCESS);
    bench.receive(frame(GROUP, { sequence: 2 }), frame([0x33, 0x33, 0, 0, 0, 2], { sequence: 3 }));
    expect(packetFilter(bench, DIRECTED)).toBe(SUCCESS);
    bench.receive(frame(GROUP, { sequence: 4 }));
    expect(sequences(bench)).toEqual([2]);
  });

  it('a multicast list takes the place of the one before, an empty one too', () => {
    const bench = createBench();
    const groups = range(1, 4).map((last) => [...GROUP.slice(0, 5), last]);
    expect(packetFilter(bench, MULTICAST)).toBe(SUCCESS);
    for (const list of [[1, 2, 3], [2], [], [4, 1], []]) {
      expect(multicastList(bench, ...list.map((n) => groups[n - 1]))).toBe(SUCCESS);
      const before = bench.frames.length;
      bench.receive(...groups.map((group, i) => frame(group, { sequence: i + 1 })));
      const came = bench.frames.slice(before).map(({ sequence }) => sequence);
      expect(came).toEqual([...list].sort((x, y) => x - y));
    }
  });

  it('refuses what the device cannot do, and lists it cannot hold or read', () => {
    const bench = createBench();
    expect(packetFilter(bench, 0x8000)).toBe('NDIS_STATUS_NOT_SUPPORTED');
    expect(multicastList(bench, [1, 2, 3])).toBe('NDIS_STATUS_INVALID_LENGTH');
    expect(multicastList(bench, ...range(0, 33).map((n) => [...GROUP.slice(0, 5), n]))).toBe(
      'NDIS_STATUS_MULTICAST_FULL',
    );
  });

  it('FLT-36 FLT-37 a filter on queue 0 needs no packet filter, other unicast does', () => {
    const bench = createBench();
    packetFilter(bench, 0);
    setFilter(bench, 0, 7);
    bench.receive(
      frame(7, { sequence: 1 }),
      frame(8, { sequence: 2 }),
      frame([...BROADCAST], { sequence: 3 }),
    );
    expect(bench.frames.map(({ queueId, sequence }) => [queueId, sequence])).toEqual([[0, 1]]);
  });

  it('statistics name what they count', () => {
    const bench = createBench();
    runningQueue(bench, 1);
    bench.receive(frame(1), frame(1, { length: 100 }), frame(9), new Uint8Array(10));
    const short = queryRequest(OID_GEN_STATISTICS, 8);
    expect(statusName(bench.binding.oidRequestAndWait(short))).toBe('NDIS_STATUS_INVALID_LENGTH');
    const request = queryRequest(OID_GEN_STATISTICS, short.bytesNeeded);
    expect(statusName(bench.binding.oidRequestAndWait(request))).toBe(SUCCESS);
    const decoded = NDIS_STATISTICS_INFO.decode(outputOf(request));
    expect(decoded).toMatchObject({
      ok: true,
      value: {
        SupportedStatistics: 0x638,
        ifHCInOctets: 164n,
        ifInDiscards: 1n,
        ifInErrors: 1n,
        ifHCInUcastPkts: 0n,
      },
    });
  });

  it('the largest frame is *JumboPacket’s, on every queue', () => {
    const bench = createBench({
      profile: { ...NETVMINI, maxFrameBytes: 4000 },
      keywords: { '*RssOrVmqPreference': 1, '*VMQ': 1, '*JumboPacket': 4000 },
    });
    const { queueId } = runningQueue(bench, 1);
    bench.receive(frame(1, { length: 4000 }), frame(1, { length: 4001 }), frame(1, { length: 4000, tci: 0 }));
    expect(bench.frames.map((seen) => [seen.queueId, seen.bytes.length])).toEqual([
      [queueId, 4000],
      [queueId, 4000],
    ]);
    expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'nic.oversize': 1 });
  });

  it('QUE-01 QUE-06 an answer keeps the caller’s bytes but for what the miniport and NDIS fill in', () => {
    const bench = createBench();
    const request = allocateRequest([1], { QueueName: 'eth0', PortId: 9 });
    const asked = decodedQueue(request);
    bench.binding.oidRequestAndWait(request);
    expect(decodedQueue(request)).toEqual({ ...asked, QueueId: 1, MSIXTableEntry: 1 });
  });
});
