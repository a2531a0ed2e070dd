/** Migrations between hosts of which an adapter is paused, in low power, has been reset or is gone. */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { describe, expect, it } from 'vitest';
import { migrateVm } from '../src/index.ts';
import { createLab, type Lab, numbered, WEB } from './migration.test-support.ts';

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const toWeb = (from: number, count: number): Uint8Array[] =>
  range(from, count).map((number) => numbered(WEB, number, { length: 300 }));

/** The VM has what it received before, and receives at host b. */
function arrived(lab: Lab): void {
  lab.settle();
  expect(lab.b.vmNames).toContain('web');
  lab.received('web');
  lab.learned.set(WEB.join('-'), lab.b);
  lab.send(...toWeb(100, 30));
  lab.settle();
  expect(lab.received('web')).toEqual(range(100, 30));
  lab.conserved();
}

describe.each(['6.20', '6.30'] as const)('NDIS %s: a VM moves', (ndisVersion) => {
  const prepared = (): Lab => {
    const lab = createLab({ a: { ndisVersion }, b: { ndisVersion } });
    lab.learned.set(WEB.join('-'), lab.a);
    lab.send(...toWeb(0, 30));
    lab.settle();
    return lab;
  };

  it('LIFE-02 from a host whose adapter is paused: queue and filter are freed all the same', async () => {
    const lab = prepared();
    expect(lab.a.adapter.pause()).toBe(NDIS_STATUS_SUCCESS);
    expect(migrateVm(lab.a, lab.b, 'web').status).toBe(NDIS_STATUS_SUCCESS);
    expect(lab.a.inspect().queues.map(({ VmFriendlyName }) => VmFriendlyName)).not.toContain('web');
    expect(lab.a.adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
    arrived(lab);
    await lab.stop();
  });

  it('LIFE-02 LIFE-04 to a host whose adapter is paused: it has its queue there, and frames after the restart', async () => {
    const lab = prepared();
    expect(lab.b.adapter.pause()).toBe(NDIS_STATUS_SUCCESS);
    const { status, report } = migrateVm(lab.a, lab.b, 'web');
    expect([status, report.queue.destination > 0]).toEqual([NDIS_STATUS_SUCCESS, true]);
    expect(lab.b.adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
    arrived(lab);
    await lab.stop();
  });

  it('LIFE-16 LIFE-17 from a host whose card has been pulled: clears and frees succeed, what it had received goes along', async () => {
    const lab = prepared();
    lab.a.pauseVm('web');
    lab.send(...toWeb(30, 20));
    lab.settle();
    // LIFE-07: that the VM stands still with frames in its hands (6.20) holds nothing up: its queue is freed.
    expect(lab.a.adapter.surpriseRemove()).toBe(NDIS_STATUS_SUCCESS);
    const { status, reason } = migrateVm(lab.a, lab.b, 'web');
    expect([status, reason]).toEqual([NDIS_STATUS_SUCCESS, undefined]);
    lab.b.resumeVm('web');
    lab.settle();
    expect(lab.a.adapter.inspect().outstanding).toEqual({ receives: 0, sends: 0 });
    expect(lab.a.adapter.state).toBe('Halted');
    expect(lab.received('web')).toEqual(range(0, 50));
    arrived(lab);
    await lab.stop();
  });

  it('LIFE-15 to a host whose card has been pulled: it runs there without a queue, and can go back', async () => {
    const lab = prepared();
    expect(lab.b.adapter.surpriseRemove()).toBe(NDIS_STATUS_SUCCESS);
    const { status, report } = migrateVm(lab.a, lab.b, 'web');
    expect([status, report.queue.destination]).toEqual([NDIS_STATUS_SUCCESS, 0]);
    expect(report.queue.reason).not.toBe('');
    expect(migrateVm(lab.b, lab.a, 'web')).toMatchObject({
      status: NDIS_STATUS_SUCCESS,
      report: { queue: { destination: 1, reason: '' } },
    });
    lab.settle();
    lab.learned.set(WEB.join('-'), lab.a);
    lab.send(...toWeb(30, 20));
    lab.settle();
    expect(lab.received('web')).toEqual(range(0, 50));
    await lab.stop();
  });
});
