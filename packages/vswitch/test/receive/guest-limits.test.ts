/** What a guest's channel lets through, on both ways to it: its packet filter, and its longest frame. */
import { NDIS_RECEIVE_FLAGS_SINGLE_QUEUE } from '@vmq/abi';
import { TRACE_ALL } from '@vmq/machine';
import { expect, test } from 'vitest';
import {
  type Bench,
  type BenchVm,
  BROADCAST,
  createBench,
  frame,
  type VmOptions,
} from '../switch-bench.test-support.ts';

const A = '02-00-00-00-00-0A';
const B = '02-00-00-00-00-0B';
const OUT = '02-00-00-00-00-F1';
const OTHER = '02-00-00-00-00-F2';
const GROUP = '01-00-5E-00-00-FB';

const DIRECTED = 0x01;
const MULTICAST = 0x02;
const ALL_MULTICAST = 0x04;
const BROADCASTS = 0x08;
const PROMISCUOUS = 0x20;

/** Where a received frame comes from, and what looks at it: frame by frame while tracing, else many at a time. */
const WAYS = [
  ['the default queue', false, false],
  ['its VM queue', true, false],
  ['its VM queue, traced', true, true],
] as const;

function benchWith(
  options: Partial<VmOptions>,
  viaQueue: boolean,
  traced: boolean,
): { bench: Bench; a: BenchVm } {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A, ...options });
  if (viaQueue) {
    const { state } = bench.sw.dataImage();
    const ports = state.ports.map((image) => ({ ...image, queueId: 5 }));
    bench.executor.post('processor:0', { ...state, ports });
  }
  if (traced) bench.trace.setLevel(TRACE_ALL);
  bench.executor.publish();
  return { bench, a };
}

function receive(
  bench: Bench,
  viaQueue: boolean,
  frames: readonly { bytes: number[]; tci?: number }[],
): void {
  const chain = frames.map((one) => ({ ...one, queueId: viaQueue ? 5 : 0 }));
  bench.receive(chain, viaQueue ? NDIS_RECEIVE_FLAGS_SINGLE_QUEUE : 0);
  bench.settle();
}

test.each(WAYS)('SW-29: without DIRECTED a guest gets no frame of its own from %s', (_, viaQueue, traced) => {
  for (const filter of [MULTICAST | ALL_MULTICAST | BROADCASTS, DIRECTED, PROMISCUOUS]) {
    const { bench, a } = benchWith({ packetFilter: filter }, viaQueue, traced);
    const frames = [frame(A, OUT), frame(A, OUT), frame(A, OUT), frame(A, OUT, 1514)];
    receive(
      bench,
      viaQueue,
      frames.map((bytes) => ({ bytes })),
    );
    const got = (filter & (DIRECTED | PROMISCUOUS)) !== 0;
    expect(a.received.map(({ bytes }) => bytes)).toEqual(got ? frames : []);
    expect(bench.machine.ledger.report().ends).toEqual({
      delivered: got ? 4 : 0,
      transmitted: 0,
      dropped: got ? {} : { 'vmbus.packet-filter': 4 },
    });
    expect(bench.pool.available).toBe(512);
  }
});

test('SW-29: each bit of a packet filter lets its kind of frames through, from the wire and between VMs', () => {
  const kinds: readonly [string, number][] = [
    [A, DIRECTED],
    [GROUP, ALL_MULTICAST],
    [BROADCAST, BROADCASTS],
    [OTHER, PROMISCUOUS],
  ];
  for (let filter = 1; filter < 0x40; filter++) {
    if ((filter & 0x10) !== 0) continue;
    const bench = createBench();
    // It may spoof, so that frames for anybody reach its port.
    const a = bench.addVm({
      name: 'a',
      mac: A,
      packetFilter: filter,
      properties: { allowMacSpoofing: true },
    });
    const b = bench.addVm({ name: 'b', mac: B });
    const wire = kinds.map(([to]) => frame(to, OUT));
    bench.receive(wire.map((bytes) => ({ bytes })));
    bench.settle();
    const vms = kinds.slice(0, 3).map(([to]) => frame(to, B));
    b.send(...vms.map((bytes) => ({ bytes, tci: 0 })));
    bench.settle();
    const passes = (i: number): boolean => (filter & PROMISCUOUS) !== 0 || (filter & kinds[i][1]) !== 0;
    const expected = [...wire.filter((_, i) => passes(i)), ...vms.filter((_, i) => passes(i))];
    expect(a.received.map(({ bytes }) => bytes)).toEqual(expected);
    // Where another port or the wire gets a frame, it has not ended here.
    const { delivered, dropped, transmitted } = bench.machine.ledger.report().ends;
    const sum = Object.values(dropped).reduce((total, n) => total + n, 0);
    expect(Object.keys(dropped).every((name) => name === 'vmbus.packet-filter')).toBe(true);
    expect(delivered + sum + transmitted + bench.sent.length).toBe(7);
  }
});

test.each(WAYS)(
  'SW-28: tags do not count against the longest frame of a guest, from %s',
  (_, viaQueue, traced) => {
    const inner = (length: number, ...types: readonly number[]): number[] => {
      const bytes = frame(A, OUT, length);
      for (const type of types) bytes.splice(12, 0, type >> 8, type & 0xff, 0, 5);
      return bytes;
    };
    const { bench, a } = benchWith({}, viaQueue, traced);
    const good = [
      inner(1514),
      inner(1514, 0x8100),
      inner(1514, 0x88a8),
      inner(1514, 0x8100, 0x88a8),
      inner(1513, 0x8100, 0x8100, 0x8100).slice(0, 1521),
    ];
    const bad = [
      inner(1515),
      inner(1515, 0x8100),
      inner(1515, 0x8100, 0x88a8),
      inner(1514, 0x8100, 0x8100, 0x8100),
    ];
    receive(
      bench,
      viaQueue,
      [...good, ...bad].map((bytes) => ({ bytes })),
    );
    expect(a.received.map(({ bytes }) => bytes)).toEqual(good);
    expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'vmbus.too-long': 4 });
  },
);

test('SW-28: frames of guests with tags inside, beside and both leave whole', () => {
  const bench = createBench();
  const vlan = { mode: 'trunk', native: 0, vlans: [10] } as const;
  const a = bench.addVm({ name: 'a', mac: A, properties: { vlan } });
  const plain = frame(OUT, A, 1514);
  const tag = [0x81, 0x00, 0, 10];
  const service = [0x88, 0xa8, 0, 7];
  const inside = [...plain.slice(0, 12), ...tag, ...plain.slice(12)];
  const twice = [...plain.slice(0, 12), ...tag, ...service, ...plain.slice(12)];
  const rest = [...plain.slice(0, 12), ...service, ...plain.slice(12)];
  a.send({ bytes: inside, tci: 0 }, { bytes: twice, tci: 0 }, { bytes: rest, tci: 10 });
  bench.settle();
  expect(bench.sent.map(({ bytes, tci }) => ({ bytes, tci }))).toEqual([
    { bytes: plain, tci: 10 },
    { bytes: rest, tci: 10 },
    { bytes: rest, tci: 10 },
  ]);
  expect(a.control.report().violations).toEqual({});
});
