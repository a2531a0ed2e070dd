import { NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_RECEIVE_FLAGS_SINGLE_QUEUE } from '@vmq/abi';
import { TRACE_ALL, TRACE_DELIVERIES } from '@vmq/machine';
import { MessageSlots } from '@vmq/vmbus';
import { expect, test } from 'vitest';
import { describeSwitchTrace, VSWITCH_TRACE } from '../../src/index.ts';
import { BROADCAST, createBench, frame, tagged } from '../switch-bench.test-support.ts';

const A = '02-00-00-00-00-0A';
const B = '02-00-00-00-00-0B';
const OUT = '02-00-00-00-00-F1';

test('SW-09 SW-11: a default-queue frame is classified in software and reaches the guest over its channel', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B });
  const one = frame(A, OUT);
  const two = frame(B, OUT, 1514);
  bench.receive([{ bytes: one }, { bytes: two }]);
  bench.settle();
  expect(a.received).toEqual([{ bytes: one, tci: 0 }]);
  expect(b.received).toEqual([{ bytes: two, tci: 0 }]);
  expect(bench.machine.ledger.report().ends).toEqual({ delivered: 2, transmitted: 0, dropped: {} });
});

test('SW-12: NBLs are back when the indication returns; with RESOURCES none is returned', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  bench.receive([{ bytes: frame(A, OUT) }, { bytes: frame(A, OUT) }]);
  expect(bench.pool.available).toBe(512);
  bench.receive([{ bytes: frame(A, OUT) }], NDIS_RECEIVE_FLAGS_RESOURCES);
  expect(bench.pool.available).toBe(511);
  bench.settle();
  expect(a.received.length).toBe(3);
});

test('SW-18: an access port gets its VLAN untagged, sends into it, and nothing of another VLAN passes', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A, properties: { vlan: { mode: 'access', vlan: 100 } } });
  const good = frame(A, OUT);
  bench.receive([{ bytes: good, tci: 0x6064 }, { bytes: frame(A, OUT), tci: 101 }, { bytes: frame(A, OUT) }]);
  bench.settle();
  expect(a.received).toEqual([{ bytes: good, tci: 0 }]);
  const sent = frame(OUT, A);
  const priority = frame(OUT, A);
  a.send({ bytes: sent, tci: 0 }, { bytes: priority, tci: 0xa000 }, { bytes: frame(OUT, A), tci: 7 });
  bench.settle();
  expect(bench.sent.map(({ bytes, tci }) => ({ bytes, tci }))).toEqual([
    { bytes: sent, tci: 100 },
    { bytes: priority, tci: 0xa064 },
  ]);
  expect(bench.machine.ledger.total('dropped.vswitch.vlan-mismatch')).toBe(3);
});

test('SW-19: a trunk port takes listed VLANs, prune wins, native is untagged both ways', () => {
  const bench = createBench();
  const vlan = { mode: 'trunk', native: 5, vlans: [10, 20], prune: [20] } as const;
  const a = bench.addVm({ name: 'a', mac: A, properties: { vlan } });
  const frames = [5, 10, 20, 30].map((tci) => ({ bytes: frame(A, OUT), tci }));
  bench.receive(frames);
  bench.settle();
  expect(a.received).toEqual([
    { bytes: frames[0]?.bytes, tci: 0 },
    { bytes: frames[1]?.bytes, tci: 10 },
  ]);
  const native = frame(OUT, A);
  const ten = frame(OUT, A);
  a.send({ bytes: native, tci: 0 }, { bytes: ten, tci: 10 }, { bytes: frame(OUT, A), tci: 20 });
  bench.settle();
  expect(bench.sent.map(({ bytes, tci }) => ({ bytes, tci }))).toEqual([
    { bytes: native, tci: 5 },
    { bytes: ten, tci: 10 },
  ]);
});

test('SW-20: priority reaches a guest only with PreservePriority, VLAN ids only with PreserveVLAN', () => {
  const bench = createBench();
  const trunk = { mode: 'trunk', native: 0, vlans: [10] } as const;
  const keep = bench.addVm({ name: 'a', mac: A, properties: { vlan: trunk, preservePriority: true } });
  const strip = bench.addVm({ name: 'b', mac: B, properties: { vlan: trunk, preserveVlan: false } });
  bench.receive([A, B].map((mac) => ({ bytes: frame(mac, OUT), tci: 0xe00a })));
  bench.settle();
  expect(keep.received.map(({ tci }) => tci)).toEqual([0xe00a]);
  expect(strip.received.map(({ tci }) => tci)).toEqual([0]);
});

test('a tag in the data of a guest is worth what one beside it is: no VLAN hopping', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A, properties: { vlan: { mode: 'access', vlan: 100 } } });
  const trunk = { mode: 'trunk', native: 0, vlans: [10] } as const;
  const b = bench.addVm({ name: 'b', mac: B, properties: { vlan: trunk } });
  const inside = frame(OUT, B);
  a.send({ bytes: tagged(frame(OUT, A), 200), tci: 0 });
  b.send({ bytes: tagged(inside, 10), tci: 0 });
  bench.settle();
  expect(bench.sent.map(({ bytes, tci }) => ({ bytes, tci }))).toEqual([{ bytes: inside, tci: 10 }]);
  expect(bench.machine.ledger.total('dropped.vswitch.vlan-mismatch')).toBe(1);
});

test('SW-15: broadcast goes once to each member of the VLAN and never back to its source', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B });
  const other = bench.addVm({
    name: 'c',
    mac: '02-00-00-00-00-0C',
    properties: { vlan: { mode: 'access', vlan: 9 } },
  });
  const fromWire = frame(BROADCAST, OUT);
  bench.receive([{ bytes: fromWire }]);
  bench.settle();
  const fromA = frame(BROADCAST, A);
  a.send({ bytes: fromA, tci: 0 });
  bench.settle();
  expect(a.received.map(({ bytes }) => bytes)).toEqual([fromWire]);
  expect(b.received.map(({ bytes }) => bytes)).toEqual([fromWire, fromA]);
  expect(other.received).toEqual([]);
  expect(bench.sent.map(({ bytes }) => bytes)).toEqual([fromA]);
  // From the wire: one end and one copy. From A: its end is the wire, the delivery to B is a copy.
  const { ends, copies } = bench.machine.ledger.report();
  expect({ ends, copies }).toEqual({ ends: { delivered: 1, transmitted: 0, dropped: {} }, copies: 2 });
});

test('SW-14: traffic between VMs of one switch stays in software', () => {
  const bench = createBench({ processors: 2 });
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B });
  const there = frame(B, A);
  const back = frame(A, B, 1514);
  a.send({ bytes: there, tci: 0 });
  b.send({ bytes: back, tci: 0 });
  bench.settle();
  expect(b.received).toEqual([{ bytes: there, tci: 0 }]);
  expect(a.received).toEqual([{ bytes: back, tci: 0 }]);
  expect(bench.sent).toEqual([]);
  expect(bench.machine.ledger.report()).toMatchObject({ receivedFromGuests: 2, inFlight: 0 });
});

test('SW-17: a VM sends only from its own MAC, unless spoofing or its team allows it', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  const spoof = bench.addVm({ name: 'b', mac: B, properties: { allowMacSpoofing: true } });
  const team = (name: string, mac: string) =>
    bench.addVm({ name, mac, properties: { allowTeaming: true }, nic: { vmName: 'teamed' } });
  const first = team('t1', '02-00-00-00-00-71');
  team('t2', '02-00-00-00-00-72');
  for (const vm of [a, spoof]) vm.send({ bytes: frame(OUT, '02-00-00-00-00-99'), tci: 0 });
  first.send({ bytes: frame(OUT, '02-00-00-00-00-72'), tci: 0 }, { bytes: frame(OUT, A), tci: 0 });
  bench.settle();
  expect(bench.sent.length).toBe(2);
  expect(bench.machine.ledger.total('dropped.vswitch.mac-spoofing')).toBe(2);
  expect(bench.sw.inspect().ports[0]?.counters.droppedFromGuest).toBe(1);
});

test('SW-16: a source address is learned per VLAN, moves, and unknown unicast of a VM goes to the wire', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B, properties: { allowMacSpoofing: true } });
  const nested = '02-00-00-00-00-99';
  a.send({ bytes: frame(nested, A), tci: 0 });
  bench.settle();
  expect(bench.sent.length).toBe(1);
  b.send({ bytes: frame(OUT, nested), tci: 0 });
  bench.settle();
  const inside = frame(nested, A);
  a.send({ bytes: inside, tci: 0 });
  bench.settle();
  expect(b.received.map(({ bytes }) => bytes)).toEqual([inside]);
  // The address moves to the wire: the next frame for it leaves.
  bench.receive([{ bytes: frame(A, nested) }]);
  a.send({ bytes: frame(nested, A), tci: 0 });
  bench.settle();
  expect(b.received.length).toBe(1);
  expect(bench.sent.length).toBe(3);
  expect(bench.sw.inspect().learned).toEqual([{ macAddress: nested, vlan: 0, port: 0, lastSeen: 0 }]);
});

test('SW-10 SEC-07: a VM queue chain goes to its port after the MAC and VLAN checks, and to no other', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A, properties: { vlan: { mode: 'access', vlan: 7 } } });
  const b = bench.addVm({ name: 'b', mac: B });
  giveQueue(bench, a.port, 4);
  const good = frame(A, OUT);
  const chain = [
    { bytes: good, tci: 7, queueId: 4 },
    { bytes: frame(B, OUT), tci: 7, queueId: 4 },
    { bytes: frame(A, OUT), tci: 8, queueId: 4 },
    { bytes: frame(A, OUT), queueId: 4 },
  ];
  bench.receive(chain, NDIS_RECEIVE_FLAGS_SINGLE_QUEUE);
  bench.settle();
  expect(a.received).toEqual([{ bytes: good, tci: 0 }]);
  expect(b.received).toEqual([]);
  expect(bench.machine.ledger.report().ends).toEqual({
    delivered: 1,
    transmitted: 0,
    dropped: { 'vswitch.wrong-destination': 1, 'vswitch.vlan-mismatch': 2 },
  });
});

test('RX-16: returns carry SINGLE_QUEUE only for a chain of one VM queue', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  giveQueue(bench, a.port, 2);
  bench.receive([{ bytes: frame(A, OUT), queueId: 2 }], NDIS_RECEIVE_FLAGS_SINGLE_QUEUE);
  bench.receive([{ bytes: frame(A, OUT) }], NDIS_RECEIVE_FLAGS_SINGLE_QUEUE);
  bench.receive([{ bytes: frame(A, OUT), queueId: 2 }, { bytes: frame(A, OUT) }]);
  expect(bench.trays[0]?.returned.map(({ count, flags }) => [count, flags & 2])).toEqual([
    [1, 2],
    [1, 0],
    [2, 0],
  ]);
});

test('MIG-05: frames of a queue whose port has gone are classified like any others', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  bench.receive([{ bytes: frame(A, OUT), queueId: 9 }], NDIS_RECEIVE_FLAGS_SINGLE_QUEUE);
  bench.settle();
  expect(a.received.length).toBe(1);
  bench.sw.disconnectNic(a.port);
  bench.receive([{ bytes: frame(A, OUT), queueId: 9 }], NDIS_RECEIVE_FLAGS_SINGLE_QUEUE);
  bench.settle();
  expect(a.received.length).toBe(1);
  expect(bench.machine.ledger.total('dropped.vswitch.port-disconnected')).toBe(1);
});

test('SW-22: frames of a VM queue whose port has no channel end as for a port without its NIC', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  giveQueue(bench, a.port, 2);
  const { state } = bench.sw.dataImage();
  const ports = state.ports.map((port) => ({
    ...port,
    queueId: 2,
    channel: null,
    channelGeneration: port.channelGeneration + 1,
  }));
  bench.executor.post('processor:0', { ...state, ports });
  bench.executor.publish();
  bench.receive([{ bytes: frame(A, OUT), queueId: 2 }], NDIS_RECEIVE_FLAGS_SINGLE_QUEUE);
  bench.settle();
  expect(a.received).toEqual([]);
  expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'vswitch.port-disconnected': 1 });
  expect(bench.trays[0]?.returned.map(({ count }) => count)).toEqual([1]);
});

test('SW-22: no frame goes to or comes from a NIC that is not connected', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A, connect: false });
  bench.sw.attachChannel(a.port, a.control);
  bench.settle();
  bench.receive([{ bytes: frame(A, OUT) }, { bytes: frame(BROADCAST, OUT) }]);
  a.send({ bytes: frame(OUT, A), tci: 0 });
  bench.settle();
  expect(a.received).toEqual([]);
  expect(bench.sent).toEqual([]);
  expect(bench.machine.ledger.report().ends.dropped).toEqual({
    'vswitch.port-disconnected': 2,
    'vswitch.no-member-port': 1,
  });
});

test('TX-01 TX-02: sends carry the sending VM queue id, and SINGLE_QUEUE only with one', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B });
  giveQueue(bench, a.port, 6);
  a.send({ bytes: frame(OUT, A), tci: 0 }, { bytes: frame(OUT, A), tci: 0 });
  b.send({ bytes: frame(OUT, B), tci: 0 });
  bench.settle();
  expect(bench.sent.map(({ queueId, flags }) => [queueId, flags & 4]).sort()).toEqual([
    [0, 0],
    [6, 4],
    [6, 4],
  ]);
});

test('out of send buffers the guest keeps its frames, and all leave in order once sends complete', () => {
  const bench = createBench({ sendBuffers: 8 });
  const a = bench.addVm({ name: 'a', mac: A });
  const tray = bench.trays[0];
  tray.completes = false;
  const frames = Array.from({ length: 40 }, () => ({ bytes: frame(OUT, A), tci: 0 }));
  expect(a.send(...frames)).toBe(40);
  bench.settle();
  expect(bench.sent.length).toBe(8);
  expect(bench.sw.inspect().outstandingSends).toBe(8);
  for (let n = 0; n < 5; n++) {
    tray.completeSends();
    bench.settle();
  }
  tray.completeSends();
  expect(bench.sent.map(({ bytes }) => bytes)).toEqual(frames.map(({ bytes }) => bytes));
  expect(bench.sw.inspect().outstandingSends).toBe(0);
});

test('with few send buffers traffic between VMs still flows: what stays inside gives them back', () => {
  const bench = createBench({ sendBuffers: 4 });
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B });
  const frames = Array.from({ length: 30 }, () => ({ bytes: frame(B, A), tci: 0 }));
  a.send(...frames);
  bench.settle();
  expect(b.received.map(({ bytes }) => bytes)).toEqual(frames.map(({ bytes }) => bytes));
});

test('LIFE-07: while paused nothing is sent; VMs still reach each other', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B });
  bench.sw.protocolDriver.pause({
    runUntil: (done: () => boolean) => bench.executor.runUntil(done),
  } as never);
  const inside = frame(BROADCAST, A);
  a.send({ bytes: frame(OUT, A), tci: 0 }, { bytes: inside, tci: 0 });
  bench.settle();
  expect(bench.sent).toEqual([]);
  expect(b.received.map(({ bytes }) => bytes)).toEqual([inside]);
  expect(bench.machine.ledger.report().ends).toEqual({
    delivered: 1,
    transmitted: 0,
    dropped: { 'vswitch.external-not-running': 1 },
  });
});

test('a full receive buffer drops with the reason of the channel, and only at that port', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A, receiveSections: 8 });
  const b = bench.addVm({ name: 'b', mac: B });
  a.takes = false;
  bench.settle();
  const room = a.control.report().freeSections;
  bench.receive(Array.from({ length: room + 5 }, () => ({ bytes: frame(A, OUT) })));
  bench.receive([{ bytes: frame(B, OUT) }, { bytes: frame(BROADCAST, OUT) }]);
  bench.settle();
  expect(b.received.length).toBe(2);
  const { ends, copies } = bench.machine.ledger.report();
  expect(ends).toEqual({ delivered: room + 2, transmitted: 0, dropped: { 'vmbus.no-section': 5 } });
  expect(copies).toBe(0);
  expect(bench.sw.inspect().ports[0]?.counters).toMatchObject({ framesToGuest: room, droppedToGuest: 6 });
});

test('unknown unicast from the wire is dropped by name; a spoofing port or the flood option gets it', () => {
  const unknown = '02-00-00-00-00-77';
  const strict = createBench();
  const s = strict.addVm({ name: 'a', mac: A });
  strict.receive([{ bytes: frame(unknown, OUT) }]);
  strict.settle();
  expect(s.received).toEqual([]);
  expect(strict.machine.ledger.total('dropped.vswitch.unknown-destination')).toBe(1);
  const loose = createBench({ floodUnknownUnicast: true });
  const vms = [loose.addVm({ name: 'a', mac: A }), loose.addVm({ name: 'b', mac: B })];
  loose.receive([{ bytes: frame(unknown, OUT) }]);
  loose.settle();
  expect(vms.map(({ received }) => received.length)).toEqual([1, 1]);
  // Learned on the wire side, it came in by mistake: it goes nowhere.
  loose.receive([{ bytes: frame(A, unknown) }, { bytes: frame(unknown, OUT) }]);
  loose.settle();
  expect(loose.machine.ledger.total('dropped.vswitch.source-port')).toBe(1);
});

test('odd NBLs: several MDLs, odd offsets and several NBs arrive whole', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  const bytes = frame(A, OUT, 333);
  const nbl = bench.pool.take();
  const extra = bench.pool.take();
  if (nbl === null || extra === null) throw new Error('no NBL');
  const host = bench.machine.memory.host;
  const nb = nbl.firstNetBuffer;
  const base = HOST_SCRATCH;
  host.u8.set(bytes.slice(0, 100), base + 3);
  host.u8.set(bytes.slice(100), base + 4096);
  nb.mdl.byteOffset = base;
  nb.mdl.byteCount = 103;
  nb.dataOffset = 3;
  nb.dataLength = bytes.length;
  nb.mdl.next = extra.firstNetBuffer.mdl;
  extra.firstNetBuffer.mdl.byteOffset = base + 4096;
  extra.firstNetBuffer.mdl.byteCount = 1000;
  nbl.ieee8021QInfo = 0;
  nbl.filteringInfo = 0;
  bench.trays[0]?.path?.receiveNetBufferLists(nbl, 0, 1, 0);
  bench.settle();
  expect(a.received).toEqual([{ bytes, tci: 0 }]);
  nb.mdl.next = null;
});

test('the n-th frame a guest receives is the one whose DELIVERY record has number n, from any processor', () => {
  const bench = createBench({ processors: 3 });
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B });
  bench.trace.setLevel(TRACE_DELIVERIES);
  bench.executor.publish();
  giveQueue(bench, a.port, 1);
  const byStamp = new Map<number, readonly number[]>();
  for (let round = 0; round < 12; round++) {
    const frames = [0, 1, 2].map(() => frame(round % 4 === 3 ? BROADCAST : A, OUT));
    const queueId = round % 3 === 0 && round % 4 !== 3 ? 1 : 0;
    const stamps = bench.receive(
      frames.map((bytes) => ({ bytes, queueId })),
      queueId === 0 ? 0 : NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
      round % 3,
    );
    stamps.forEach((stamp, i) => {
      byStamp.set(stamp, frames[i] ?? []);
    });
    if (round % 5 === 0) bench.settle();
  }
  bench.settle();
  const records = bench.trace.drain().filter(({ kind }) => kind === VSWITCH_TRACE.DELIVERY);
  for (const vm of [a, b]) {
    const mine = records.filter((record) => record.a === vm.port).sort((x, y) => x.e - y.e);
    expect(mine.map(({ e }) => e)).toEqual(vm.received.map((_, i) => i + 1));
    expect(mine.map(({ stamp }) => byStamp.get(stamp))).toEqual(vm.received.map(({ bytes }) => bytes));
  }
});

test('the trace tells each step of a frame, and every drop by name', () => {
  const bench = createBench();
  bench.addVm({ name: 'a', mac: A, properties: { vlan: { mode: 'access', vlan: 7 } } });
  bench.trace.setLevel(TRACE_ALL);
  bench.executor.publish();
  const [good, bad] = bench.receive([
    { bytes: frame(A, OUT), tci: 7 },
    { bytes: frame(A, OUT), tci: 8 },
  ]);
  bench.settle();
  const lines = (stamp: number | undefined): (string | null)[] =>
    bench.trace === null ? [] : drained.filter((record) => record.stamp === stamp).map(describeSwitchTrace);
  const drained = bench.trace.drain().filter(({ kind }) => kind >= 400 && kind < 500);
  expect(lines(good)).toEqual([
    'switch got 60 bytes for 02-00-00-00-00-0A, VLAN 7, from the default queue',
    'learned 02-00-00-00-00-F1 in VLAN 7 behind external port',
    "02-00-00-00-00-0A in VLAN 7: port 1 by the ports' addresses",
    expect.stringMatching(/^copied 60 bytes to offset 0x[0-9a-f]+ of port 1's memory, TCI 0$/),
    'delivered to port 1 as its frame 1, on processor 0, from the default queue',
  ]);
  expect(lines(bad).at(-1)).toBe(
    'dropped.vswitch.vlan-mismatch: destination 02-00-00-00-00-0A, VLAN 8, external port',
  );
});

/** Host memory that nothing else uses: behind all allocations. */
const HOST_SCRATCH = (16 << 20) - 3 * 4096;

/** As if the adapter had given the port this queue: what the queue manager publishes. */
function giveQueue(bench: ReturnType<typeof createBench>, port: number, queueId: number): void {
  const { state } = bench.sw.dataImage();
  const ports = state.ports.map((image) => (image.port === port ? { ...image, queueId } : image));
  for (let i = 0; i < bench.trays.length; i++) bench.executor.post(`processor:${i}`, { ...state, ports });
  bench.executor.publish();
}

test('learned addresses age: those not seen for ageingSeconds are forgotten, others stay', () => {
  const bench = createBench({ ageingSeconds: 300 });
  const a = bench.addVm({ name: 'a', mac: A });
  const stations = ['02-00-00-00-00-F1', '02-00-00-00-00-F2'] as const;
  bench.receive(stations.map((station) => ({ bytes: frame(A, station) })));
  bench.settle();
  const clock = bench.machine.clock as unknown as { advance(nanoseconds: number): void };
  clock.advance(200e9);
  bench.receive([{ bytes: frame(A, stations[1]) }]);
  clock.advance(200e9);
  expect(bench.sw.ageMacTable()).toBe(1);
  expect(bench.sw.inspect().learned.map(({ macAddress, lastSeen }) => [macAddress, lastSeen])).toEqual([
    [stations[1], 200],
  ]);
  bench.settle();
  expect(a.received.length).toBe(3);
});

test('MIG-08 LIFE-09: VMs that start and stop all day use up neither vectors nor memory, and others notice nothing', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B });
  const blocks = bench.sharedMemory.blocks().length;
  for (let n = 0; n < 300; n++) {
    expect(bench.sw.disconnectNic(b.port).status).toBe(0);
    expect(bench.sw.deleteNic(b.port).status).toBe(0);
    const mac = { hi: 0x0200, lo: 0x0b };
    expect(bench.sw.createNic(b.port, { name: 'b', vmName: 'b', mac, channel: b.control }).status).toBe(0);
    expect(bench.sw.connectNic(b.port)).toEqual({ status: 0 });
  }
  const [one, two, three] = [frame(A, OUT), frame(B, A), frame(A, B)];
  bench.receive([{ bytes: one }]);
  a.send({ bytes: two, tci: 0 });
  bench.settle();
  b.send({ bytes: three, tci: 0 });
  bench.settle();
  expect(a.received.map(({ bytes }) => bytes)).toEqual([one, three]);
  expect(b.received.map(({ bytes }) => bytes)).toEqual([two]);
  expect(bench.sharedMemory.blocks().length).toBe(blocks);
});

test('SEC-10: a guest whose channel is closed or broken cannot signal on a vector that will be another port’s', () => {
  const bench = createBench();
  const { port, control } = bench.addVm({ name: 'a', mac: A });
  const slots = new MessageSlots(control.messages, 'guest');
  const raised: number[] = [];
  const interrupts = {
    processorCount: 1,
    raise: (_processor: number, vector: number) => raised.push(vector),
  };
  slots.post(7); // closes its channel, and goes on signalling
  slots.signalHost(bench.machine.interrupts);
  bench.settle();
  expect(control.phase).toBe('closing');
  slots.signalHost(interrupts);
  expect(raised.length).toBe(1);
  bench.sw.disconnectNic(port);
  expect(bench.sw.deleteNic(port).status).toBe(0);
  slots.signalHost(interrupts);
  expect(raised.length).toBe(1);
});

test('a private switch joins its VMs and nothing else', () => {
  const bench = createBench({ type: 'private' });
  const a = bench.addVm({ name: 'a', mac: A });
  const b = bench.addVm({ name: 'b', mac: B });
  const frames = [frame(B, A), frame(BROADCAST, A)];
  a.send(...frames.map((bytes) => ({ bytes, tci: 0 })), { bytes: frame(OUT, A), tci: 0 });
  bench.settle();
  expect(b.received.map(({ bytes }) => bytes)).toEqual(frames);
  expect(bench.machine.ledger.report().ends).toEqual({
    delivered: 2,
    transmitted: 0,
    dropped: { 'vswitch.unknown-destination': 1 },
  });
});
