import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PORT,
  NDIS_STATUS_INVALID_PORT_STATE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { expect, test } from 'vitest';
import { createAdapterBench } from '../adapter-bench.test-support.ts';

const PROMISCUOUS = 0x20;

test('SW-02 SW-03 SW-04: a batch allocates queues with names, affinity, PortId and no lookahead, and completes once', () => {
  const bench = createAdapterBench();
  bench.bind();
  const ports = ['a', 'b', 'c'].map((name) => bench.addPort(name));
  bench.requests.length = 0;
  expect(bench.sw.connectNics(ports).status).toBe(NDIS_STATUS_SUCCESS);
  expect(bench.requests).toEqual([
    'ALLOCATE_QUEUE 1 a/nic-a port 1 mask 1 flags 1 lookahead 0',
    'SET_FILTER queue 1 020000000001 untagged',
    'ALLOCATE_QUEUE 2 b/nic-b port 2 mask 2 flags 1 lookahead 0',
    'SET_FILTER queue 2 020000000002 untagged',
    'ALLOCATE_QUEUE 3 c/nic-c port 3 mask 4 flags 1 lookahead 0',
    'SET_FILTER queue 3 020000000003 untagged',
    'QUEUE_ALLOCATION_COMPLETE 1 2 3',
  ]);
  expect(bench.queuesOf(...ports)).toEqual([1, 2, 3]);
});

test('SW-02: the structures of a 6.20 adapter have no PortId', () => {
  const bench = createAdapterBench({ ndis: 20 });
  bench.bind();
  bench.sw.connectNic(bench.addPort('a'));
  expect(bench.requests).toContain('ALLOCATE_QUEUE 1 a/nic-a mask 1 flags 1 lookahead 0');
});

test('SW-05 SW-06: the filter tests the access VLAN, or untagged-or-zero without one', () => {
  const bench = createAdapterBench();
  bench.bind();
  bench.sw.connectNic(bench.addPort('a', { vlan: { mode: 'access', vlan: 100 } }));
  bench.sw.connectNic(bench.addPort('b'));
  expect(bench.requests.filter((line) => line.startsWith('SET_FILTER'))).toEqual([
    'SET_FILTER queue 1 020000000001 vlan 100',
    'SET_FILTER queue 2 020000000002 untagged',
  ]);
});

test('SW-05 SW-06: a port that is served from queue 0 has the same filter there, with its access VLAN', () => {
  const bench = createAdapterBench();
  bench.bind();
  for (const vlan of [{ vlan: { mode: 'access', vlan: 100 } as const }, {}]) {
    bench.refuse.set('ALLOCATE_QUEUE', NDIS_STATUS_RESOURCES);
    bench.sw.connectNic(bench.addPort(vlan.vlan ? 'a' : 'b', vlan));
  }
  expect(bench.requests.filter((line) => line.startsWith('SET_FILTER'))).toEqual([
    'SET_FILTER queue 0 020000000001 vlan 100',
    'SET_FILTER queue 0 020000000002 untagged',
  ]);
});

test('SW-01: without current VMQ no queue is asked for, the packet filter is promiscuous, and the ledger says why', () => {
  const bench = createAdapterBench({ queues: 0 });
  bench.bind();
  const port = bench.addPort('a');
  bench.sw.connectNic(port);
  expect(bench.requests.every((line) => line.startsWith('CURRENT_PACKET_FILTER'))).toBe(true);
  const { packetFilter, ports, ledger } = bench.sw.inspect();
  expect(packetFilter).toBe(0x2f);
  expect(ports[0]?.withoutQueue).toBe('VMQ filters are not enabled on the adapter');
  expect(ledger.at(-1)).toMatchObject({ event: 'refused', port });
});

test('SW-07: trunk ports get no VM queue but a filter for their MAC on queue 0', () => {
  const bench = createAdapterBench();
  bench.bind();
  const port = bench.addPort('a', { vlan: { mode: 'trunk', native: 0, vlans: [10] } });
  bench.sw.connectNic(port);
  expect(bench.requests.filter((line) => !line.startsWith('CURRENT'))).toEqual([
    'SET_FILTER queue 0 020000000001',
  ]);
  expect(bench.sw.inspect()).toMatchObject({
    packetFilter: 0x0f,
    ports: [{ queueId: 0, withoutQueue: 'trunk ports get no VM queue' }],
  });
});

for (const [oid, released] of [
  ['ALLOCATE_QUEUE', []],
  ['SET_FILTER', ['FREE_QUEUE 1']],
  ['QUEUE_ALLOCATION_COMPLETE', ['CLEAR_FILTER 1', 'FREE_QUEUE 1']],
] as const) {
  test(`SW-08: when ${oid} fails the VM is served from queue 0 with its filter there, and event 113 says so`, () => {
    const bench = createAdapterBench();
    bench.bind();
    const port = bench.addPort('a');
    bench.refuse.set(oid, NDIS_STATUS_FAILURE);
    bench.requests.length = 0;
    expect(bench.sw.connectNic(port).status).toBe(NDIS_STATUS_SUCCESS);
    expect(bench.requests.filter((line) => /^(CLEAR|FREE)/.test(line))).toEqual(released);
    expect(bench.requests.at(-1)).toBe('SET_FILTER queue 0 020000000001 untagged');
    const { ledger, packetFilter } = bench.sw.inspect();
    expect(packetFilter & PROMISCUOUS).toBe(0);
    expect(ledger.find(({ event }) => event === 'refused')?.systemEvent).toEqual({
      id: 113,
      text: 'Failed to allocate VMQ for NIC nic-a on switch vSwitch. Reason - The OID failed. Status = {Operation Failed} The requested operation was unsuccessful.',
    });
  });
}

test('QUE-17 SW-08: one failed completion element takes only its own queue', () => {
  const bench = createAdapterBench();
  bench.bind();
  const ports = ['a', 'b'].map((name) => bench.addPort(name));
  bench.refuse.set('queue 1', NDIS_STATUS_RESOURCES);
  bench.sw.connectNics(ports);
  expect(bench.queuesOf(...ports)).toEqual([0, 2]);
  // The data paths were told of both queues before the completion, and of one that failed after it.
  expect(bench.published()?.ports.map(({ queueId }) => queueId)).toEqual([0, 2]);
});

test('when no filter is left at all the adapter is made promiscuous', () => {
  const bench = createAdapterBench({ queues: 1, filters: 1 });
  bench.bind();
  bench.sw.connectNic(bench.addPort('a'));
  expect(bench.sw.inspect().packetFilter).toBe(0x0f);
  bench.sw.connectNic(bench.addPort('b'));
  expect(bench.sw.inspect().packetFilter).toBe(0x2f);
});

test('more VMs than queues: weight decides in a batch, the ledger names winners, and a freed queue goes to the best waiter', () => {
  const bench = createAdapterBench({ queues: 2 });
  bench.bind();
  const weights = [10, 90, 50, 70];
  const ports = weights.map((vmqWeight, i) => bench.addPort(`vm${i}`, { vmqWeight }));
  bench.sw.connectNics(ports);
  expect(bench.queuesOf(...ports)).toEqual([0, 1, 0, 2]);
  const refusal = bench.sw.inspect().ledger.find(({ event }) => event === 'refused');
  expect(refusal).toMatchObject({
    vmName: 'vm2',
    status: NDIS_STATUS_RESOURCES,
    holders: [
      { vmName: 'vm1', weight: 90 },
      { vmName: 'vm3', weight: 70 },
    ],
    systemEvent: {
      text: 'Failed to allocate VMQ for NIC nic-vm2 on switch vSwitch. Reason - Maximum number of VMQs supported on the Protocol NIC is exceeded. Status = Insufficient system resources exist to complete the API.',
    },
  });
  bench.sw.disconnectNic(ports[1]);
  expect(bench.queuesOf(...ports)).toEqual([0, 0, 1, 2]);
  expect(bench.sw.inspect().ledger.at(-1)).toMatchObject({ event: 'promoted', vmName: 'vm2', queueId: 1 });
  // Its filter on queue 0 has gone with the move.
  expect(bench.sw.inspect().ports[2]?.filters.map(({ queueId }) => queueId)).toEqual([1]);
});

test('a queue is not taken from a lighter VM unless preemptByWeight', () => {
  for (const preemptByWeight of [false, true]) {
    const bench = createAdapterBench({ queues: 1, switch: { preemptByWeight } });
    bench.bind();
    const light = bench.addPort('light', { vmqWeight: 1 });
    const heavy = bench.addPort('heavy', { vmqWeight: 100 });
    bench.sw.connectNic(light);
    bench.sw.connectNic(heavy);
    expect(bench.queuesOf(light, heavy)).toEqual(preemptByWeight ? [0, 1] : [1, 0]);
  }
});

test('MIG-02 LIFE-09: disconnecting clears the filter, frees the queue and leaves nothing for NDIS to clean up', () => {
  const bench = createAdapterBench();
  bench.bind();
  const port = bench.addPort('a');
  bench.sw.connectNic(port);
  bench.requests.length = 0;
  bench.sw.disconnectNic(port);
  expect(bench.requests).toEqual(['CLEAR_FILTER 1', 'FREE_QUEUE 1']);
  const events = bench.sw.inspect().ledger.map(({ event }) => event);
  expect(events).toEqual(['requested', 'granted', 'dma-stopped', 'released']);
  bench.sw.connectNic(port);
  expect(bench.queuesOf(port)).toEqual([1]);
  bench.unbind();
  expect(bench.ndis.refusals.entries).toEqual([]);
  expect(bench.queuesOf(port)).toEqual([0]);
});

test('LIFE-09: ports connected before the adapter comes are served at bind', () => {
  const bench = createAdapterBench();
  const port = bench.addPort('a');
  bench.sw.connectNic(port);
  expect(bench.queuesOf(port)).toEqual([0]);
  expect(bench.bind()).toBe(NDIS_STATUS_SUCCESS);
  expect(bench.queuesOf(port)).toEqual([1]);
});

test('SW-23: a change of MAC or VLAN replaces the filter: the old one is gone before the new one is set', () => {
  const bench = createAdapterBench();
  bench.bind();
  const port = bench.addPort('a');
  bench.sw.connectNic(port);
  bench.requests.length = 0;
  bench.sw.setPort(port, { vlan: { mode: 'access', vlan: 42 } });
  bench.sw.setPort(port, { mac: { hi: 0x0200, lo: 0x99 } });
  expect(bench.requests).toEqual([
    'CLEAR_FILTER 1',
    'SET_FILTER queue 1 020000000001 vlan 42',
    'CLEAR_FILTER 1',
    'SET_FILTER queue 1 020000000099 vlan 42',
  ]);
  const noted = { event: 'refiltered', port, queueId: 1, status: NDIS_STATUS_SUCCESS };
  expect(bench.sw.inspect().ledger.slice(-2)).toMatchObject([noted, noted]);
  bench.requests.length = 0;
  bench.sw.setPort(port, { vlan: { mode: 'trunk', native: 0, vlans: [42] } });
  expect(bench.requests).toEqual(['CLEAR_FILTER 1', 'FREE_QUEUE 1', 'SET_FILTER queue 0 020000000099']);
  bench.sw.setPort(port, { vlan: { mode: 'access', vlan: 0 } });
  expect(bench.queuesOf(port)).toEqual([1]);
});

test('VMQOffloadWeight 0 gives the queue up, and more than 0 asks for one again', () => {
  const bench = createAdapterBench();
  bench.bind();
  const port = bench.addPort('a');
  bench.sw.connectNic(port);
  bench.sw.setPort(port, { vmqWeight: 0 });
  expect(bench.sw.inspect().ports[0]).toMatchObject({
    queueId: 0,
    withoutQueue: 'its VMQOffloadWeight is 0',
    filters: [{ queueId: 0 }],
  });
  bench.sw.setPort(port, { vmqWeight: 5 });
  expect(bench.queuesOf(port)).toEqual([1]);
});

test('queues spread over the VMQ processor set; a NIC that prefers a processor gets it', () => {
  const bench = createAdapterBench({ queues: 8, switch: { vmqProcessors: [1, 3] } });
  bench.bind();
  const ports = [bench.addPort('a'), bench.addPort('b', {}, 3), bench.addPort('c'), bench.addPort('d')];
  bench.sw.connectNics(ports);
  expect(bench.sw.inspect().ports.map(({ queueProcessor }) => queueProcessor)).toEqual([1, 3, 3, 1]);
});

test('a port that allows MAC spoofing needs frames for addresses in no filter: promiscuous while it is connected', () => {
  const bench = createAdapterBench();
  bench.bind();
  const port = bench.addPort('a', { allowMacSpoofing: true });
  expect(bench.sw.inspect().packetFilter).toBe(0x0f);
  bench.sw.connectNic(port);
  expect(bench.sw.inspect().packetFilter).toBe(0x2f);
  bench.sw.disconnectNic(port);
  expect(bench.sw.inspect().packetFilter).toBe(0x0f);
});

test('SW-21: ports and NICs live and die in order, and a referenced port is not deleted', () => {
  const { sw } = createAdapterBench();
  const mac = { hi: 0x0200, lo: 1 };
  expect(sw.createNic(9, { name: 'n', vmName: 'v', mac }).status).toBe(NDIS_STATUS_INVALID_PORT);
  const { port } = sw.createPort('p');
  expect(sw.connectNic(port).status).toBe(NDIS_STATUS_INVALID_PORT_STATE);
  expect(sw.createNic(port, { name: 'n', vmName: 'v', mac }).status).toBe(NDIS_STATUS_SUCCESS);
  expect(sw.teardownPort(port).status).toBe(NDIS_STATUS_INVALID_PORT_STATE);
  expect(sw.connectNic(port).status).toBe(NDIS_STATUS_SUCCESS);
  expect(sw.deleteNic(port).status).toBe(NDIS_STATUS_INVALID_PORT_STATE);
  expect(sw.disconnectNic(port).status).toBe(NDIS_STATUS_SUCCESS);
  expect(sw.deleteNic(port).status).toBe(NDIS_STATUS_SUCCESS);
  sw.referencePort(port);
  expect(sw.deletePort(port).status).toBe(NDIS_STATUS_INVALID_PORT_STATE);
  expect(sw.teardownPort(port).status).toBe(NDIS_STATUS_SUCCESS);
  expect(sw.deletePort(port)).toEqual({
    status: NDIS_STATUS_INVALID_PORT_STATE,
    reason: `port ${port} has 1 references`,
  });
  sw.dereferencePort(port);
  expect(sw.deletePort(port).status).toBe(NDIS_STATUS_SUCCESS);
});

test('SW-24: one adapter on an external switch, none on the others; no internal NIC on a private one', () => {
  const bench = createAdapterBench();
  expect(bench.bind()).toBe(NDIS_STATUS_SUCCESS);
  const { bindAdapter } = bench.sw.protocolDriver;
  const parameters = { revision: 4, receiveFilterCapabilities: null } as never;
  expect(bindAdapter(null as never, parameters)).toBe(NDIS_STATUS_RESOURCE_CONFLICT);
  const lonely = createAdapterBench({ switch: { type: 'private' } });
  expect(lonely.bind()).toBe(NDIS_STATUS_NOT_SUPPORTED);
  const { port } = lonely.sw.createPort('host');
  const nic = { name: 'n', vmName: '', type: 'internal', mac: { hi: 0x0200, lo: 1 } } as const;
  expect(lonely.sw.createNic(port, nic).status).toBe(NDIS_STATUS_NOT_SUPPORTED);
});

test('two connected ports never share a MAC in a VLAN', () => {
  const bench = createAdapterBench();
  const first = bench.addPort('a');
  const second = bench.addPort('b', { vlan: { mode: 'access', vlan: 5 } });
  const mac = { hi: 0x0200, lo: 1 };
  expect(bench.sw.setPort(second, { mac }).status).toBe(NDIS_STATUS_SUCCESS);
  bench.sw.connectNics([first, second]);
  const change = { vlan: { mode: 'access', vlan: 0 } } as const;
  expect(bench.sw.setPort(second, change).status).toBe(NDIS_STATUS_RESOURCE_CONFLICT);
});
