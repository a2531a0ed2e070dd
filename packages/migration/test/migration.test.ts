import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { describe, expect, it } from 'vitest';
import { arpRequest, echoRequest } from '../../host/test/frames.test-support.ts';
import { type MigrationProgress, migrateVm } from '../src/index.ts';
import { createLab, numbered, STATION, shapeOf, unrestOf, WEB } from './migration.test-support.ts';

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const toWeb = (from: number, count: number, length = 100): Uint8Array[] =>
  range(from, count).map((number) => numbered(WEB, number, { length }));

describe('a VM that moves', () => {
  it('MIG-06 follows the order: ports, save, source NIC and port, destination NIC, connect, restore', async () => {
    const lab = createLab();
    const log: string[] = [];
    for (const host of [lab.a, lab.b]) {
      const operations = host.virtualSwitch as unknown as Record<string, (...args: unknown[]) => unknown>;
      const names =
        'createPort teardownPort deletePort createNic connectNic disconnectNic deleteNic attachChannel';
      for (const name of names.split(' ')) {
        const real = operations[name] as (...args: unknown[]) => unknown;
        operations[name] = (...args) => {
          log.push(`${host.config.name} ${name}${name === 'createPort' ? ` '${args[0]}'` : ''}`);
          return real.apply(host.virtualSwitch, args);
        };
      }
    }
    const result = migrateVm(lab.a, lab.b, 'web', {
      onProgress: ({ step }) => {
        if (['stop', 'save', 'restore', 'resume'].includes(step)) log.push(step);
        return undefined;
      },
    });
    expect(result).toMatchObject({ status: NDIS_STATUS_SUCCESS });
    expect(log).toEqual([
      "b createPort 'web validation port'",
      'b teardownPort',
      'b deletePort',
      "b createPort 'web port'",
      'stop',
      'save',
      'a disconnectNic',
      'a deleteNic',
      'a teardownPort',
      'a deletePort',
      'b createNic',
      'b connectNic',
      'b attachChannel',
      'restore',
      'resume',
    ]);
    expect(result.report.steps.filter((step) => step !== 'copy')).toEqual([
      'validation-port',
      'operational-port',
      'stop',
      'save',
      'source-nic-disconnect',
      'source-nic-delete',
      'source-port-teardown',
      'source-port-delete',
      'destination-nic-create',
      'destination-nic-connect',
      'restore',
      'resume',
      'announce',
    ]);
    await lab.stop();
  });

  it('goes on at the destination with its queue, its memory and its counts, and nothing is left at the source', async () => {
    const lab = createLab();
    lab.send(...toWeb(0, 40));
    lab.settle();
    const result = migrateVm(lab.a, lab.b, 'web');
    lab.settle();
    expect(shapeOf(lab.a)).toMatchObject({ vms: ['db'], ports: [{ VmName: 'db', QueueID: 2 }] });
    expect(lab.a.inspect().queues.map(({ QueueID }) => QueueID)).toEqual([0, 2]);
    expect(shapeOf(lab.b)).toMatchObject({
      vms: ['app', 'web'],
      ports: [
        { VmName: 'app', QueueID: 1 },
        { VmName: 'web', QueueID: 2, MacAddress: '00-15-5D-00-00-01' },
      ],
    });
    expect(result.report).toMatchObject({
      vm: 'web',
      source: 'a',
      destination: 'b',
      framesDelivered: 40,
      queue: { source: 1, destination: 2, reason: '' },
      blackoutFrames: 0,
      sourcePortLeft: false,
    });
    const { rounds, pages, bytes, stateBytes } = result.report;
    expect(rounds.length).toBeGreaterThan(0);
    expect(pages).toBeGreaterThanOrEqual(rounds.reduce((sum, round) => sum + round.pages, 0));
    expect(bytes).toBeGreaterThan(pages * 4096);
    expect(stateBytes).toBeGreaterThan(0);
    lab.send(...toWeb(40, 60, 1400));
    lab.settle();
    expect(lab.received('web')).toEqual(range(0, 100));
    expect(lab.b.guestStatistics('web')['framesReceived']).toBe(100);
    expect(lab.b.inspect().queues[2]?.frames).toBe(60);
    expect([lab.a, lab.b].map(unrestOf)).toEqual([null, null]);
    lab.conserved();
    await lab.stop();
  });

  it('is announced with its MAC and addresses, so that the network sends to the new place', async () => {
    const vms = [
      { name: 'web', mac: '00-15-5D-00-00-01', vlan: 30, addresses: ['10.0.0.1', 'fe80::1'], answer: true },
    ];
    const lab = createLab({ a: { vms } });
    migrateVm(lab.a, lab.b, 'web');
    lab.settle();
    const types = lab.station.map((bytes) => Buffer.from(bytes.subarray(12, 20)).toString('hex'));
    expect(types).toEqual(['8100001e80350001', '8100001e08060001', '8100001e86dd6000']);
    expect(lab.station.map((bytes) => [...bytes.subarray(6, 12)])).toEqual([WEB, WEB, WEB]);
    expect(lab.learned.get(WEB.join('-'))).toBe(lab.b);
    lab.send(numbered(WEB, 1, { vlan: 30 }));
    lab.settle();
    expect(lab.received('web')).toEqual([1]);
    expect(lab.a.inspect().ledger.receivedFromWire).toBe(3);
    lab.conserved();
    await lab.stop();
  });

  it('tells after each step how far it is: rounds, pages, dirty pages, bytes; and in the end frames by their ends', async () => {
    const lab = createLab();
    lab.learned.set(WEB.join('-'), lab.a);
    const told: MigrationProgress[] = [];
    let sent = 0;
    const { report } = migrateVm(lab.a, lab.b, 'web', {
      maxRounds: 4,
      enoughPages: -1,
      onProgress: (progress) => {
        told.push(progress);
        lab.send(...toWeb(sent, 20, 700));
        lab.settle();
        sent += 20;
        return undefined;
      },
    });
    const copies = told.filter(({ step }) => step === 'copy');
    expect(copies.map(({ rounds }) => rounds)).toEqual([1, 2, 3, 4]);
    expect(copies.map(({ dirtyPages }) => dirtyPages)).toEqual(report.rounds.map(({ pages }) => pages));
    expect(copies.slice(1).every(({ dirtyPages }) => dirtyPages > 0 && dirtyPages < 64)).toBe(true);
    for (const field of ['pages', 'bytes', 'rounds'] as const) {
      const values = told.map((progress) => progress[field]);
      expect(values).toEqual([...values].sort((x, y) => x - y));
    }
    expect(new Set(told.map(({ memoryPages }) => memoryPages))).toEqual(new Set([report.memoryPages]));
    expect(report.memoryPages * 4096).toBe(lab.a.machine.memory.segments.at(-2)?.byteLength);
    const times = report.rounds.map(({ atNanoseconds }) => atNanoseconds);
    expect(times).toEqual([...new Set(times)].sort((x, y) => x - y));
    const { source, destination } = report.frames;
    const dropped = Object.values(source.dropped).reduce((sum, count) => sum + count, 0);
    expect(source.receivedFromWire).toBe(source.delivered + dropped);
    expect(source.inFlight).toEqual({ before: 0, after: 0 });
    expect(source.delivered).toBe(report.framesDelivered);
    expect(dropped).toBe(report.blackoutFrames);
    expect(destination).toMatchObject({ receivedFromWire: 0, delivered: 0, dropped: {} });
    await lab.stop();
  });

  it('takes its programs along: a sender loses and repeats nothing', async () => {
    const lab = createLab({
      a: { vms: [{ name: 'web', mac: '00-15-5D-00-00-01', answer: true }] },
    });
    lab.a.executor.post('vm:web', {
      op: 'send',
      sender: { destination: '02-00-00-00-00-09', count: 3000, burst: 8, length: 200 },
    });
    lab.a.publish();
    lab.learned.set(STATION.join('-'), 'station');
    const result = migrateVm(lab.a, lab.b, 'web', { turnsPerRound: 40, enoughPages: 0, maxRounds: 5 });
    expect(result.status).toBe(NDIS_STATUS_SUCCESS);
    expect(result.report.rounds.length).toBe(5);
    lab.settle();
    const byHost = [lab.a, lab.b].map((host) =>
      (lab.transmitted.get(host) ?? [])
        .filter((bytes) => bytes[12] === 0x88 && bytes[13] === 0xb5)
        .map((bytes) => Buffer.from(bytes).readUInt32BE(18)),
    );
    const [before = [], after = []] = byHost;
    expect([before.length > 0, after.length > 0]).toEqual([true, true]);
    expect([...before, ...after]).toEqual(range(1, 3000));
    expect(lab.b.guestStatistics('web')['framesSent']).toBe(3000);
    expect([lab.a, lab.b].map(unrestOf)).toEqual([null, null]);
    lab.conserved();
    await lab.stop();
  });

  it('takes along what its responder has learned by itself', async () => {
    const lab = createLab({ a: { vms: [{ name: 'web', mac: '00-15-5D-00-00-01', answer: true }] } });
    lab.send(echoRequest('02-00-00-00-00-09', '00-15-5D-00-00-01', '10.0.0.9', '10.0.0.1', 32));
    lab.settle();
    migrateVm(lab.a, lab.b, 'web');
    lab.settle();
    lab.station.length = 0;
    lab.send(arpRequest('02-00-00-00-00-09', '10.0.0.9', '10.0.0.1'));
    lab.send(arpRequest('02-00-00-00-00-09', '10.0.0.9', '10.0.0.2'));
    lab.settle();
    expect(lab.station.map((bytes) => Buffer.from(bytes.subarray(12, 32)).toString('hex'))).toEqual([
      '0806000108000604000200155d0000010a000001',
    ]);
    expect(lab.b.guestStatistics('web')).toMatchObject({ framesReceived: 3, replies: 2 });
    await lab.stop();
  });

  it('goes there and back many times: no frame is lost, no memory, no queue', async () => {
    const lab = createLab();
    lab.learned.set(WEB.join('-'), lab.a);
    let sent = 0;
    let segments = 0;
    for (let trip = 0; trip < 12; trip++) {
      const [from, to] = trip % 2 === 0 ? [lab.a, lab.b] : [lab.b, lab.a];
      const send = (count: number): void => {
        lab.send(...toWeb(sent, count, 60 + ((sent * 37) % 1400)));
        sent += count;
        lab.settle();
      };
      const result = migrateVm(from, to, 'web', {
        onProgress: ({ step }) => {
          if (step === 'announce') lab.settle(); // the network hears of it
          if (['validation-port', 'operational-port', 'copy', 'stop', 'announce'].includes(step)) send(9);
          return undefined;
        },
      });
      expect(result).toMatchObject({ status: NDIS_STATUS_SUCCESS, report: { blackoutFrames: 0 } });
      send(9);
      if (trip === 1) segments = lab.a.machine.memory.segments.length + lab.b.machine.memory.segments.length;
    }
    expect(lab.a.machine.memory.segments.length + lab.b.machine.memory.segments.length).toBe(segments);
    const numbers = lab.received('web').sort((x, y) => x - y);
    expect(numbers).toEqual(range(0, sent));
    expect(lab.a.guestStatistics('web')['framesReceived']).toBe(sent);
    expect([lab.a, lab.b].map((host) => host.inspect().queues.length)).toEqual([3, 2]);
    expect([lab.a, lab.b].map(unrestOf)).toEqual([null, null]);
    lab.conserved();
    await lab.stop();
  });
});
