/** Migrations that fail, at every step and in every way: the VM goes on where it was. */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import type { PortRequest } from '@vmq/host';
import { describe, expect, it } from 'vitest';
import { MIGRATION_STEPS, type MigrationOptions, migrateVm, sendVm } from '../src/index.ts';
import { createLab, type Lab, numbered, STATION, shapeOf, unrestOf, WEB } from './migration.test-support.ts';

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const toWeb = (from: number, count: number, length = 100): Uint8Array[] =>
  range(from, count).map((number) => numbered(WEB, number, { length }));

/** Both hosts as others see them, but for what an attempt may leave: places made, port numbers used. */
function shapes(lab: Lab): object[] {
  return [lab.a, lab.b].map(shapeOf);
}

/** The VM works at host a: both directions, on its queue. */
function works(lab: Lab, first: number): void {
  lab.received('web');
  lab.send(...toWeb(first, 40, 800));
  lab.settle();
  expect(lab.received('web')).toEqual(range(first, 40));
  const sender = { destination: '02-00-00-00-00-09', count: 20 };
  lab.transmitted.set(lab.a, []);
  lab.a.executor.post('vm:web', { op: 'send', sender });
  lab.a.publish();
  lab.settle();
  expect((lab.transmitted.get(lab.a) ?? []).filter((bytes) => bytes[12] === 0x88).length).toBe(20);
  lab.conserved();
  expect([lab.a, lab.b].map(unrestOf)).toEqual([null, null]);
}

function labWithTraffic(options: Parameters<typeof createLab>[0] = {}): Lab {
  const lab = createLab(options);
  lab.learned.set(WEB.join('-'), lab.a);
  lab.learned.set(STATION.join('-'), 'station');
  lab.send(...toWeb(0, 30, 500));
  lab.settle();
  return lab;
}

describe('MIG-07 a validation port that is refused', () => {
  it('stops the migration: vetoed at the destination, the source keeps running and the destination is as before', async () => {
    const asked: PortRequest[] = [];
    const lab = labWithTraffic({
      optionsB: {
        admitPort(request) {
          asked.push(request);
          return request.isValidationPort
            ? { status: NDIS_STATUS_RESOURCES, reason: 'vetoed by policy' }
            : undefined;
        },
      },
    });
    asked.length = 0;
    const before = shapes(lab);
    const bytes = lab.b.machine.memory.segments.length;
    const result = migrateVm(lab.a, lab.b, 'web');
    expect(result).toMatchObject({
      status: NDIS_STATUS_RESOURCES,
      reason: 'vetoed by policy',
      failedStep: 'validation-port',
      report: { steps: [], pages: 0 },
    });
    expect(asked).toMatchObject([{ vmName: 'web', isValidationPort: true, properties: { vmqWeight: 100 } }]);
    expect(shapes(lab)).toEqual(before);
    expect(lab.b.machine.memory.segments.length).toBe(bytes);
    works(lab, 100);
    await lab.stop();
  });

  it.each([
    ['a host that is full', { maxVms: 1 }, NDIS_STATUS_RESOURCES, /maxVms/],
    [
      'a VM of its name',
      { vms: [{ name: 'web', mac: '00-15-5D-00-00-07' }] },
      NDIS_STATUS_RESOURCE_CONFLICT,
      /'web'/,
    ],
    [
      'a VM of its address',
      { vms: [{ name: 'app', mac: '00-15-5D-00-00-01' }] },
      NDIS_STATUS_RESOURCE_CONFLICT,
      /'app'/,
    ],
    [
      'an adapter with shorter frames',
      { nic: { jumboPacket: 1000 } },
      NDIS_STATUS_INVALID_PARAMETER,
      /1514.*1000/,
    ],
  ] as const)('by %s', async (_, b, status, reason) => {
    const lab = labWithTraffic({ b });
    const before = shapes(lab);
    const result = migrateVm(lab.a, lab.b, 'web');
    expect(result).toMatchObject({ status, failedStep: 'validation-port' });
    expect(result.reason).toMatch(reason);
    expect(shapes(lab)).toEqual(before);
    works(lab, 100);
    await lab.stop();
  });
});

describe.each(['6.20', '6.30'] as const)('NDIS %s: a migration that ends half-way', (ndisVersion) => {
  const cancellable = MIGRATION_STEPS.slice(0, MIGRATION_STEPS.indexOf('restore'));

  it.each(cancellable)(
    'after %s leaves the VM at the source as it was, and can be tried again',
    async (last) => {
      const lab = labWithTraffic({ a: { ndisVersion }, b: { ndisVersion } });
      const before = shapes(lab);
      let sent = 30;
      const result = migrateVm(lab.a, lab.b, 'web', {
        onProgress: ({ step }) => {
          lab.send(...toWeb(sent, 3, 900));
          lab.settle();
          sent += 3;
          return step === last ? 'cancel' : undefined;
        },
      });
      expect(result).toMatchObject({
        status: NDIS_STATUS_REQUEST_ABORTED,
        reason: `cancelled after ${last}`,
        failedStep: last,
      });
      lab.settle();
      expect(shapes(lab)).toEqual(before);
      const got = lab.received('web');
      expect(new Set(got).size).toBe(got.length);
      const { dropped } = lab.a.inspect().ledger.ends;
      expect(got.length + Object.values(dropped).reduce((sum, n) => sum + n, 0)).toBe(sent);
      works(lab, 1000);
      expect(migrateVm(lab.a, lab.b, 'web')).toMatchObject({ status: NDIS_STATUS_SUCCESS });
      lab.settle();
      lab.send(...toWeb(2000, 20));
      lab.settle();
      expect(lab.received('web')).toEqual(range(2000, 20));
      lab.conserved();
      await lab.stop();
    },
  );

  it('because the address is taken meanwhile: source port and NIC are made anew, and the VM goes on', async () => {
    const lab = labWithTraffic({ a: { ndisVersion }, b: { ndisVersion } });
    const result = migrateVm(lab.a, lab.b, 'web', {
      onProgress: ({ step }) => {
        if (step !== 'source-port-delete') return undefined;
        expect(shapeOf(lab.a)).toMatchObject({ ports: [{ VmName: 'db' }] });
        const port = lab.b.virtualSwitch.createPort('rival').port;
        lab.b.virtualSwitch.createNic(port, {
          name: 'rival',
          vmName: 'x',
          mac: { hi: 0x0015, lo: 0x5d000001 },
        });
        expect(lab.b.virtualSwitch.connectNic(port).status).toBe(NDIS_STATUS_SUCCESS);
        return undefined;
      },
    });
    expect(result).toMatchObject({
      status: NDIS_STATUS_RESOURCE_CONFLICT,
      failedStep: 'destination-nic-connect',
    });
    expect(lab.b.vmNames).toEqual(['app']);
    expect(lab.a.inspect().ports.map(({ VmName, QueueID }) => [VmName, QueueID > 0])).toContainEqual([
      'web',
      true,
    ]);
    expect(lab.received('web')).toEqual(range(0, 30));
    works(lab, 100);
    await lab.stop();
  });
});

describe('a VM whose channel has been restored', () => {
  // tools/soak/dist/migrations.js --size 1514 --seed 1 --world 26: frames counted as delivered there went away with the memory.
  it.each(['cancel', 'throw'] as const)(
    'has arrived, frames in its new memory are its own: a %s comes too late',
    async (how) => {
      const lab = labWithTraffic();
      const move = (): unknown =>
        migrateVm(lab.a, lab.b, 'web', {
          onProgress: ({ step }) => {
            if (step !== 'restore') return undefined;
            lab.learned.set(WEB.join('-'), lab.b);
            lab.send(...toWeb(30, 10));
            lab.settle();
            if (how === 'throw') throw new Error('out of the callback');
            return 'cancel';
          },
        });
      if (how === 'throw') expect(move).toThrow('out of the callback');
      else expect(move()).toMatchObject({ status: NDIS_STATUS_SUCCESS });
      lab.settle();
      expect([lab.a.vmNames, lab.b.vmNames]).toEqual([['db'], ['app', 'web']]);
      expect(lab.received('web')).toEqual(range(0, 40));
      expect(lab.station.some((bytes) => bytes[12] === 0x80 && bytes[13] === 0x35)).toBe(true);
      lab.conserved();
      await lab.stop();
    },
  );
});

describe('what a callback throws', () => {
  const undoable = MIGRATION_STEPS.slice(0, MIGRATION_STEPS.indexOf('restore'));
  it.each(undoable)(
    'after %s comes out of migrateVm, and the VM goes on at the source as it was',
    async (at) => {
      const lab = labWithTraffic();
      const before = shapes(lab);
      const onProgress: MigrationOptions['onProgress'] = ({ step }) => {
        if (step === at) throw new Error(`after ${step}`);
        return undefined;
      };
      expect(() => migrateVm(lab.a, lab.b, 'web', { onProgress })).toThrow(`after ${at}`);
      expect(shapes(lab)).toEqual(before);
      lab.received('web');
      works(lab, 100);
      expect(migrateVm(lab.a, lab.b, 'web').status).toBe(NDIS_STATUS_SUCCESS);
      await lab.stop();
    },
  );

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('on the way of message %i too', async (message) => {
    const lab = labWithTraffic();
    const before = shapes(lab);
    let count = 0;
    const link = (bytes: Uint8Array): Uint8Array => {
      if (count++ === message) throw new Error('the cable is out');
      return bytes;
    };
    expect(() => migrateVm(lab.a, lab.b, 'web', { link, maxRounds: 1 })).toThrow('the cable is out');
    expect(shapes(lab)).toEqual(before);
    lab.received('web');
    works(lab, 100);
    await lab.stop();
  });
});

it('a link that fails while an answer is awaited: the VM goes on, and the reason names the failure', async () => {
  const lab = labWithTraffic();
  const before = shapes(lab);
  const link = { send: () => {}, receive: () => Promise.reject(new Error('read ECONNRESET')) };
  expect(await sendVm(lab.a, 'web', link)).toMatchObject({
    status: NDIS_STATUS_FAILURE,
    failedStep: 'validation-port',
    reason: 'the destination does not answer; the link failed: read ECONNRESET',
  });
  expect(shapes(lab)).toEqual(before);
  works(lab, 100);
  await lab.stop();
});

describe.each(['6.20', '6.30'] as const)('NDIS %s: a switch that refuses', (ndisVersion) => {
  it.each([
    ['b', 'createPort', 1, 'validation-port'],
    ['b', 'createPort', 2, 'operational-port'],
    ['a', 'disconnectNic', 1, 'source-nic-disconnect'],
    ['a', 'deleteNic', 1, 'source-nic-delete'],
    ['a', 'teardownPort', 1, 'source-port-teardown'],
    ['b', 'createNic', 1, 'destination-nic-create'],
    ['b', 'connectNic', 1, 'destination-nic-connect'],
    ['b', 'attachChannel', 1, 'restore'],
  ] as const)(
    '%s %s, time %i: the migration fails at %s, the VM goes on',
    async (where, name, time, failedStep) => {
      const lab = labWithTraffic({ a: { ndisVersion }, b: { ndisVersion } });
      const before = shapes(lab);
      const { virtualSwitch } = lab[where];
      const operations = virtualSwitch as unknown as Record<string, (...args: unknown[]) => unknown>;
      const real = operations[name] as (...args: unknown[]) => unknown;
      let calls = 0;
      operations[name] = (...args) =>
        ++calls === time
          ? { status: NDIS_STATUS_RESOURCES, reason: 'not today', port: 0 }
          : real.apply(virtualSwitch, args);
      expect(migrateVm(lab.a, lab.b, 'web')).toMatchObject({
        status: NDIS_STATUS_RESOURCES,
        reason: 'not today',
        failedStep,
      });
      operations[name] = real;
      lab.settle();
      expect(shapes(lab)).toEqual(before);
      expect(lab.received('web')).toEqual(range(0, 30));
      works(lab, 100);
      expect(migrateVm(lab.a, lab.b, 'web').status).toBe(NDIS_STATUS_SUCCESS);
      await lab.stop();
    },
  );

  it('at the source to give the queue back at the stop, which only 6.20 needs', async () => {
    const lab = labWithTraffic({ a: { ndisVersion } });
    const before = shapes(lab);
    const { virtualSwitch } = lab.a;
    const real = virtualSwitch.setPort;
    let calls = 0;
    const refusing = (...args: Parameters<typeof real>): ReturnType<typeof real> =>
      ++calls === 1
        ? { status: NDIS_STATUS_RESOURCES, reason: 'not today' }
        : real.apply(virtualSwitch, args);
    (virtualSwitch as { setPort: typeof real }).setPort = refusing;
    const { failedStep } = migrateVm(lab.a, lab.b, 'web');
    expect(failedStep).toBe(ndisVersion === '6.20' ? 'stop' : undefined);
    if (failedStep !== undefined) {
      expect(shapes(lab)).toEqual(before);
      lab.received('web');
      works(lab, 100);
    }
    await lab.stop();
  });

  it('because the guest closes its channel before the stop', async () => {
    const lab = labWithTraffic({ a: { ndisVersion } });
    const result = migrateVm(lab.a, lab.b, 'web', {
      onProgress: ({ step }) => {
        if (step !== 'copy') return undefined;
        lab.a.executor.post('vm:web', { op: 'close' });
        lab.a.publish();
        lab.a.runUntilIdle();
        return undefined;
      },
    });
    expect(result).toMatchObject({ status: NDIS_STATUS_FAILURE, failedStep: 'stop' });
    expect(result.reason).toMatch(/its channel is/);
    expect([lab.a.vmNames, lab.b.vmNames]).toEqual([['web', 'db'], ['app']]);
    lab.settle();
    lab.conserved();
    await lab.stop();
  });
});

describe('a transfer that is damaged', () => {
  /** What becomes of message `which` on its way. */
  const damage = (which: number, how: (bytes: Uint8Array) => Uint8Array): MigrationOptions => {
    let count = 0;
    return { link: (bytes) => (count++ === which ? how(bytes) : bytes), maxRounds: 2, enoughPages: -1 };
  };
  const flip = (bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice();
    const at = Math.max(20, copy.length >> 1); // behind the header
    copy[at] = copy[at] ^ 1;
    return copy;
  };
  const nothing = (): Uint8Array => new Uint8Array(0);

  it.each([
    ['a bit of the hello', damage(0, flip), 'validation-port', /checksum/],
    ['a bit of the command to prepare', damage(1, flip), 'operational-port', /checksum/],
    ['a bit of the first pages', damage(2, flip), 'copy', /checksum/],
    ['a bit of the state', damage(5, flip), 'save', /checksum/],
    ['the end of the hello', damage(0, (bytes) => bytes.subarray(0, -1)), 'validation-port', /truncated/],
    ['the end of the state', damage(5, (bytes) => bytes.subarray(0, -9)), 'save', /truncated/],
    ['the hello', damage(0, nothing), 'validation-port', /ended after 0 messages/],
    ['a round of pages', damage(2, nothing), 'copy', /ended after 2 messages/],
    ['the state', damage(5, nothing), 'save', /ended after 5 messages/],
    ['everything but rubbish', damage(2, () => new Uint8Array(64).fill(7)), 'copy', /magic/],
  ] as const)(
    'by the loss of %s is refused by name, and the VM goes on',
    async (_, options, failedStep, reason) => {
      const lab = labWithTraffic();
      const before = shapes(lab);
      const result = migrateVm(lab.a, lab.b, 'web', options);
      expect(result).toMatchObject({ failedStep });
      expect(result.reason).toMatch(reason);
      expect(shapes(lab)).toEqual(before);
      works(lab, 100);
      await lab.stop();
    },
  );
});

describe('a migration', () => {
  it('is refused for a VM that is not connected, that moves already, to the host it is on; throws for none', async () => {
    const lab = labWithTraffic();
    expect(migrateVm(lab.a, lab.a, 'web')).toMatchObject({
      status: NDIS_STATUS_FAILURE,
      reason: 'source and destination are one host',
    });
    expect(() => migrateVm(lab.a, lab.b, 'nobody')).toThrow(/no VM 'nobody' on a; there are web, db/);
    const inside: unknown[] = [];
    const outer = migrateVm(lab.a, lab.b, 'web', {
      onProgress: ({ step }) => {
        if (step === 'copy') inside.push(migrateVm(lab.a, lab.b, 'web').reason, lab.a.removeVm('web').reason);
        return undefined;
      },
    });
    expect(outer.status).toBe(NDIS_STATUS_SUCCESS);
    expect(inside.slice(0, 2)).toEqual(["VM 'web' is moving already", "VM 'web' is moving to another host"]);
    lab.b.virtualSwitch.disconnectNic(lab.b.inspect().ports[1]?.PortId ?? 0);
    expect(migrateVm(lab.b, lab.a, 'web').reason).toBe("the port of VM 'web' is disconnected");
    await lab.stop();
  });

  it('SW-21 leaves a port behind that somebody refers to, and says so', async () => {
    const lab = labWithTraffic();
    const port = lab.a.inspect().ports[0]?.PortId ?? 0;
    lab.a.virtualSwitch.referencePort(port);
    const { status, report } = migrateVm(lab.a, lab.b, 'web');
    expect([status, report.sourcePortLeft]).toEqual([NDIS_STATUS_SUCCESS, true]);
    expect(lab.a.vmNames).toEqual(['db']);
    expect(lab.a.virtualSwitch.inspect().ports[0]?.state).toBe('torn-down');
    lab.a.virtualSwitch.dereferencePort(port);
    expect(lab.a.removeVm('web').status).toBe(NDIS_STATUS_SUCCESS);
    lab.settle();
    lab.send(...toWeb(100, 5));
    lab.settle();
    expect(lab.received('web').slice(-5)).toEqual(range(100, 5));
    await lab.stop();
  });
});

describe('MIG-01 the link fails when the VM stands at its stop point, before it is stopped', () => {
  const failing: Record<string, (bytes: Uint8Array) => Uint8Array> = {
    'cut off': (bytes) => bytes.subarray(0, 10),
    thrown: () => {
      throw new Error('the cable is out');
    },
  };
  it.each(Object.keys(failing))('%s: it goes on where it was, and nothing is lost', async (how) => {
    const lab = labWithTraffic();
    lab.received('web');
    lab.send(...toWeb(30, 40));
    let isCopied = false;
    const options: MigrationOptions = {
      maxRounds: 1,
      stopPoint: { frames: 7 },
      onProgress: ({ step }) => {
        isCopied ||= step === 'copy';
        return undefined;
      },
      link: (bytes) => {
        if (!isCopied) return bytes;
        isCopied = false;
        return failing[how]?.(bytes) ?? bytes;
      },
    };
    if (how === 'thrown') expect(() => migrateVm(lab.a, lab.b, 'web', options)).toThrow('the cable is out');
    else expect(migrateVm(lab.a, lab.b, 'web', options)).toMatchObject({ failedStep: 'stop' });
    lab.settle();
    expect(lab.received('web')).toEqual(range(30, 40));
    works(lab, 100);
    await lab.stop();
  });
});
