/** Where frames go while a VM moves, and what becomes of other VMs. */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { HostConfigInput } from '@vmq/host';
import { describe, expect, it } from 'vitest';
import { type MigrationStep, migrateVm } from '../src/index.ts';
import {
  createLab,
  DB,
  type Lab,
  numbered,
  STATION,
  shapeOf,
  unrestOf,
  WEB,
} from './migration.test-support.ts';

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const toWeb = (from: number, count: number, length = 100): Uint8Array[] =>
  range(from, count).map((number) => numbered(WEB, number, { length }));
/** How far the machine is when the VM is stopped. */
const TURNS = range(0, 14).map((n) => n * 5);
const NO_QUEUES = Array.from({ length: 8 }, (_, i) => ({ name: `full${i}`, mac: `00-15-5D-00-09-0${i}` }));

/** Frames that host a has dropped, by reason; without the announcement, which finds nobody untagged there. */
function droppedAtSource(lab: Lab): Record<string, number> {
  const { 'vswitch.no-member-port': announcement = 0, ...dropped } = lab.a.inspect().ledger.ends.dropped;
  expect(announcement).toBeLessThanOrEqual(1);
  return dropped;
}

/** Frames of `web` on both hosts: each once, and each that is missing in a counter of a drop. */
function accounted(lab: Lab, sent: number, drops: number): void {
  const numbers = lab.received('web');
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(numbers.length + drops).toBe(sent);
  lab.conserved();
  expect([lab.a, lab.b].map(unrestOf)).toEqual([null, null]);
}

describe.each(['6.20', '6.30'] as const)('NDIS %s: frames of a VM that moves', (ndisVersion) => {
  const a: HostConfigInput = { ndisVersion };

  it.each(TURNS)(
    'MIG-01 MIG-02 the VM stops %i turns into a burst: all it holds returns, its queue is freed and another one’s',
    async (turns) => {
      const lab = createLab({ a });
      lab.learned.set(WEB.join('-'), lab.a);
      lab.send(...toWeb(0, 64, 900), ...range(0, 64).map((n) => numbered(DB, n, { vlan: 100 })));
      for (let turn = 0; turn < turns; turn++) (lab.a.executor as unknown as { step(): boolean }).step();
      const result = migrateVm(lab.a, lab.b, 'web', { maxRounds: 0 });
      expect(result).toMatchObject({ status: NDIS_STATUS_SUCCESS });
      lab.settle();
      const events = lab.a.virtualSwitch.inspect().ledger.filter(({ vmName }) => vmName === 'web');
      expect(events.map(({ event }) => event).slice(-2)).toEqual(['dma-stopped', 'released']);
      expect(lab.a.adapter.inspect().sharedMemory.filter(({ queueId }) => queueId === 1)).toEqual([]);
      const dropped = droppedAtSource(lab);
      accounted(
        lab,
        64,
        Object.values(dropped).reduce((sum, n) => sum + n, 0),
      );
      expect(lab.received('db')).toHaveLength(64);
      // QUE-33: the id is another VM's, and nothing of the old one comes with it.
      expect(lab.a.addVm({ name: 'next', mac: '00-15-5D-00-00-03' }).status).toBe(NDIS_STATUS_SUCCESS);
      expect(lab.a.inspect().ports.find(({ VmName }) => VmName === 'next')?.QueueID).toBe(1);
      lab.settle();
      expect(lab.received('next')).toEqual([]);
      await lab.stop();
    },
  );

  it('MIG-03 frames of the old host that the VM had not read end in the new switch, not in its miniport', async () => {
    const lab = createLab({ a, b: { ndisVersion } });
    lab.learned.set(WEB.join('-'), lab.a);
    const result = migrateVm(lab.a, lab.b, 'web', {
      onProgress: ({ step }) => {
        // The VM stands still and its channel is open: they go into its memory, with nobody to read them.
        if (step === 'stop') lab.send(...toWeb(0, 50, 1000));
        if (step === 'stop') lab.a.runUntilIdle();
        return undefined;
      },
    });
    expect(result).toMatchObject({
      status: NDIS_STATUS_SUCCESS,
      report: { framesDelivered: 50, blackoutFrames: 0 },
    });
    expect(result.report.messagesCarried).toBeGreaterThan(0);
    expect(lab.a.guestStatistics('web')['framesReceived']).toBe(0);
    lab.settle();
    expect(lab.received('web')).toEqual(range(0, 50));
    expect(lab.b.inspect().ledger.received).toBe(lab.b.inspect().ledger.receivedFromGuests);
    const queues = lab.b.inspect().queues.filter(({ frames }) => frames !== 0);
    expect(queues).toEqual([]);
    lab.send(...toWeb(50, 200, 1200));
    lab.settle();
    accounted(lab, 200, 0);
    await lab.stop();
  });

  it('MIG-05 frames after the clear go to the default queue’s rules and are counted, and sends end once', async () => {
    const lab = createLab({ a: { ...a, switch: { floodUnknownUnicast: true } } });
    lab.learned.set(WEB.join('-'), lab.a);
    lab.learned.set(STATION.join('-'), 'station');
    let sent = 0;
    const lost: MigrationStep[] = [];
    const result = migrateVm(lab.a, lab.b, 'web', {
      onProgress: ({ step }) => {
        const before = lab.a.inspect().ledger.ends.delivered;
        lab.send(...toWeb(sent, 5));
        lab.settle();
        sent += 5;
        if (step !== 'announce' && lab.a.inspect().ledger.ends.delivered === before) lost.push(step);
        return undefined;
      },
    });
    expect(result.status).toBe(NDIS_STATUS_SUCCESS);
    expect(lost[0]).toBe('save');
    expect(lost).not.toContain('stop');
    // With unknown unicast let in, FLT-13's default queue takes them, and the switch ends them by name.
    const dropped = droppedAtSource(lab);
    expect(Object.keys(dropped).sort()).toEqual([
      'vmbus.not-open',
      'vswitch.port-disconnected',
      'vswitch.unknown-destination',
    ]);
    // The last ten were sent to the old place by a network that had not heard the announcement yet.
    const unknown = (dropped['vswitch.unknown-destination'] ?? 0) - 10;
    expect(result.report.blackoutDrops.source).toEqual({
      ...dropped,
      'vswitch.unknown-destination': unknown,
    });
    accounted(
      lab,
      sent,
      Object.values(dropped).reduce((sum, n) => sum + n, 0),
    );
    await lab.stop();
  });

  it.each(TURNS)(
    'MIG-05 TX-03 sends %i turns old that name the freed queue leave as any others, once, and the rest from the new host',
    async (turns) => {
      const lab = createLab({ a, b: { ndisVersion } });
      lab.learned.set(STATION.join('-'), 'station');
      const sender = { destination: '02-00-00-00-00-09', count: 300, burst: 64, length: 300 };
      lab.a.executor.post('vm:web', { op: 'send', sender });
      lab.a.publish();
      for (let turn = 0; turn < turns; turn++) (lab.a.executor as unknown as { step(): boolean }).step();
      expect(migrateVm(lab.a, lab.b, 'web', { maxRounds: 0 }).status).toBe(NDIS_STATUS_SUCCESS);
      lab.settle();
      const out = [lab.a, lab.b].flatMap((host) =>
        (lab.transmitted.get(host) ?? [])
          .filter((bytes) => bytes[12] === 0x88)
          .map((bytes) => Buffer.from(bytes).readUInt32BE(18)),
      );
      expect(out).toEqual(range(1, 300));
      lab.conserved();
      expect([lab.a, lab.b].map(unrestOf)).toEqual([null, null]);
      await lab.stop();
    },
  );
});

it('MIG-01 QUE-32 on NDIS 6.20 the VM stops with frames in its own hands: the switch returns their NBLs, it keeps the frames', async () => {
  const lab = createLab({ a: { ndisVersion: '6.20' } });
  lab.learned.set(WEB.join('-'), lab.a);
  lab.send(...toWeb(0, 64, 900));
  const held = (): number => lab.a.adapter.inspect().outstanding.receives;
  expect(lab.a.executor.runUntil(() => held() > 8)).toBe(true);
  const { report } = migrateVm(lab.a, lab.b, 'web', { maxRounds: 0 });
  expect(report.messagesCarried).toBeGreaterThan(0);
  expect(held()).toBe(0);
  lab.settle();
  accounted(
    lab,
    64,
    Object.values(droppedAtSource(lab)).reduce((sum, n) => sum + n, 0),
  );
  await lab.stop();
});

describe('MIG-04 the destination', () => {
  it.each([
    ['has no VMQ', { vmq: false }, /./],
    ['has no queue left', { nic: { profile: 'netvmini' }, vms: NO_QUEUES }, /maximum/i],
    ['has another NDIS version', { ndisVersion: '6.20' }, null],
    ['has another NIC with larger frames', { nic: { profile: 'i350', jumboPacket: 9014 } }, null],
  ] as const)('%s: the VM runs all the same, and comes back', async (_, b, withoutQueue) => {
    const lab = createLab({ b });
    lab.learned.set(WEB.join('-'), lab.a);
    const { status, report } = migrateVm(lab.a, lab.b, 'web');
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    if (withoutQueue === null) expect(report.queue.destination).toBeGreaterThan(0);
    else
      expect(report.queue).toMatchObject({
        source: 1,
        destination: 0,
        reason: expect.stringMatching(withoutQueue),
      });
    lab.settle();
    lab.send(...toWeb(0, 100, 1400));
    lab.settle();
    expect(lab.received('web')).toEqual(range(0, 100));
    expect(migrateVm(lab.b, lab.a, 'web').report.queue).toMatchObject({ destination: 1, reason: '' });
    lab.settle();
    lab.send(...toWeb(100, 100, 700));
    lab.settle();
    accounted(lab, 100, 0);
    await lab.stop();
  });

  it('gives the VM a queue later, when another one leaves', async () => {
    const lab = createLab({ b: { nic: { profile: 'netvmini' }, vms: NO_QUEUES } });
    migrateVm(lab.a, lab.b, 'web');
    lab.b.removeVm('full3');
    expect(lab.b.inspect().ports.find(({ VmName }) => VmName === 'web')?.QueueID).toBeGreaterThan(0);
    lab.settle();
    lab.send(...toWeb(0, 20));
    lab.settle();
    accounted(lab, 20, 0);
    await lab.stop();
  });
});

describe('MIG-08 other VMs', () => {
  /** Traffic of db (on a) and app (on b) around a migration of web, or without one. */
  async function run(migrates: boolean) {
    const lab = createLab();
    lab.learned.set(WEB.join('-'), lab.a);
    let number = 0;
    const others = (): void => {
      const app = [0x00, 0x15, 0x5d, 0, 0, 7];
      lab.learned.set(DB.join('-'), lab.a);
      lab.learned.set(app.join('-'), lab.b);
      for (let n = 0; n < 40; n++, number++) {
        lab.send(
          numbered(DB, number, { vlan: 100, length: 60 + ((number * 31) % 1400) }),
          numbered(app, number, { vlan: 100, length: 60 + ((number * 17) % 1400) }),
        );
      }
      lab.settle();
    };
    const queue = () =>
      [lab.a, lab.b].map((host) => {
        const { queues } = shapeOf(host) as { queues: readonly { VmFriendlyName: string }[] };
        return queues.filter(({ VmFriendlyName }) => ['db', 'app'].includes(VmFriendlyName));
      });
    const before = queue();
    const shapes: unknown[] = [];
    for (let step = 0; step < 16; step++) {
      if (!migrates) {
        others();
        shapes.push(queue());
      }
    }
    if (migrates) {
      const { status } = migrateVm(lab.a, lab.b, 'web', {
        enoughPages: -1,
        maxRounds: 3,
        onProgress: () => {
          others();
          shapes.push(queue());
          return undefined;
        },
      });
      expect(status).toBe(NDIS_STATUS_SUCCESS);
    }
    lab.settle();
    for (const shape of shapes) expect(shape).toEqual(before);
    lab.conserved();
    const hex = (name: string) => lab.frames(name).map((bytes) => Buffer.from(bytes).toString('hex'));
    const drops = [lab.a, lab.b].map((host) =>
      host.inspect().ports.map(({ framesDropped }) => framesDropped),
    );
    const result = {
      db: hex('db'),
      app: hex('app'),
      steps: shapes.length,
      drops: drops.flat().every((n) => n === 0),
    };
    await lab.stop();
    return result;
  }

  it('keep queues, filters and every byte of their traffic', async () => {
    const [still, moved] = [await run(false), await run(true)];
    expect(moved.steps).toBe(16);
    expect(moved.db.length).toBe(640);
    expect(moved).toEqual(still);
  });
});
