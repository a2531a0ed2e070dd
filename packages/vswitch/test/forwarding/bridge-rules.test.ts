/** What a bridge must not forward, on each way that a frame can take through the switch. */
import { NDIS_RECEIVE_FLAGS_SINGLE_QUEUE } from '@vmq/abi';
import { TRACE_DELIVERIES } from '@vmq/machine';
import { expect, test } from 'vitest';
import { describeSwitchTrace, type SwitchExtension, VSWITCH_TRACE } from '../../src/index.ts';
import { type Bench, BROADCAST, createBench, frame } from '../switch-bench.test-support.ts';

const A = '02-00-00-00-00-0A';
const B = '02-00-00-00-00-0B';
const OUT = '02-00-00-00-00-F1';
const NOBODY = '00-00-00-00-00-00';
const GROUP = '03-00-00-00-00-F1';
const RESERVED = Array.from({ length: 16 }, (_, n) => `01-80-C2-00-00-0${n.toString(16).toUpperCase()}`);

/** An extension that looks and lets all pass: with it, every frame goes the way of a batch that is decided as a whole. */
const LOOKER: SwitchExtension = { name: 'looker', type: 'capturing', dataPathFactory: 'looker' };
const extensionPaths = {
  looker: () => ({ ingress() {}, egress() {}, egressComplete() {}, ingressComplete() {} }),
};
const WAYS = [
  ['without extensions', []],
  ['with an extension', [LOOKER]],
] as const;

function benchOf(extensions: readonly SwitchExtension[], queueOfA = 0): Bench {
  const bench = createBench({ extensions, extensionPaths });
  bench.addVm({ name: 'a', mac: A });
  bench.addVm({ name: 'b', mac: B });
  if (queueOfA === 0) return bench;
  // As if the adapter had given the port this queue: what the queue manager publishes.
  const { state } = bench.sw.dataImage();
  const ports = state.ports.map((image) => (image.port === 1 ? { ...image, queueId: queueOfA } : image));
  bench.executor.post('processor:0', { ...state, ports });
  bench.executor.publish();
  return bench;
}

const typed = (bytes: number[], type: number): number[] => {
  bytes.splice(12, 2, type >> 8, type & 0xff);
  return bytes;
};
const dropped = (bench: Bench, reason: string): number =>
  bench.machine.ledger.total(`dropped.vswitch.${reason}`);

test.each(WAYS)(
  'SW-27: frames to reserved addresses are not forwarded from the wire, %s',
  (_, extensions) => {
    const bench = benchOf(extensions);
    bench.receive(RESERVED.map((to) => ({ bytes: frame(to, OUT) })));
    bench.receive(RESERVED.map((to) => ({ bytes: frame(to, OUT), tci: 7 })));
    bench.settle();
    expect(bench.vms.map(({ received }) => received.length)).toEqual([0, 0]);
    expect(dropped(bench, 'reserved-address')).toBe(32);
    const next = frame('01-80-C2-00-00-10', OUT);
    const other = frame('01-80-C2-00-01-00', OUT);
    bench.receive([{ bytes: next }, { bytes: other }]);
    bench.settle();
    for (const { received } of bench.vms) expect(received.map(({ bytes }) => bytes)).toEqual([next, other]);
  },
);

test.each(WAYS)('SW-27: nor between VMs, nor to the wire, %s', (_, extensions) => {
  const bench = benchOf(extensions);
  const [a, b] = bench.vms;
  a?.send(...RESERVED.map((to) => ({ bytes: frame(to, A), tci: 0 })));
  bench.settle();
  expect(b?.received).toEqual([]);
  expect(bench.sent).toEqual([]);
  expect(dropped(bench, 'reserved-address')).toBe(16);
  expect(bench.sw.inspect().outstandingSends).toBe(0);
});

test.each(WAYS)('MAC control frames, PAUSE to a station too, end at the port, %s', (_, extensions) => {
  const bench = benchOf(extensions);
  bench.receive([A, BROADCAST, '01-00-5E-00-00-FB'].map((to) => ({ bytes: typed(frame(to, OUT), 0x8808) })));
  bench.vms[0]?.send(...[B, OUT].map((to) => ({ bytes: typed(frame(to, A), 0x8808), tci: 0 })));
  bench.settle();
  expect(bench.vms.map(({ received }) => received.length)).toEqual([0, 0]);
  expect(bench.sent).toEqual([]);
  expect(dropped(bench, 'mac-control')).toBe(5);
});

test.each(WAYS)(
  'frames from a group or from nobody are dropped and never learned from, %s',
  (_, extensions) => {
    const bench = benchOf(extensions);
    bench.receive([GROUP, NOBODY, BROADCAST].map((from) => ({ bytes: frame(A, from) })));
    bench.settle();
    expect(bench.vms[0]?.received).toEqual([]);
    expect(dropped(bench, 'invalid-source')).toBe(3);
    expect(bench.sw.inspect().learned).toEqual([]);
  },
);

test('a VM that may spoof may not send from nobody either', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A, properties: { allowMacSpoofing: true } });
  bench.addVm({ name: 'b', mac: B });
  a.send({ bytes: frame(B, NOBODY), tci: 0 }, { bytes: frame(B, GROUP), tci: 0 });
  bench.settle();
  expect(bench.vms[1]?.received).toEqual([]);
  expect([dropped(bench, 'invalid-source'), dropped(bench, 'mac-spoofing')]).toEqual([1, 1]);
});

test.each(WAYS)(
  'a chain of a VM queue is held to the same rules, one by one and many at a time, %s',
  (_, extensions) => {
    const bench = benchOf(extensions, 5);
    const queue = NDIS_RECEIVE_FLAGS_SINGLE_QUEUE;
    // The source is known from the second frame on, and frames of known sources are taken many at a time.
    const good = [frame(A, OUT), frame(A, OUT), frame(A, OUT), frame(A, OUT)];
    const bad = [
      typed(frame(A, OUT), 0x8808),
      frame(A, NOBODY),
      frame(A, NOBODY),
      frame(A, BROADCAST),
      frame(A, GROUP),
      frame(RESERVED[14], OUT),
    ];
    const [g0, g1, g2, g3] = good as [number[], number[], number[], number[]];
    const [control, nobody, again, broadcast, group, lldp] = bad as [
      number[],
      number[],
      number[],
      number[],
      number[],
      number[],
    ];
    const chain = [g0, nobody, g1, control, g2, again, broadcast, group, lldp, g3];
    bench.receive(
      chain.map((bytes) => ({ bytes, queueId: 5 })),
      queue,
    );
    bench.settle();
    expect(bench.vms[0]?.received.map(({ bytes }) => bytes)).toEqual(good);
    expect(bench.machine.ledger.report().ends).toEqual({
      delivered: 4,
      transmitted: 0,
      dropped: {
        'vswitch.mac-control': 1,
        'vswitch.invalid-source': 4,
        // To the queue's port nothing of another address is given: that check comes first.
        'vswitch.wrong-destination': 1,
      },
    });
    expect(bench.pool.available).toBe(512);
  },
);

test('the trace says by which of these rules a frame ended', () => {
  const bench = benchOf([]);
  bench.trace.setLevel(TRACE_DELIVERIES);
  bench.executor.publish();
  bench.receive([{ bytes: frame(RESERVED[14], OUT) }]);
  bench.settle();
  const drops = bench.trace.drain().filter(({ kind }) => kind === VSWITCH_TRACE.DROP);
  expect(drops.map((record) => describeSwitchTrace(record))).toEqual([
    'dropped.vswitch.reserved-address: destination 01-80-C2-00-00-0E, no VLAN, external port',
  ]);
});
