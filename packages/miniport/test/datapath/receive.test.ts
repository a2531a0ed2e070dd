import {
  NDIS_RECEIVE_FLAGS_PERFECT_FILTERED,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID,
  NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE,
  NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
  NDIS_RECEIVE_FLAGS_SINGLE_VLAN,
} from '@vmq/abi';
import { ieee8021QFromTci } from '@vmq/ddi';
import { createRandom } from '@vmq/machine';
import { REG, RX_QUEUE_STRIDE } from '@vmq/nic';
import { describe, expect, it } from 'vitest';
import {
  allocate,
  type Bench,
  complete,
  createBench,
  frame,
  runningQueue,
  setFilter,
  withoutTag,
} from '../bench.test-support.ts';

/** What an indication may say of all its frames. */
const CLAIMS =
  NDIS_RECEIVE_FLAGS_SINGLE_VLAN | NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE | NDIS_RECEIVE_FLAGS_PERFECT_FILTERED;

const frames = (last: number, from: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => frame(last, { sequence: from + i }));
const sequences = (bench: Bench, queueId: number): number[] =>
  bench.frames.filter((seen) => seen.queueId === queueId).map(({ sequence }) => sequence);
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

describe('what is indicated', () => {
  it('RX-02 RX-03 RX-04 RX-05 an indication holds one queue, says so, and every NBL has its queue id and filter id 0', () => {
    const bench = createBench();
    const { queueId: one } = runningQueue(bench, 1);
    const { queueId: two } = runningQueue(bench, 2);
    const mixed = range(0, 30).map((i) => frame(i % 3 === 0 ? [...BROADCAST] : i % 3));
    bench.receive(...mixed);
    expect(bench.frames).toHaveLength(30);
    expect([0, one, two].map((id) => sequences(bench, id).length)).toEqual([10, 10, 10]);
    for (const { queues, flags } of bench.indications) {
      expect(queues.size).toBe(1);
      expect(flags & NDIS_RECEIVE_FLAGS_SINGLE_QUEUE).not.toBe(0);
    }
    expect(bench.frames.every(({ filterId }) => filterId === 0)).toBe(true);
  });

  it('RX-06 RX-07 RX-08 RX-09 an unsplit frame has one MDL, and one SharedMemoryInfo that describes its whole buffer', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    bench.receive(frame(1, { length: 60 }), frame(1, { length: 1514 }));
    const block = bench.adapter
      .inspect()
      .sharedMemory.find((entry) => entry.queueId === queueId && entry.usage === 4);
    expect(bench.frames.map((seen) => seen.mdls.map(({ length }) => length))).toEqual([[60], [1514]]);
    for (const { sharedMemory, mdls } of bench.frames) {
      expect(sharedMemory).toHaveLength(1);
      const [info] = sharedMemory;
      expect(info).toMatchObject({ flags: 0, handle: block?.sharedMemoryHandle, length: 2048 });
      // One element: an offset in the block is an offset behind its first byte.
      expect(mdls[0]?.offset).toBe((block?.elements[0]?.offset ?? 0) + (info?.offset ?? 0));
    }
    for (const { flags } of bench.indications)
      expect((flags & NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID) >>> 0).not.toBe(0);
  });

  it('RX-20 a chain of several VLANs and EtherTypes claims nothing that is not true of all of it', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    setFilter(bench, queueId, 1, 100);
    setFilter(bench, queueId, 1, 200);
    const arp = frame(1);
    arp.set([0x08, 0x06], 12);
    bench.receive(frame(1), frame(1, { tci: 100 }), frame(1, { tci: 200 }), arp);
    expect(bench.frames).toHaveLength(4);
    for (const { flags } of bench.indications) expect(flags & CLAIMS).toBe(0);
  });

  it('RX-20 whatever the mix, a claim about all NBLs of an indication is true of each of them', () => {
    const random = createRandom(20);
    for (let round = 0; round < 60; round++) {
      const bench = createBench({ seed: round });
      const { queueId } = runningQueue(bench, 1);
      setFilter(bench, queueId, 1, 100);
      setFilter(bench, queueId, 1, 200);
      const tags = [undefined, 100, 200].slice(0, 1 + random.below(3));
      const types = [0x0800, 0x0806, 0x86dd].slice(0, 1 + random.below(3));
      const destinations = [1, [...BROADCAST]].slice(0, 1 + random.below(2));
      const mixed = range(0, 1 + random.below(20)).map(() => {
        const tci = tags[random.below(tags.length)];
        const one = frame(
          destinations[random.below(destinations.length)] as number,
          tci === undefined ? {} : { tci },
        );
        const type = types[random.below(types.length)];
        one.set([type >> 8, type & 0xff], tci === undefined ? 12 : 16);
        return one;
      });
      bench.receive(...mixed);
      bench.indications.forEach(({ flags }, indication) => {
        const all = bench.frames.filter((seen) => seen.indication === indication);
        const same = (of: (seen: (typeof all)[number]) => unknown) => new Set(all.map(of)).size === 1;
        if ((flags & NDIS_RECEIVE_FLAGS_SINGLE_VLAN) !== 0)
          expect(same((seen) => seen.ieee8021QInfo)).toBe(true);
        if ((flags & NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE) !== 0)
          expect(same(({ bytes }) => `${bytes[12]} ${bytes[13]}`)).toBe(true);
        // The packet filter and the multicast list say nothing of what a VM queue's filter took.
        if ((flags & NDIS_RECEIVE_FLAGS_PERFECT_FILTERED) !== 0)
          expect(all.every((seen) => seen.queueId === 0)).toBe(true);
      });
      expect(bench.frames).toHaveLength(mixed.length);
    }
  });

  it('RX-12 one NB per NBL, the number of NBLs is the chain length, SourceHandle is the adapter', () => {
    const bench = createBench();
    runningQueue(bench, 1);
    bench.receive(...frames(1, 0, 20));
    expect(bench.indications.every(({ count, chainLength }) => count === chainLength)).toBe(true);
    expect(bench.indications.every(({ portNumber }) => portNumber === 0)).toBe(true);
    expect(bench.frames.every(({ netBuffers }) => netBuffers === 1)).toBe(true);
    expect(new Set(bench.frames.map(({ sourceHandle }) => sourceHandle)).size).toBe(1);
    expect(bench.frames[0]?.sourceHandle).not.toBe(0);
  });

  it('RX-11 frames of a queue come in the order they had on the wire, through every turn of the ring', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    for (let from = 0; from < 500; from += 20) bench.receive(...frames(1, from, 20));
    expect(sequences(bench, queueId)).toEqual(range(0, 500));
  });

  it('FLT-20 a tag is taken off and reported with priority and CFI, also on the default queue', () => {
    const bench = createBench();
    const queueId = allocate(bench);
    setFilter(bench, queueId, 1, 100);
    complete(bench, queueId);
    const tagged = [
      frame(1, { tci: 0xb064, sequence: 1 }),
      frame([...BROADCAST], { tci: 0x2005, sequence: 2 }),
    ];
    for (const one of tagged) bench.receive(one);
    expect(bench.frames.map((seen) => [seen.queueId, seen.ieee8021QInfo])).toEqual([
      [queueId, ieee8021QFromTci(0xb064)],
      [0, ieee8021QFromTci(0x2005)],
    ]);
    expect(bench.frames.map(({ bytes }) => bytes)).toEqual(tagged.map(withoutTag));
    bench.receive(frame([...BROADCAST], { sequence: 3 }));
    expect(bench.frames[2]?.ieee8021QInfo).toBe(0);
  });

  it('RX-13 what the protocol keeps is untouched until it is returned, however much comes in meanwhile', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    bench.holding.add(queueId);
    bench.receive(...frames(1, 0, 8));
    const held = [...bench.path(0).held];
    const bytesOf = (): number[][] =>
      held.map(({ firstNetBuffer: { mdl } }) => [
        ...mdl.segment.u8.slice(mdl.byteOffset, mdl.byteOffset + mdl.byteCount),
      ]);
    const before = bytesOf();
    const identities = held.map((nbl) => nbl.originatorReserved);
    bench.holding.clear();
    for (let i = 0; i < 20; i++) bench.receive(...frames(1, 100 * i, 24));
    expect(bytesOf()).toEqual(before);
    expect(held.map((nbl) => nbl.originatorReserved)).toEqual(identities);
    expect(bench.indications.every(({ flags }) => (flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0)).toBe(true);
  });
});

describe('returns', () => {
  it('RX-15 NBLs may come back in any order, split, and mixed with those of other queues', () => {
    const bench = createBench();
    const { queueId: one } = runningQueue(bench, 1);
    const { queueId: two } = runningQueue(bench, 2);
    for (const id of [0, one, two]) bench.holding.add(id);
    for (let round = 0; round < 12; round++) {
      const from = round * 20;
      const mixed = range(from, 20).flatMap((sequence) => [
        frame(1, { sequence }),
        frame(2, { sequence }),
        frame([...BROADCAST], { sequence }),
      ]);
      bench.receive(...mixed);
      const { held } = bench.path(0);
      expect(held).toHaveLength(60);
      const shuffled = held.map((nbl, i) => ({ nbl, at: (i * 37) % 61 })).sort((x, y) => x.at - y.at);
      const nbls = shuffled.map(({ nbl }) => nbl);
      bench.on(0, (path) => path.giveBack(nbls.slice(0, 7)));
      bench.on(0, (path) => path.giveBack(nbls.slice(7)));
    }
    for (const id of [0, one, two]) expect(sequences(bench, id)).toEqual(range(0, 240));
    // A buffer that went to the wrong ring would be written while another queue owns it.
    expect(bench.machine.ledger.report()).toMatchObject({ inFlight: 0, ends: { dropped: {} } });
  });

  it('RX-17 an NBL whose queue id the protocol has spoiled goes back to the ring it came from', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    bench.holding.add(queueId);
    for (let round = 0; round < 10; round++) {
      bench.receive(...frames(1, round * 32, 32));
      bench.on(0, (path) => {
        for (const nbl of path.held) nbl.filteringInfo = 0x7fff0000;
        path.giveBack(path.held);
      });
    }
    expect(sequences(bench, queueId)).toEqual(range(0, 320));
  });
});

describe('short of buffers', () => {
  it('RX-18 a queue whose buffers are all held drops its own frames; others on its processor do not notice', () => {
    const bench = createBench({ miniport: { receiveRingEntries: 32 } });
    const { queueId: one } = runningQueue(bench, 1);
    const { queueId: two } = runningQueue(bench, 2);
    bench.holding.add(one);
    bench.receive(...frames(1, 0, 50));
    expect(sequences(bench, one)).toEqual(range(0, 32));
    expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'nic.no-descriptor': 18 });
    for (let from = 0; from < 320; from += 32) bench.receive(...frames(2, from, 32));
    bench.receive(frame([...BROADCAST], { sequence: 7 }));
    expect(sequences(bench, two)).toEqual(range(0, 320));
    expect(sequences(bench, 0)).toEqual([7]);
    expect(bench.machine.ledger.report()).toMatchObject({ inFlight: 0 });
  });

  it('RX-18 frames come again as soon as some NBLs are returned', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    bench.holding.add(queueId);
    bench.receive(...frames(1, 0, 40));
    bench.on(0, (path) => path.giveBack(path.held.slice(4, 9)));
    bench.receive(...frames(1, 100, 10));
    expect(sequences(bench, queueId)).toEqual([...range(0, 32), ...range(100, 5)]);
    bench.on(0, (path) => path.giveBack(path.held));
    bench.holding.clear();
    bench.receive(...frames(1, 200, 32));
    expect(sequences(bench, queueId).slice(37)).toEqual(range(200, 32));
  });
});

describe('the DPC', () => {
  it('RX-19 a DPC indicates no more than its budget, of all queues together, and comes back for the rest', () => {
    const bench = createBench({ processors: 1, miniport: { indicationBudget: 10 } });
    const ids = [1, 2, 3].map((last) => runningQueue(bench, last).queueId);
    bench.put(...range(0, 96).map((i) => frame((i % 3) + 1, { sequence: i })));
    const processor = bench.processors[0];
    let seen = 0;
    let dpcs = processor?.dpcs ?? 0;
    while (bench.executor.step()) {
      const ran = (processor?.dpcs ?? 0) - dpcs;
      expect(bench.frames.length - seen).toBeLessThanOrEqual(10 * ran);
      seen = bench.frames.length;
      dpcs = processor?.dpcs ?? 0;
    }
    expect(bench.frames).toHaveLength(96);
    for (const id of ids)
      expect(sequences(bench, id)).toEqual(range(0, 32).map((i) => 3 * i + ids.indexOf(id)));
  });

  it('RX-19 queues take turns when the budget is short, so that a full one does not starve the others', () => {
    const bench = createBench({ processors: 1, miniport: { indicationBudget: 8 } });
    const { queueId: busy } = runningQueue(bench, 1);
    const { queueId: quiet } = runningQueue(bench, 2);
    bench.put(...frames(1, 0, 32), frame(2, { sequence: 0 }));
    bench.settle();
    const order = bench.frames.map(({ queueId }) => queueId);
    // The busy queue has four budgets' worth; the quiet one's frame does not wait for all of them.
    expect(order.indexOf(quiet)).toBeLessThan(order.lastIndexOf(busy));
  });

  it("RX-19 a queue for which the rest of a budget was not enough goes first: what is too much is nobody's alone", () => {
    const bench = createBench({
      processors: 1,
      schedule: 'round-robin',
      miniport: { indicationBudget: 10, receiveRingEntries: 64 },
    });
    const ids = [1, 2, 3].map((last) => runningQueue(bench, last).queueId);
    const processor = bench.processors[0];
    // Eleven frames come for each DPC, which indicates ten.
    let sequence = 0;
    for (let round = 0; round < 40; round++) {
      bench.put(...range(0, 11).map((i) => frame((i % 3) + 1, { sequence: sequence++ })));
      const dpcs = processor?.dpcs ?? 0;
      while ((processor?.dpcs ?? 0) === dpcs) bench.executor.step();
    }
    const seen = ids.map((id) => sequences(bench, id).length);
    // All of the forty that are too many would else be the last queue's: 80 of its 120.
    expect(Math.min(...seen)).toBeGreaterThan(100);
    bench.settle();
    expect(bench.machine.ledger.report().ends.dropped).toEqual({});
  });

  it('INT-06 queues of one processor coalesce: frames of one batch on several queues make one interrupt', () => {
    const bench = createBench();
    for (const last of [1, 2, 3]) runningQueue(bench, last);
    const processor = bench.processors[0];
    const { interrupts = 0, dpcs = 0 } = processor ?? {};
    bench.receive(frame(1), frame(2), frame(3), frame(1));
    expect(bench.frames).toHaveLength(4);
    expect((processor?.interrupts ?? 0) - interrupts).toBe(1);
    expect((processor?.dpcs ?? 0) - dpcs).toBe(1);
  });

  it('an idle queue is armed: each lone frame makes one interrupt', () => {
    const bench = createBench();
    const { queueId } = runningQueue(bench, 1);
    const before = bench.registers.read32(REG.INTERRUPTS);
    for (let i = 0; i < 10; i++) bench.receive(frame(1, { sequence: i }));
    expect(sequences(bench, queueId)).toEqual(range(0, 10));
    expect(bench.registers.read32(REG.INTERRUPTS) - before).toBe(10);
    expect(bench.registers.read32(REG.RXARM + queueId * RX_QUEUE_STRIDE)).toBe(1);
  });
});

const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] as const;
