// Faults of memory, requests, processors, VMs and the wire, on whole hosts.
import {
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_SET_FILTER,
} from '@vmq/abi';
import { setRequest } from '@vmq/ddi';
import { afterEach, describe, expect, it } from 'vitest';
import { type BenchOptions, FaultBench } from './fault-bench.test-support.ts';

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

const ALL = ['web', 'db', 'mail'];
const queueOf = (bench: FaultBench, vm: string): number =>
  bench.host.inspect().ports.find(({ VmName }) => VmName === vm)?.QueueID ?? -1;
const again = (bench: FaultBench): number =>
  bench.host.addVm({ name: 'db', mac: '00-15-5D-00-00-02', vlan: 100 }).status;

describe('shared memory', () => {
  it('that is refused leaves a VM on the default queue, with its traffic', () => {
    const bench = createBench();
    for (let refused = 1; refused <= 3; refused++) {
      expect(bench.host.removeVm('db').status).toBe(NDIS_STATUS_SUCCESS);
      bench.inject('memory-refused', { count: refused });
      expect(again(bench)).toBe(NDIS_STATUS_SUCCESS);
      bench.expectFlow(ALL);
      bench.expectClosed();
    }
    expect(queueOf(bench, 'db')).toBe(0);
    bench.recover();
    expect(bench.host.removeVm('db').status).toBe(NDIS_STATUS_SUCCESS);
    expect(again(bench)).toBe(NDIS_STATUS_SUCCESS);
    expect(queueOf(bench, 'db')).toBeGreaterThan(0);
    bench.recover();
  });

  it('that is slow keeps only him waiting who asked for it', () => {
    const bench = createBench();
    bench.host.removeVm('db');
    bench.inject('memory-slow', { count: 2, nanoseconds: 300e6 });
    bench.send('web', 4);
    const before = bench.host.machine.clock.now();
    expect(again(bench)).toBe(NDIS_STATUS_SUCCESS);
    expect(bench.host.machine.clock.now() - before).toBeGreaterThanOrEqual(600e6);
    expect(queueOf(bench, 'db')).toBeGreaterThan(0);
    expect(bench.faults.lasting).toEqual([]);
    bench.recover();
    bench.expectOrder();
  });

  it('whose provider has gone is taken back by it, and not given out any more', () => {
    const bench = createBench();
    bench.inject('provider-gone');
    bench.expectFlow(ALL);
    expect(bench.host.removeVm('db').status).toBe(NDIS_STATUS_SUCCESS);
    expect(again(bench)).toBe(NDIS_STATUS_SUCCESS);
    expect(queueOf(bench, 'db')).toBe(0);
    expect(queueOf(bench, 'web')).toBeGreaterThan(0);
    bench.expectFlow(ALL);
    bench.recover();
    bench.host.removeVm('db');
    again(bench);
    expect(queueOf(bench, 'db')).toBeGreaterThan(0);
    bench.recover();
  });
});

describe('a request', () => {
  it('that pends for long is waited for, and the machine’s time goes on meanwhile', () => {
    const bench = createBench();
    bench.host.removeVm('db');
    bench.inject('oid-slow', { count: 4, nanoseconds: 300e6 });
    const before = bench.host.machine.clock.now();
    expect(again(bench)).toBe(NDIS_STATUS_SUCCESS);
    expect(bench.host.machine.clock.now() - before).toBeGreaterThanOrEqual(900e6);
    expect(queueOf(bench, 'db')).toBeGreaterThan(0);
    bench.recover();
  });

  it('that pends over two checks for hang is aborted by a reset', () => {
    const bench = createBench();
    bench.inject('oid-slow', { nanoseconds: 60e9 });
    const request = setRequest(OID_GEN_CURRENT_PACKET_FILTER, Uint8Array.of(0x0b, 0, 0, 0));
    const before = bench.host.machine.clock.now();
    expect(bench.host.adapter.userModeRequest(request)).toBe(NDIS_STATUS_REQUEST_ABORTED);
    const seconds = (bench.host.machine.clock.now() - before) / 1e9;
    expect(seconds).toBeGreaterThan(2);
    expect(seconds).toBeLessThan(5);
    bench.recover();
  });

  it.each([
    OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
    OID_RECEIVE_FILTER_SET_FILTER,
    OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
    OID_RECEIVE_FILTER_CLEAR_FILTER,
    OID_RECEIVE_FILTER_FREE_QUEUE,
  ])(
    '0x%x that fails, or pends until it is aborted, costs a VM its queue and nobody anything else',
    (oid) => {
      for (const fault of ['oid-fails', 'oid-slow'] as const) {
        const bench = createBench({ seed: oid & 0xff });
        bench.inject(fault, { oid, nanoseconds: 20e9 });
        bench.host.removeVm('db');
        again(bench);
        bench.expectFlow(['web', 'mail']);
        bench.recover();
        for (let i = 0; i < 2; i++) {
          if (bench.host.vmNames.includes('db')) bench.host.removeVm('db');
          if (again(bench) === NDIS_STATUS_SUCCESS) break;
        }
        bench.recover();
        expect([fault, [...bench.host.vmNames].sort()]).toEqual([fault, ['db', 'mail', 'web']]);
      }
    },
  );

  it('fails with the status that was wished for', () => {
    const bench = createBench();
    bench.inject('oid-fails', { status: NDIS_STATUS_RESOURCES });
    const request = setRequest(OID_GEN_CURRENT_PACKET_FILTER, Uint8Array.of(0x0b, 0, 0, 0));
    expect(bench.host.adapter.userModeRequest(request)).toBe(NDIS_STATUS_RESOURCES);
    expect(bench.host.adapter.userModeRequest(request)).toBe(NDIS_STATUS_SUCCESS);
    bench.recover();
  });
});

describe('a miniport', () => {
  it('that pauses late keeps its adapter Pausing for so long', () => {
    const bench = createBench();
    bench.sendToAll(3);
    bench.inject('miniport-late', { nanoseconds: 300e6 });
    const before = bench.host.machine.clock.now();
    expect(bench.host.adapter.pause()).toBe(NDIS_STATUS_SUCCESS);
    expect(bench.host.machine.clock.now() - before).toBeGreaterThanOrEqual(300e6);
    expect(bench.host.adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
    bench.recover();
    bench.expectOrder();
  });
});

describe('who gets no turn', () => {
  it('(a processor) drops what its queues cannot hold; the other processor’s VMs lose nothing', () => {
    const bench = createBench();
    const ports = bench.host.inspect().ports.filter(({ VmName }) => ALL.includes(VmName));
    const processor = ports.find(({ VmName }) => VmName === 'web')?.Processor as number;
    const others = ports.filter(({ Processor }) => Processor !== processor).map(({ VmName }) => VmName);
    expect(others.length).toBeGreaterThan(0);
    const before = new Map(others.map((name) => [name, bench.received[name]?.length]));
    bench.inject('processor-stall', { processor, nanoseconds: 100e6 });
    for (let burst = 0; burst < 10; burst++) {
      bench.sendToAll(8);
      bench.faults.passTime(1e6);
      bench.take();
    }
    for (const name of others) expect(bench.received[name]).toHaveLength((before.get(name) as number) + 80);
    bench.pass(0.1);
    expect(bench.dropped['nic.no-descriptor']).toBeGreaterThan(0);
    bench.recover();
    bench.expectOrder();
  });

  it('(a VM) fills its own channel only', () => {
    const bench = createBench();
    bench.inject('guest-stall', { nanoseconds: 100e6 });
    for (let burst = 0; burst < 20; burst++) {
      bench.sendToAll(8);
      bench.faults.passTime(1e6);
      bench.take();
    }
    bench.pass(0.1);
    bench.recover();
    bench.expectOrder();
  });
});

describe('a wire', () => {
  it('loses, doubles, reorders and damages what it is told to, and the ledger knows what arrived', () => {
    const bench = createBench();
    const { ledger } = bench.host.inspect();
    bench.inject('wire-drop', { count: 3 });
    bench.inject('wire-duplicate', { count: 2 });
    bench.inject('wire-flip', { count: 2 });
    const before = bench.received.web.length;
    bench.send('web', 10);
    bench.run();
    const got = bench.received.web.slice(before);
    const sent = bench.sent.web.slice(-10);
    expect(got).toHaveLength(9);
    expect(bench.host.inspect().ledger.receivedFromWire - ledger.receivedFromWire).toBe(9);
    // The first three are lost; two of the next are damaged, and two of them come twice.
    expect(got.slice(0, 4)).toEqual([-1, -1, -1, -1]);
    expect(got.slice(4)).toEqual(sent.slice(5));
    bench.recover();
  });

  it('on which a frame is overtaken delivers as it arrives', () => {
    const bench = createBench();
    bench.inject('wire-reorder', { count: 2 });
    bench.send('web', 5);
    bench.run();
    const sent = bench.sent.web.slice(-5);
    const [a, b, c, d, e] = sent;
    expect(bench.received.web.slice(-5)).toEqual([b, a, d, c, e]);
    bench.recover();
  });

  it('gives the same faults for the same seed, and others for another', () => {
    const damaged = (seed: number): string => {
      const bench = createBench({ seed });
      const frames: string[] = [];
      bench.inject('wire-flip', { count: 5 });
      bench.send('web', 5);
      bench.host.runUntilIdle();
      bench.host.takeReceived('web', ({ bytes, offset, length }) => {
        frames.push(Buffer.from(bytes.subarray(offset, offset + length)).toString('hex'));
      });
      return frames.join();
    };
    expect(damaged(3)).toBe(damaged(3));
    expect(damaged(3)).not.toBe(damaged(4));
  });
});
