// What faults have found, each as it was found, made small. The seeds are those of recovery.property.test.ts.
import {
  NDIS_SHARED_MEMORY_USAGE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
} from '@vmq/abi';
import { DMA_WRITE, HOST_SEGMENT, PAGE_SIZE } from '@vmq/machine';
import { afterEach, describe, expect, it } from 'vitest';
import { type BenchOptions, FaultBench, VMS } from './fault-bench.test-support.ts';

const benches: FaultBench[] = [];
function createBench(options: BenchOptions = {}): FaultBench {
  const bench = new FaultBench(options);
  benches.push(bench);
  bench.expectFlow();
  return bench;
}
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.tearDown();
});

describe('found by faults', () => {
  it('seed 34: after a reset, what the device wrote before it was taken for newer, and delivered again', () => {
    const bench = createBench();
    for (let lap = 0; lap < 6; lap++) {
      bench.sendToAll(12);
      bench.run();
    }
    expect(bench.host.adapter.reset()).toBe(NDIS_STATUS_SUCCESS);
    bench.inject('completion-corrupted', { kind: 'index ahead', count: 4 });
    for (let burst = 0; burst < 4; burst++) {
      bench.sendToAll(2);
      bench.run();
    }
    bench.recover();
    bench.expectOrder();
    expect(bench.dropped).toEqual({});
  });

  it('seed 166: a card that was off the bus for a moment had forgotten its queues, and answered all the same', () => {
    const bench = createBench();
    bench.inject('registers-all-ones', { nanoseconds: 1e6 });
    bench.faults.passTime(2e6);
    // A request that it answers makes it look sound.
    expect(bench.host.adapter.pause()).toBe(NDIS_STATUS_SUCCESS);
    expect(bench.host.adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
    bench.pass(2.1);
    bench.recover();
  });

  it('seed 6: a descriptor damaged before the first look at the refusals stopped its queue for good', () => {
    const bench = createBench();
    bench.inject('descriptor-corrupted', { queue: 1, kind: 'no such segment' });
    bench.send('web', 2);
    bench.run();
    bench.pass(2.1);
    bench.expectFlow();
    bench.recover();
  });

  it('seed 206259: memory given out to the device after a descriptor was made to point there took the frame', () => {
    const bench = createBench();
    const { sharedMemory, dmaDomain } = bench.host;
    bench.inject('descriptor-corrupted', { queue: 1, kind: 'not granted' });
    const free = sharedMemory.inspect().partitions.find(({ segment }) => segment === HOST_SEGMENT);
    const { block } = sharedMemory.allocate({
      segment: HOST_SEGMENT,
      length: (free?.freePages ?? 0) * PAGE_SIZE,
      contiguous: false,
      owner: 'test',
      usage: NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceive,
    });
    const handle = block?.handle ?? 0;
    expect(sharedMemory.grant(dmaDomain, handle, DMA_WRITE).status).toBe(NDIS_STATUS_SUCCESS);
    bench.send('web', 1);
    bench.run();
    expect(bench.dropped).toEqual({ 'nic.dma-fault': 1 });
    expect(sharedMemory.free(handle).status).toBe(NDIS_STATUS_SUCCESS);
    bench.recover();
  });

  it.each([
    ['seed 59: a clear that failed cost the adapter a queue, and threw out of the VM’s removal', 1],
    ['a clear that fails as often as it is tried leaves the VM half gone until the queue is back', 4],
  ])('%s', (_, count) => {
    const bench = createBench({ config: { ndisVersion: '6.20' } });
    bench.inject('oid-fails', { oid: OID_RECEIVE_FILTER_CLEAR_FILTER, count, status: NDIS_STATUS_FAILURE });
    const { host } = bench;
    // Disconnecting and deleting try twice as often as one request is sent.
    expect(host.removeVm('db').status).toBe(NDIS_STATUS_SUCCESS);
    expect(host.addVm({ name: 'db', mac: '00-15-5D-00-00-02', vlan: 100 }).status).toBe(NDIS_STATUS_SUCCESS);
    bench.recover();
    expect(host.ndis.refusals.entries.filter(({ kind }) => kind === 'violation')).toEqual([]);
  });

  it('seed 62: a VM whose memory a hung device still has is gone when it is removed again', () => {
    const bench = createBench({ config: { ndisVersion: '6.20' } });
    const { host } = bench;
    bench.inject('nic-hang', { kind: 'until healed' });
    const answer = host.removeVm('db');
    expect(answer).toMatchObject({
      status: NDIS_STATUS_FAILURE,
      reason: /still has \d+ sections of VM 'db'/,
    });
    expect(host.vmNames).toContain('db');
    bench.faults.heal();
    bench.pass(5);
    // Seed 816: what is left of it took the port with it whose number its own had been.
    const other = { name: 'other', mac: '00-15-5D-00-00-04' };
    expect(host.addVm(other).status).toBe(NDIS_STATUS_SUCCESS);
    expect(host.removeVm('db').status).toBe(NDIS_STATUS_SUCCESS);
    expect(host.vmNames).not.toContain('db');
    expect(host.inspect().ports.map(({ VmName }) => VmName)).toContain('other');
    expect(host.removeVm('other').status).toBe(NDIS_STATUS_SUCCESS);
    bench.recover();
  });

  it('seed 22402: a packet filter that a hung device refused was narrowed all the same, and not asked for again', () => {
    const bench = createBench({ config: { vmq: false } });
    const { host } = bench;
    bench.inject('nic-hang', { kind: 'until healed' });
    for (const { name } of VMS) expect(host.removeVm(name).status).toBe(NDIS_STATUS_SUCCESS);
    bench.faults.heal();
    bench.pass(5);
    for (const vm of VMS) expect(host.addVm(vm).status).toBe(NDIS_STATUS_SUCCESS);
    bench.recover();
  });

  it.each([
    ['hangs until it is healed', 'nic-hang', { kind: 'until healed' }],
    ['hangs until it is reset', 'nic-hang', { kind: 'until reset' }],
    ['is off the bus', 'registers-all-ones', { nanoseconds: 1e9 }],
  ] as const)(
    'the first VM of a host without VMQ, added while the device %s, gets frames',
    (_, fault, how) => {
      const bench = createBench({ config: { vmq: false } });
      const { host } = bench;
      for (const { name } of VMS) expect(host.removeVm(name).status).toBe(NDIS_STATUS_SUCCESS);
      bench.inject(fault, how);
      expect(host.addVm(VMS[0]).status).toBe(NDIS_STATUS_SUCCESS);
      bench.recover();
    },
  );
});
