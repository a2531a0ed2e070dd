/** MIG-02: what becomes of the queue of a VM that moves, step by step, as a filter module on the adapter sees it. */
import {
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
} from '@vmq/abi';
import type { FilterDriver } from '@vmq/ddi';
import type { Host } from '@vmq/host';
import { describe, expect, it } from 'vitest';
import { migrateVm } from '../src/index.ts';
import { hostWith, Lab, numbered, unrestOf, WEB } from './migration.test-support.ts';

const NAMES: Readonly<Record<number, string>> = {
  [OID_RECEIVE_FILTER_CLEAR_FILTER]: 'clear filter',
  [OID_RECEIVE_FILTER_FREE_QUEUE]: 'free queue',
};

/** Writes down, in their order, the requests, the state indication, the memory that is freed, the completions. */
function watchedHost(ndisVersion: '6.20' | '6.30', log: string[]): Host {
  let host: Host | null = null;
  const completed = (oid: number): void => {
    const name = NAMES[oid];
    if (name !== undefined) log.push(`${name} completed`);
  };
  const driver: FilterDriver = {
    name: 'watch',
    majorNdisVersion: 6,
    minorNdisVersion: 20,
    attach: () => NDIS_STATUS_SUCCESS,
    detach() {},
    pause: () => NDIS_STATUS_SUCCESS,
    restart: () => NDIS_STATUS_SUCCESS,
    oidRequest(module, request) {
      const name = NAMES[request.oid];
      if (name !== undefined) log.push(name);
      const status = module.forwardOidRequest(request);
      if (status !== NDIS_STATUS_PENDING) completed(request.oid);
      return status;
    },
    oidRequestComplete(module, request, status) {
      completed(request.oid);
      module.oidRequestComplete(request, status);
    },
    status(module, indication) {
      if (indication.statusCode === NDIS_STATUS_RECEIVE_QUEUE_STATE) log.push('DmaStopped');
      module.indicateStatus(indication);
    },
    dataPathFactory: '',
    dataPathImage: () => null,
  };
  host = hostWith(
    { name: 'a', processors: 2, ndisVersion, vms: [{ name: 'web', mac: '00-15-5D-00-00-01' }] },
    { filterDrivers: [driver] },
  );
  const { sharedMemory, adapter } = host;
  const free = sharedMemory.free;
  (sharedMemory as { free: typeof free }).free = (...args) => {
    const { receives } = adapter.inspect().outstanding;
    log.push(receives === 0 ? 'memory freed' : `memory freed with ${receives} NBLs out`);
    return free.apply(sharedMemory, args);
  };
  return host;
}

describe.each(['6.20', '6.30'] as const)('NDIS %s: a VM with packets in its hands moves', (ndisVersion) => {
  it('MIG-01 MIG-02 QUE-30 QUE-31 clear, free: DMA stops, NBLs return, memory is freed, the free completes', async () => {
    const log: string[] = [];
    const a = watchedHost(ndisVersion, log);
    const lab = new Lab(a, hostWith({ name: 'b', processors: 2, seed: 5 }));
    lab.learned.set(WEB.join('-'), a);
    lab.send(...Array.from({ length: 64 }, (_, n) => numbered(WEB, n, { length: 900 })));
    const held = (): number => a.adapter.inspect().outstanding.receives;
    // 6.30: the switch copies and returns at once; the VM holds packets, but no NBLs.
    const statistics = (): number => a.virtualSwitch.inspect().ports[0]?.channel?.outstandingMessages ?? 0;
    expect(a.executor.runUntil(() => (ndisVersion === '6.20' ? held() > 8 : statistics() > 0))).toBe(true);
    log.length = 0;
    const { status, report } = migrateVm(a, lab.b, 'web', { maxRounds: 0 });
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    expect(report.messagesCarried).toBeGreaterThan(0);
    const order = log.filter((entry, i) => entry !== log[i - 1]);
    expect(order).toEqual([
      'clear filter',
      'clear filter completed',
      'free queue',
      'DmaStopped',
      'memory freed',
      'free queue completed',
      // 6.20: the queue went at the stop, and the VM was served from queue 0 until its NIC was disconnected (SW-08).
      ...(ndisVersion === '6.20' ? ['clear filter', 'clear filter completed'] : []),
    ]);
    expect(log.filter((entry) => entry === 'DmaStopped')).toHaveLength(1);
    lab.settle();
    const got = lab.received('web').length;
    const lost = Object.values(a.inspect().ledger.ends.dropped).reduce((sum, count) => sum + count, 0);
    expect(got).toBeGreaterThan(0);
    // The announcement comes by at the source, where nobody wants it any more.
    expect(got + lost - 1).toBe(64);
    expect([lab.a, lab.b].map(unrestOf)).toEqual([null, null]);
    await lab.stop();
  });
});
