import { NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL, NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE } from '@vmq/abi';
import { ieee8021QFromTci, type NetBufferList } from '@vmq/ddi';
import { describe, expect, it } from 'vitest';
import { type Bench, createBench, frame, type NetBufferShape, SendMemory } from '../bench.test-support.ts';

const SUCCESS = 'NDIS_STATUS_SUCCESS';
const INVALID_PACKET = 'NDIS_STATUS_INVALID_PACKET';
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const sequenceOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(14);
const wire = (bench: Bench): number[] => bench.sent().map(sequenceOf);
const completed = (bench: Bench): NetBufferList[] => bench.completions.flatMap(({ nbls }) => nbls);
const statuses = (bench: Bench): string[] => bench.completions.flatMap((completion) => completion.statuses);

function send(bench: Bench, nbls: readonly NetBufferList[], processor = 0): void {
  bench.on(processor, (path) => path.send(nbls));
}

/** The frame in pieces of the given lengths. */
function pieces(bytes: Uint8Array, ...lengths: readonly number[]): NetBufferShape {
  let at = 0;
  return {
    mdls: lengths.map((length) => {
      at += length;
      return bytes.slice(at - length, at);
    }),
    length: bytes.length,
  };
}

describe('frames', () => {
  it('TX-05 each NBL completes once and SUCCESS, its NB list as it was', () => {
    const bench = createBench();
    const memory = new SendMemory(bench);
    const nbls = range(0, 40).map((i) =>
      memory.nbl([{ mdls: [frame(1, { sequence: 2 * i })] }, { mdls: [frame(1, { sequence: 2 * i + 1 })] }]),
    );
    const firsts = nbls.map(({ firstNetBuffer }) => [firstNetBuffer, firstNetBuffer.next]);
    send(bench, nbls);
    bench.settle();
    expect(wire(bench)).toEqual(range(0, 80));
    expect(completed(bench)).toHaveLength(40);
    expect(new Set(completed(bench)).size).toBe(40);
    expect(new Set(statuses(bench))).toEqual(new Set([SUCCESS]));
    expect(nbls.map(({ firstNetBuffer }) => [firstNetBuffer, firstNetBuffer.next])).toEqual(firsts);
    for (const { flags } of bench.completions)
      expect(flags & NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL).not.toBe(0);
  });

  it('a frame in several MDLs, beginning inside one and with empty ones between, leaves as one', () => {
    const bench = createBench();
    const memory = new SendMemory(bench);
    const bytes = frame(1, { length: 200, sequence: 5 });
    const { mdls } = pieces(bytes, 7, 0, 13, 100, 80);
    const padded = [new Uint8Array(20).fill(0xee), ...mdls, new Uint8Array(9).fill(0xdd)];
    send(bench, [
      memory.nbl([
        pieces(bytes, 1, 13, 60, 126),
        // The first MDL is skipped whole, and of the last nothing is taken.
        { mdls: padded, offset: 20, length: 200 },
        { mdls: [Uint8Array.of(9, 9, ...bytes, 9)], offset: 2, length: 200 },
      ]),
    ]);
    bench.settle();
    expect(bench.sent()).toEqual([bytes, bytes, bytes]);
    expect(statuses(bench)).toEqual([SUCCESS]);
  });

  it('TX-07 the 802.1Q information becomes a tag on the wire, also behind a split header; short frames are padded', () => {
    const bench = createBench();
    const memory = new SendMemory(bench);
    const tci = 0xb064;
    const bytes = frame(1, { length: 100, sequence: 5 });
    const short = frame(1, { length: 20, sequence: 6 });
    send(bench, [
      memory.nbl([pieces(bytes, 5, 10, 85)], 0, ieee8021QFromTci(tci)),
      memory.nbl([{ mdls: [short] }]),
    ]);
    bench.settle();
    const [tagged, padded] = bench.sent();
    expect(tagged).toEqual(frameWithTag(bytes, tci));
    expect(padded).toEqual(Uint8Array.of(...short, ...new Array(40).fill(0)));
  });

  it('TX-03 a queue id that is invalid does not matter', () => {
    const bench = createBench();
    const memory = new SendMemory(bench);
    send(bench, [memory.frame(frame(1, { sequence: 1 }), 0xfff0)]);
    bench.settle();
    expect(wire(bench)).toEqual([1]);
    expect(statuses(bench)).toEqual([SUCCESS]);
  });

  it('an NB that describes no frame ends in one counter, its NBL completes INVALID_PACKET in its turn', () => {
    const bench = createBench();
    const memory = new SendMemory(bench);
    const good = (sequence: number): NetBufferList => memory.frame(frame(1, { sequence }));
    const bytes = frame(1, { sequence: 2 });
    const nbls = [
      good(0),
      memory.nbl([{ mdls: [new Uint8Array(60)], length: 0 }]),
      good(1),
      memory.nbl([{ mdls: [], length: 0 }, { mdls: [bytes] }]),
      // DataLength beyond the MDLs: were its last piece sent without an end, the next frame would hang on to it.
      memory.nbl([{ mdls: [bytes], length: bytes.length + 1 }]),
      good(3),
    ];
    send(bench, nbls);
    bench.settle();
    expect(wire(bench)).toEqual([0, 1, 2, 3]);
    expect(completed(bench)).toEqual(nbls);
    expect(statuses(bench)).toEqual([
      SUCCESS,
      INVALID_PACKET,
      SUCCESS,
      INVALID_PACKET,
      INVALID_PACKET,
      SUCCESS,
    ]);
    expect(bench.machine.ledger.report()).toMatchObject({
      inFlight: 0,
      ends: { transmitted: 4, dropped: { 'nic.tx-fault': 3 } },
    });
  });

  it('an empty NB alone, in an idle ring, completes', () => {
    const bench = createBench();
    const memory = new SendMemory(bench);
    send(bench, [memory.nbl([{ mdls: [], length: 0 }])]);
    bench.settle();
    expect(statuses(bench)).toEqual([INVALID_PACKET]);
    expect(bench.adapter.pause()).toBe(0);
  });
});

describe('a full ring', () => {
  it('TX-04 keeps the order of NBLs and of the NBs in them, whatever waits in the backlog', () => {
    const bench = createBench({ miniport: { transmitRingEntries: 8 }, wireSlots: 16 });
    const memory = new SendMemory(bench);
    let next = 0;
    const nbl = (buffers: number): NetBufferList =>
      memory.nbl(
        range(0, buffers).map((i) => {
          const bytes = frame(1, { sequence: next++ });
          return i % 2 === 0 ? { mdls: [bytes] } : pieces(bytes, 14, 20, 30);
        }),
      );
    const chains = [range(1, 9), [3, 1, 7], range(1, 5)].map((sizes) => sizes.map(nbl));
    for (const chain of chains) send(bench, chain);
    const sent: number[] = [];
    for (let round = 0; round < 20; round++) {
      bench.settle();
      sent.push(...wire(bench));
    }
    expect(sent).toEqual(range(0, next));
    expect(completed(bench)).toEqual(chains.flat());
  });

  it('TX-05 an NBL of more frames than the ring has descriptors goes through it', () => {
    const bench = createBench({ miniport: { transmitRingEntries: 4 } });
    const memory = new SendMemory(bench);
    const shapes = range(0, 30).map((sequence) => pieces(frame(1, { sequence }), 14, 50));
    const nbls = [memory.nbl(shapes), memory.frame(frame(1, { sequence: 30 }))];
    send(bench, nbls);
    bench.settle();
    expect(wire(bench)).toEqual(range(0, 31));
    expect(completed(bench)).toEqual(nbls);
  });

  it('a frame of as many pieces as the ring has descriptors passes, one of more is refused and holds nothing up', () => {
    const bench = createBench({ miniport: { transmitRingEntries: 4 } });
    const memory = new SendMemory(bench);
    const bytes = (sequence: number): Uint8Array => frame(1, { sequence });
    const nbls = [
      memory.nbl([pieces(bytes(0), 14, 10, 20, 20)]),
      memory.nbl([pieces(bytes(1), 14, 10, 20, 10, 10)]),
      memory.frame(bytes(2)),
    ];
    send(bench, nbls);
    bench.settle();
    expect(wire(bench)).toEqual([0, 2]);
    expect(statuses(bench)).toEqual([SUCCESS, INVALID_PACKET, SUCCESS]);
    expect(bench.machine.ledger.report().inFlight).toBe(0);
  });

  it('LIFE-03 sends that cannot leave keep the adapter from pausing, until they can', () => {
    const bench = createBench({ wireSlots: 4, miniport: { transmitRingEntries: 8 } });
    const memory = new SendMemory(bench);
    send(
      bench,
      range(0, 20).map((sequence) => memory.frame(frame(1, { sequence }))),
    );
    expect(bench.adapter.pause()).toBe(0x103);
    expect(bench.adapter.state).toBe('Pausing');
    const sent: number[] = [];
    for (let round = 0; round < 10; round++) {
      sent.push(...wire(bench));
      bench.settle();
    }
    bench.settle();
    expect(sent).toEqual(range(0, 20));
    expect(bench.adapter.state).toBe('Paused');
  });
});

describe('completions', () => {
  it('TX-02 SINGLE_QUEUE stands only on calls whose NBLs all have one queue', () => {
    const bench = createBench({ seed: 3 });
    const memory = new SendMemory(bench);
    const nbl = (queueId: number): NetBufferList => memory.frame(frame(1), queueId);
    send(bench, [nbl(2), nbl(2), nbl(2)]);
    bench.settle();
    send(bench, [nbl(2), nbl(3), nbl(2)]);
    bench.settle();
    const isSingle = bench.completions.map(
      ({ flags, nbls }) => [nbls.length, (flags & NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE) !== 0] as const,
    );
    expect(isSingle).toEqual([
      [3, true],
      [3, false],
    ]);
  });

  it('TX-02 SINGLE_QUEUE is right for every order of queues in a call', () => {
    for (let code = 0; code < 3 ** 4; code++) {
      const bench = createBench({ seed: code });
      const memory = new SendMemory(bench);
      const queues = range(0, 4).map((i) => Math.floor(code / 3 ** i) % 3);
      send(
        bench,
        queues.map((queueId) => memory.frame(frame(1), queueId)),
      );
      bench.settle();
      for (const { flags, nbls } of bench.completions) {
        const ids = new Set(nbls.map(({ filteringInfo }) => filteringInfo >>> 16));
        if ((flags & NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE) !== 0) expect(ids.size).toBe(1);
        else expect(ids.size).toBeGreaterThan(1);
      }
    }
  });

  it('a protocol that sends again from its completion handler is served', () => {
    const bench = createBench({ miniport: { transmitRingEntries: 2 } });
    const memory = new SendMemory(bench);
    const path = bench.path(0);
    let left = 30;
    const complete = path.sendNetBufferListsComplete.bind(path);
    path.sendNetBufferListsComplete = (chain, flags) => {
      complete(chain, flags);
      if (left-- > 0) path.send([memory.frame(frame(1, { sequence: 100 - left }))]);
    };
    send(bench, [memory.frame(frame(1, { sequence: 70 }))]);
    bench.settle();
    expect(wire(bench)).toEqual(range(70, 31));
    expect(statuses(bench)).toHaveLength(31);
  });

  it('every processor sends through a queue of its own, and gets its own completions', () => {
    const bench = createBench({ processors: 3 });
    const memory = new SendMemory(bench);
    for (const processor of [0, 1, 2])
      send(
        bench,
        range(0, 5).map((i) => memory.frame(frame(1, { sequence: 10 * processor + i }))),
        processor,
      );
    bench.settle();
    const sent = wire(bench);
    for (const processor of [0, 1, 2]) {
      const own = sent.filter((sequence) => Math.floor(sequence / 10) === processor);
      expect(own).toEqual(range(10 * processor, 5));
      const done = bench.completions.filter((completion) => completion.processor === processor);
      expect(done.flatMap(({ nbls }) => nbls)).toHaveLength(5);
    }
  });

  it('where the device has no transmit queue left, sends complete RESOURCES and are counted', () => {
    const bench = createBench({ processors: 3, rssProcessors: [0, 1] });
    const memory = new SendMemory(bench);
    send(bench, [memory.frame(frame(1)), memory.nbl([{ mdls: [frame(1)] }, { mdls: [frame(1)] }])], 2);
    bench.settle();
    expect(statuses(bench)).toEqual(['NDIS_STATUS_RESOURCES', 'NDIS_STATUS_RESOURCES']);
    expect(bench.machine.ledger.report()).toMatchObject({
      inFlight: 0,
      ends: { dropped: { 'miniport.no-transmit-queue': 3 } },
    });
    expect(bench.adapter.pause()).toBe(0);
  });
});

function frameWithTag(bytes: Uint8Array, tci: number): Uint8Array {
  return Uint8Array.of(...bytes.slice(0, 12), 0x81, 0, tci >> 8, tci & 0xff, ...bytes.slice(12));
}
