/** What the switch does when its adapter withdraws the current receive-filter set, shrinks it and brings it back. */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { expect, test } from 'vitest';
import { type AdapterBench, createAdapterBench, type PaperOptions } from '../adapter-bench.test-support.ts';

const PROMISCUOUS = 0x20;

/** Ports a, b, c … of these weights, connected. */
function bound(
  weights: readonly number[],
  options: PaperOptions = {},
): { bench: AdapterBench; ports: number[] } {
  const bench = createAdapterBench(options);
  bench.bind();
  const ports = weights.map((vmqWeight, i) => bench.addPort(String.fromCharCode(97 + i), { vmqWeight }));
  bench.sw.connectNics(ports);
  bench.requests.length = 0;
  return { bench, ports };
}

test('CAP-32: when the set goes, the adapter lets in all, then filters and queues are given back', () => {
  const { bench, ports } = bound([100, 100]);
  bench.indicateQueues(0);
  expect(bench.requests).toEqual([
    'CURRENT_PACKET_FILTER 47',
    'CLEAR_FILTER 1',
    'FREE_QUEUE 1',
    'CLEAR_FILTER 2',
    'FREE_QUEUE 2',
  ]);
  expect(bench.queuesOf(...ports)).toEqual([0, 0]);
  const { queues, filters } = bench.adapter.inspect();
  expect([queues.length, filters]).toEqual([1, []]);
  const report = bench.sw.inspect();
  expect(report.vmq).toMatchObject({ queues: false, inUse: 0 });
  expect(report.ports.map(({ withoutQueue }) => withoutQueue)).toEqual([
    'VMQ filters are not enabled on the adapter',
    'VMQ filters are not enabled on the adapter',
  ]);
  const released = report.ledger.filter(({ event }) => event === 'released').map(({ port }) => port);
  expect(released).toEqual(ports);
});

test('CAP-32: when the set returns, queues are asked for again, and only then the packet filter closes', () => {
  const { bench, ports } = bound([100, 100]);
  bench.indicateQueues(0);
  bench.requests.length = 0;
  bench.indicateQueues(4);
  expect(bench.queuesOf(...ports)).toEqual([1, 2]);
  expect(bench.requests.at(-2)).toBe('QUEUE_ALLOCATION_COMPLETE 1 2');
  expect(bench.requests.at(-1)).toBe('CURRENT_PACKET_FILTER 15');
  expect(bench.sw.inspect().ports.map(({ withoutQueue }) => withoutQueue)).toEqual(['', '']);
});

test('CAP-32: ports that never had a queue, and their filters on queue 0, come and go with the set', () => {
  const bench = createAdapterBench({ queues: 0 });
  bench.bind();
  const trunk = bench.addPort('a', { vlan: { mode: 'trunk', native: 0, vlans: [10] } });
  const plain = bench.addPort('b');
  bench.sw.connectNics([trunk, plain]);
  expect(bench.sw.inspect().packetFilter & PROMISCUOUS).toBe(PROMISCUOUS);
  bench.indicateQueues(2);
  expect(bench.queuesOf(trunk, plain)).toEqual([0, 1]);
  expect(bench.requests).toContain('SET_FILTER queue 0 020000000001');
  expect(bench.sw.inspect().packetFilter & PROMISCUOUS).toBe(0);
  bench.indicateQueues(0);
  expect(bench.adapter.inspect().filters).toEqual([]);
  expect(bench.sw.inspect().packetFilter & PROMISCUOUS).toBe(PROMISCUOUS);
});

test('CAP-32: when the set shrinks, the lightest beyond its number lose theirs, and wait on queue 0', () => {
  const { bench, ports } = bound([50, 100, 10]);
  bench.indicateQueues(1);
  expect(bench.queuesOf(...ports)).toEqual([0, expect.any(Number), 0]);
  expect(bench.sw.inspect().vmq).toMatchObject({ numQueues: 1, inUse: 1 });
  const filters = bench.adapter.inspect().filters.map(({ queueId }) => queueId);
  expect(filters.filter((queueId) => queueId === 0)).toHaveLength(2);
  // The filter on queue 0 stands before the one on the queue is cleared: no frame finds neither.
  const first = bench.requests.findIndex((line) => line.startsWith('CLEAR_FILTER'));
  expect(bench.requests.slice(0, first).some((line) => line.startsWith('SET_FILTER queue 0'))).toBe(true);
  expect(bench.requests[0]).toBe('CURRENT_PACKET_FILTER 47');
  expect(bench.requests.at(-1)).toBe('CURRENT_PACKET_FILTER 15');
  bench.indicateQueues(2);
  expect(bench.queuesOf(...ports).map((queueId) => queueId !== 0)).toEqual([true, true, false]);
  expect(bench.sw.inspect().ledger.at(-1)).toMatchObject({ event: 'promoted', port: ports[0] });
});

test('CAP-32: a set that changes nothing for anybody asks for nothing', () => {
  const { bench, ports } = bound([100]);
  bench.indicateQueues(3);
  expect(bench.requests).toEqual([]);
  expect(bench.queuesOf(...ports)).toEqual([1]);
});

test('CAP-32: a queue that cannot be freed when the set goes is freed later', () => {
  const { bench, ports } = bound([100]);
  // A status that is not tried again at once.
  bench.refuse.set('FREE_QUEUE', NDIS_STATUS_NOT_SUPPORTED);
  bench.indicateQueues(0);
  expect(bench.queuesOf(...ports)).toEqual([0]);
  expect(bench.adapter.inspect().queues.map(({ queueId }) => queueId)).toEqual([0, 1]);
  expect(bench.sw.freeKeptQueues()).toBe(0);
  expect(bench.adapter.inspect().queues.map(({ queueId }) => queueId)).toEqual([0]);
});

test('CAP-32: VMs that come and go while the set is away are served as without VMQ', () => {
  const { bench, ports } = bound([100]);
  bench.indicateQueues(0);
  const late = bench.addPort('z');
  expect(bench.sw.connectNic(late).status).toBe(NDIS_STATUS_SUCCESS);
  expect(bench.sw.disconnectNic(ports[0]).status).toBe(NDIS_STATUS_SUCCESS);
  bench.requests.length = 0;
  bench.indicateQueues(4);
  expect(bench.queuesOf(late)).toEqual([1]);
  expect(bench.requests.filter((line) => line.startsWith('ALLOCATE'))).toHaveLength(1);
});

test('SW-08: a queue that is taken by weight leaves its VM no moment without a filter', () => {
  const { bench } = bound([10], { queues: 1, switch: { preemptByWeight: true } });
  bench.sw.connectNic(bench.addPort('heavy', { vmqWeight: 100 }));
  const lines = bench.requests.filter((line) => /^(SET_FILTER|CLEAR_FILTER|FREE_QUEUE)/.test(line));
  expect(lines.slice(0, 3)).toEqual([
    'SET_FILTER queue 0 020000000001 untagged',
    'CLEAR_FILTER 1',
    'FREE_QUEUE 1',
  ]);
});

test('CAP-32: an indication that comes while a request is under way is acted on when that has ended', () => {
  const bench = createAdapterBench();
  bench.bind();
  const ports = ['a', 'b'].map((name) => bench.addPort(name));
  bench.refuse.set('SET_FILTER', NDIS_STATUS_FAILURE);
  bench.onRequest = (line) => {
    if (line.startsWith('SET_FILTER')) bench.indicateQueues(0);
  };
  bench.sw.connectNics(ports);
  bench.onRequest = () => {};
  bench.ndis.poll();
  expect(bench.queuesOf(...ports)).toEqual([0, 0]);
  const { queues, filters } = bench.adapter.inspect();
  expect([queues.length, filters]).toEqual([1, []]);
  bench.indicateQueues(4);
  expect(bench.queuesOf(...ports)).toEqual([1, 2]);
});

test.each([
  // link, TenGigVmqEnabled, BelowTenGigVmqEnabled, host, VMQ
  [10, 1, 2, 630, true],
  [10, 2, 1, 630, false],
  [40, 2, 1, 630, false],
  [1, 2, 1, 630, true],
  [1, 1, 2, 630, false],
  [10, 0, 2, 630, true],
  [1, 2, 0, 630, true],
  [10, 0, 1, 620, false],
  [1, 1, 0, 620, false],
  [1, 2, 1, 620, true],
] as const)(
  'CAP-33: %i Gbit/s, TenGigVmqEnabled %i, BelowTenGigVmqEnabled %i on a host of %i: VMQ %s',
  (gigabits, tenGigVmqEnabled, belowTenGigVmqEnabled, hostVersion, isOn) => {
    const options = { tenGigVmqEnabled, belowTenGigVmqEnabled, hostVersion };
    const bench = createAdapterBench({ linkSpeed: gigabits * 1e9, switch: options });
    bench.bind();
    const port = bench.addPort('a');
    bench.sw.connectNic(port);
    expect(bench.queuesOf(port)).toEqual([isOn ? 1 : 0]);
    const { vmq, ports } = bench.sw.inspect();
    expect(vmq.queues).toBe(isOn);
    if (isOn) return;
    expect(ports[0]?.withoutQueue).toMatch(gigabits >= 10 ? /^tenGig.*10|40 Gbit/ : /^belowTenGig.*1 Gbit/);
    expect(bench.requests.every((line) => line.startsWith('CURRENT_PACKET_FILTER'))).toBe(true);
    // Nor when the adapter says that it could.
    bench.indicateQueues(3);
    expect(bench.queuesOf(port)).toEqual([0]);
  },
);

test('CAP-33: without settings VMQ is used at every speed', () => {
  for (const linkSpeed of [1e9, 10e9]) {
    const bench = createAdapterBench({ linkSpeed });
    bench.bind();
    const port = bench.addPort('a');
    bench.sw.connectNic(port);
    expect(bench.queuesOf(port)).toEqual([1]);
  }
});
