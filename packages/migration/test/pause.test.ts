/** MIG-01: a VM may stop at any instant, and moves from there: inside an indication, a DPC, an OID request, a batch. */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_SET_FILTER,
} from '@vmq/abi';
import type { FilterDriver, NetBufferList } from '@vmq/ddi';
import type { Host } from '@vmq/host';
import { DISPATCH_LEVEL } from '@vmq/machine';
import { describe, expect, it } from 'vitest';
import { migrateVm } from '../src/index.ts';
import { createLab, DB, hostWith, Lab, numbered, STATION, unrestOf, WEB } from './migration.test-support.ts';

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const toWeb = (from: number, count: number, length = 100): Uint8Array[] =>
  range(from, count).map((number) => numbered(WEB, number, { length }));
const VMS = [
  { name: 'web', mac: '00-15-5D-00-00-01' },
  { name: 'db', mac: '00-15-5D-00-00-02', vlan: 100 },
];

/** A filter module that pauses `web` at a chosen instant: in the middle of a chain, or when an OID comes by. */
interface Tripwire {
  /** Frames of the VM's queue that still go up before it strikes, in the middle of their chain; -1 never. */
  frames: number;
  /** The request at which it strikes; -1 none. */
  oid: number;
  /** IRQL and place of each time. */
  readonly struck: string[];
}

function labWithTripwire(ndisVersion: '6.20' | '6.30'): { lab: Lab; wire: Tripwire } {
  const wire: Tripwire = { frames: -1, oid: -1, struck: [] };
  let a: Host | null = null;
  const strike = (where: string): void => {
    wire.struck.push(where);
    expect(a?.pauseVm('web').status).toBe(NDIS_STATUS_SUCCESS);
  };
  const driver: FilterDriver = {
    name: 'tripwire',
    majorNdisVersion: 6,
    minorNdisVersion: 20,
    attach: () => NDIS_STATUS_SUCCESS,
    detach() {},
    pause: () => NDIS_STATUS_SUCCESS,
    restart: () => NDIS_STATUS_SUCCESS,
    oidRequest(module, request) {
      if (request.oid === wire.oid) {
        wire.oid = -1;
        strike(`oid ${request.oid.toString(16)}`);
      }
      return module.forwardOidRequest(request);
    },
    dataPathFactory: 'tripwire',
    dataPathImage: () => null,
  };
  const filters = {
    tripwire: (
      _context: unknown,
      processor: { readonly irql: number },
      _image: unknown,
      up: never,
      down: never,
    ) => tripwireDataPath(wire, () => strike(`irql ${processor.irql}`), up, down),
  };
  const options = { filterDrivers: [driver], dataPaths: { filters } as never };
  a = hostWith({ name: 'a', processors: 2, ndisVersion, vms: VMS }, options);
  const b = hostWith({ name: 'b', processors: 2, seed: 5, ndisVersion });
  const lab = new Lab(a, b);
  lab.learned.set(WEB.join('-'), a);
  lab.learned.set(STATION.join('-'), 'station');
  return { lab, wire };
}

interface Path {
  receiveNetBufferLists(chain: NetBufferList, port: number, count: number, flags: number): void;
  returnNetBufferLists(chain: NetBufferList, flags: number): void;
  sendNetBufferLists(chain: NetBufferList, port: number, flags: number): void;
  sendNetBufferListsComplete(chain: NetBufferList, flags: number): void;
}

function tripwireDataPath(wire: Tripwire, strike: () => void, up: Path, down: Path): object {
  return {
    receiveNetBufferLists(chain: NetBufferList, port: number, count: number, flags: number) {
      if (wire.frames < 0 || wire.frames >= count) {
        if (wire.frames >= count) wire.frames -= count;
        up.receiveNetBufferLists(chain, port, count, flags);
        return;
      }
      // Part of the chain has gone up when the VM stops, the rest has not.
      const first = wire.frames;
      wire.frames = -1;
      let last = chain;
      for (let n = 1; n < first; n++) last = last.next as NetBufferList;
      const rest = first === 0 ? chain : last.next;
      if (first > 0) {
        last.next = null;
        up.receiveNetBufferLists(chain, port, first, flags);
      }
      strike();
      if (rest !== null) up.receiveNetBufferLists(rest, port, count - first, flags);
    },
    returnNetBufferLists: (chain: NetBufferList, flags: number) => down.returnNetBufferLists(chain, flags),
    sendNetBufferLists: (chain: NetBufferList, port: number, flags: number) =>
      down.sendNetBufferLists(chain, port, flags),
    sendNetBufferListsComplete: (chain: NetBufferList, flags: number) =>
      up.sendNetBufferListsComplete(chain, flags),
    refresh() {},
    receiveMessage() {},
  };
}

/** Every frame sent to web has come once and in order, or stands in a counter of a drop. */
function accounted(lab: Lab, sent: number): number[] {
  const got = lab.received('web');
  const dropped = [lab.a, lab.b].flatMap((host) => Object.entries(host.inspect().ledger.ends.dropped));
  // The announcement is untagged and finds nobody at the source.
  const lost = dropped.filter(([reason]) => reason !== 'vswitch.no-member-port');
  expect(got).toEqual([...new Set(got)].sort((x, y) => x - y));
  expect(got.length + lost.reduce((sum, [, count]) => sum + count, 0)).toBe(sent);
  lab.conserved();
  expect([lab.a, lab.b].map(unrestOf)).toEqual([null, null]);
  return got;
}

describe.each(['6.20', '6.30'] as const)(
  'NDIS %s: a VM that stops at any instant moves from there',
  (ndisVersion) => {
    it.each([0, 1, 2, 7, 31, 40])(
      'MIG-01 inside a DPC and an indication, %i frames into the burst',
      async (frames) => {
        const { lab, wire } = labWithTripwire(ndisVersion);
        wire.frames = frames;
        lab.send(...toWeb(0, 48, 700));
        expect(lab.a.executor.runUntil(() => wire.struck.length > 0)).toBe(true);
        expect(wire.struck).toEqual([`irql ${DISPATCH_LEVEL}`]);
        const before = lab.a.guestStatistics('web')['framesReceived'];
        expect(before).toBeLessThanOrEqual(frames);
        const { status, report } = migrateVm(lab.a, lab.b, 'web');
        expect([status, report.isSuspended]).toEqual([NDIS_STATUS_SUCCESS, true]);
        lab.settle();
        // It stands still at the destination too, with what it had not read in its memory.
        expect(lab.b.guestStatistics('web')['framesReceived']).toBe(before);
        expect(lab.b.resumeVm('web').status).toBe(NDIS_STATUS_SUCCESS);
        lab.settle();
        lab.send(...toWeb(48, 30, 300));
        lab.settle();
        expect(accounted(lab, 78).slice(-30)).toEqual(range(48, 30));
        await lab.stop();
      },
    );

    it.each([
      ['the allocation of a queue', OID_RECEIVE_FILTER_ALLOCATE_QUEUE, 'add'],
      ['the setting of a filter', OID_RECEIVE_FILTER_SET_FILTER, 'add'],
      ['an allocation complete', OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, 'add'],
      ['the clearing of a filter', OID_RECEIVE_FILTER_CLEAR_FILTER, 'remove'],
      ['the freeing of a queue', OID_RECEIVE_FILTER_FREE_QUEUE, 'remove'],
    ] as const)('MIG-01 inside %s of another VM', async (_, oid, what) => {
      const { lab, wire } = labWithTripwire(ndisVersion);
      wire.oid = oid;
      lab.send(...toWeb(0, 64, 900), ...range(0, 64).map((n) => numbered(DB, n, { vlan: 100 })));
      const { status } =
        what === 'add' ? lab.a.addVm({ name: 'next', mac: '00-15-5D-00-00-03' }) : lab.a.removeVm('db');
      expect([status, wire.struck]).toEqual([NDIS_STATUS_SUCCESS, [`oid ${oid.toString(16)}`]]);
      expect(migrateVm(lab.a, lab.b, 'web').status).toBe(NDIS_STATUS_SUCCESS);
      lab.b.resumeVm('web');
      lab.settle();
      lab.send(...toWeb(64, 30, 300));
      lab.settle();
      const got = lab.received('web');
      expect(got).toEqual([...new Set(got)].sort((x, y) => x - y));
      expect(got.slice(-30)).toEqual(range(64, 30));
      lab.conserved();
      expect([lab.a, lab.b].map(unrestOf)).toEqual([null, null]);
      await lab.stop();
    });

    it.each([0, 1, 3, 17, 33, 50])(
      'MIG-01 %i frames into what it takes, between two of one batch',
      async (frames) => {
        const { lab } = labWithTripwire(ndisVersion);
        lab.send(...toWeb(0, 50, 400));
        const { report } = migrateVm(lab.a, lab.b, 'web', { maxRounds: 0, stopPoint: { frames } });
        if (frames > 0) expect(lab.a.guestStatistics('web')['framesReceived']).toBe(frames);
        lab.settle();
        expect(report.isSuspended).toBe(false);
        const got = accounted(lab, 50);
        expect(got.slice(0, frames)).toEqual(range(0, frames));
        await lab.stop();
      },
    );

    it.each([1, 2, 31, 32, 33, 100])('MIG-01 %i frames into what it sends', async (frames) => {
      const { lab } = labWithTripwire(ndisVersion);
      const sender = { destination: '02-00-00-00-00-09', count: 300, burst: 32, length: 300 };
      lab.a.executor.post('vm:web', { op: 'send', sender });
      lab.a.publish();
      const already = lab.a.guestStatistics('web')['framesSent'];
      const { status } = migrateVm(lab.a, lab.b, 'web', { maxRounds: 0, stopPoint: { frames } });
      expect(status).toBe(NDIS_STATUS_SUCCESS);
      lab.settle();
      const out = [lab.a, lab.b].map((host) =>
        (lab.transmitted.get(host) ?? [])
          .filter((bytes) => bytes[12] === 0x88 && bytes[13] === 0xb5)
          .map((bytes) => Buffer.from(bytes).readUInt32BE(18)),
      );
      expect(out[0]).toEqual(range(1, already + frames));
      expect(out.flat()).toEqual(range(1, 300));
      lab.conserved();
      await lab.stop();
    });
  },
);

describe('a paused VM', () => {
  it('loses nothing that its memory has room for, and answers for unknown names', async () => {
    const lab = createLab();
    lab.learned.set(WEB.join('-'), lab.a);
    expect(lab.a.pauseVm('web').status).toBe(NDIS_STATUS_SUCCESS);
    expect([lab.a.pauseVm('nobody'), lab.a.resumeVm('nobody')].map(({ status }) => status)).toEqual([
      NDIS_STATUS_INVALID_PARAMETER,
      NDIS_STATUS_INVALID_PARAMETER,
    ]);
    lab.send(...toWeb(0, 200));
    lab.settle();
    expect(lab.received('web')).toEqual([]);
    lab.a.resumeVm('web');
    lab.settle();
    expect(lab.received('web')).toEqual(range(0, 200));
    lab.conserved();
    await lab.stop();
  });

  it('can be resumed while it moves, or paused; between the hosts neither', async () => {
    const lab = createLab();
    lab.learned.set(WEB.join('-'), lab.a);
    lab.a.pauseVm('web');
    const between: unknown[] = [];
    const move = (from: Host, to: Host, ask: () => void) =>
      migrateVm(from, to, 'web', {
        enoughPages: -1,
        maxRounds: 2,
        onProgress: ({ step, rounds }) => {
          if (step === 'copy' && rounds === 1) ask();
          if (step === 'source-nic-delete') between.push(from.pauseVm('web').status);
          return undefined;
        },
      }).report.isSuspended;
    expect(move(lab.a, lab.b, () => lab.a.resumeVm('web'))).toBe(false);
    lab.settle();
    lab.send(...toWeb(0, 10));
    lab.settle();
    expect(lab.received('web')).toEqual(range(0, 10));
    expect(move(lab.b, lab.a, () => lab.b.pauseVm('web'))).toBe(true);
    lab.settle();
    lab.send(...toWeb(10, 10));
    lab.settle();
    expect(lab.received('web')).toEqual([]);
    lab.a.resumeVm('web');
    lab.settle();
    expect(lab.received('web')).toEqual(range(10, 10));
    expect(between).toEqual([NDIS_STATUS_FAILURE, NDIS_STATUS_FAILURE]);
    await lab.stop();
  });

  it('is paused as before when its migration fails after the stop', async () => {
    const lab = createLab();
    lab.learned.set(WEB.join('-'), lab.a);
    lab.a.pauseVm('web');
    migrateVm(lab.a, lab.b, 'web', {
      onProgress: ({ step }) => (step === 'destination-nic-connect' ? 'cancel' : undefined),
    });
    lab.send(...toWeb(0, 10));
    lab.settle();
    expect(lab.received('web')).toEqual([]);
    lab.a.resumeVm('web');
    lab.settle();
    expect(lab.received('web')).toEqual(range(0, 10));
    await lab.stop();
  });
});
