import { NDIS_STATUS_FAILURE, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_INVALID_PORT_STATE } from '@vmq/abi';
import { expect, test } from 'vitest';
import { BROADCAST, createBench, frame } from '../switch-bench.test-support.ts';

const A = '02-00-00-00-00-0A';
const B = '02-00-00-00-00-0B';
const vlan = { mode: 'access', vlan: 7 } as const;

test('SW-17 SW-18: frames that the host sends for a VM go by the rules of its port, and end once', () => {
  const bench = createBench({ processors: 2, sendBuffers: 3 });
  const a = bench.addVm({ name: 'a', mac: A, properties: { vlan } });
  const b = bench.addVm({ name: 'b', mac: B, properties: { vlan } });
  const hello = frame(BROADCAST, A);
  const forged = frame(BROADCAST, B);
  expect(
    bench.sw.sendFor(
      a.port,
      [hello, forged].map((bytes) => Uint8Array.from(bytes)),
    ).status,
  ).toBe(0);
  bench.settle();
  expect(bench.sent.map(({ bytes, tci }) => ({ bytes, tci }))).toEqual([{ bytes: hello, tci: 7 }]);
  expect(b.received).toEqual([{ bytes: hello, tci: 0 }]);
  expect(a.received).toEqual([]);
  expect(bench.machine.ledger.report()).toMatchObject({
    receivedFromGuests: 2,
    ends: { dropped: { 'vswitch.mac-spoofing': 1 } },
    // At the VM beside the wire, where the adapter counts the end.
    copies: 1,
    inFlight: 1,
  });
  // More than there are buffers: the rest waits for the adapter's completions.
  for (const tray of bench.trays) tray.completes = false;
  bench.sw.sendFor(
    a.port,
    Array.from({ length: 8 }, () => Uint8Array.from(hello)),
  );
  for (let turns = 0; turns < 8; turns++) {
    bench.settle();
    for (const tray of bench.trays) tray.completeSends();
  }
  bench.settle();
  expect(bench.sent.length).toBe(9);
  expect(bench.sw.inspect().outstandingSends).toBe(0);
});

test('SW-22: nothing is sent for a VM that is not connected, has no channel, or that no buffer holds', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  const send = (length: number): number => bench.sw.sendFor(a.port, [new Uint8Array(length)]).status;
  expect(send(13)).toBe(NDIS_STATUS_INVALID_PARAMETER);
  expect(send(1515)).toBe(NDIS_STATUS_INVALID_PARAMETER);
  bench.sw.disconnectNic(a.port);
  expect(send(60)).toBe(NDIS_STATUS_INVALID_PORT_STATE);
  bench.sw.deleteNic(a.port);
  const bare = bench.sw.createPort('bare').port;
  bench.sw.createNic(bare, { name: 'bare', vmName: 'c', mac: { hi: 0x0200, lo: 12 } });
  bench.sw.connectNic(bare);
  expect(bench.sw.sendFor(bare, [new Uint8Array(60)]).status).toBe(NDIS_STATUS_FAILURE);
});

test('SW-21: a port that takes the number of a deleted one counts from zero', () => {
  const bench = createBench();
  const a = bench.addVm({ name: 'a', mac: A });
  bench.receive([{ bytes: frame(A, B) }]);
  bench.settle();
  const counters = () => bench.sw.inspect().ports[0]?.counters;
  expect(counters()?.framesToGuest).toBe(1);
  for (const step of ['disconnectNic', 'deleteNic', 'teardownPort', 'deletePort'] as const) {
    expect(bench.sw[step](a.port).status).toBe(0);
  }
  expect(bench.sw.createPort('next').port).toBe(a.port);
  expect(Object.values(counters() ?? {}).every((count) => count === 0)).toBe(true);
});
