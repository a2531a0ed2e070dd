/** Filter modules and a switch extension of one's own in a whole host, under both executors. */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { expect, test } from 'vitest';
import { checkHostConfig, createHost, type ExtraDataPaths, type HostConfigInput } from '../../src/index.ts';
import { countingFilter, everyTenthFilter, guardExtension } from '../example-drivers.test-support.ts';

const DATA_PATHS = new URL('../fixtures/data-paths.mjs', import.meta.url).href;
const { dataPaths } = (await import(DATA_PATHS)) as { readonly dataPaths: ExtraDataPaths };

const GUARDED = 0x88b5;
const WEB = [0x00, 0x15, 0x5d, 0, 0, 1];
const DB = [0x00, 0x15, 0x5d, 0, 0, 2];

function frame(destination: readonly number[], number: number, etherType: number, vlan = 0): Uint8Array {
  const tag = vlan === 0 ? [] : [0x81, 0, vlan >> 8, vlan & 255];
  const bytes = new Uint8Array(64 + tag.length);
  bytes.set([
    ...destination,
    2,
    0,
    0,
    0,
    0,
    9,
    ...tag,
    etherType >> 8,
    etherType & 255,
    number >> 8,
    number & 255,
  ]);
  return bytes;
}

async function run(executor: 'deterministic' | 'threads', processors: number) {
  const input: HostConfigInput = {
    executor,
    processors,
    vms: [
      { name: 'web', mac: '00-15-5D-00-00-01', answer: true, addresses: ['10.0.0.1'] },
      { name: 'db', mac: '00-15-5D-00-00-02', vlan: 100 },
    ],
  };
  const checked = checkHostConfig(input);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const counting = countingFilter(processors);
  const host = createHost(checked.config, {
    record: true,
    filterDrivers: [counting, everyTenthFilter],
    switchExtensions: [guardExtension('db', GUARDED)],
    dropReasons: ['dropped.filter.every-tenth'],
    dataPaths,
    workerEntry: new URL('../fixtures/worker.mjs', import.meta.url),
  });
  const got: Record<string, number[]> = { web: [], db: [] };
  const settle = (): void => {
    host.wire.flush();
    host.runUntilIdle();
    for (const [name, numbers] of Object.entries(got)) {
      host.takeReceived(name, ({ bytes, offset, length }) => {
        if (length === 64) numbers.push((bytes[offset + 14] << 8) | bytes[offset + 15]);
      });
    }
  };
  const send = (bytes: Uint8Array): void => {
    expect(host.wire.send(bytes, 0, bytes.length)).toBeGreaterThan(0);
  };
  for (let n = 1; n <= 400; n++) {
    // Each seventh frame is of the type that the extension drops.
    const etherType = n % 7 === 0 ? GUARDED : 0x0800;
    send(frame(WEB, n, etherType));
    send(frame(DB, n, etherType, 100));
    if (n % 50 === 0) settle();
  }
  // Somebody asks for web: its answer goes out through the modules too.
  const arp = new Uint8Array(60);
  arp.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
  arp.set([2, 0, 0, 0, 0, 9, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1], 22);
  send(arp);
  settle();
  let answers = 0;
  host.wire.receive(() => answers++);
  const { ledger, conservation, ports, queues } = host.inspect();
  const { extensions, extensionRecords } = host.virtualSwitch.inspect();
  const modules = host.adapter.inspect().filterModules;
  const paused = [host.adapter.pause(), host.adapter.halt()];
  const dropped = host.machine.ledger.report();
  await host.stop();
  return {
    ...{ got, answers, ledger, conservation, ports, queues, extensions, extensionRecords, modules, paused },
    counts: counting.counts(),
    atRest: dropped.inFlight,
  };
}

type Outcome = Awaited<ReturnType<typeof run>>;

function check(outcome: Outcome): void {
  // Both VMs' frames: each tenth of their queue is gone, and what the guard forbids. db's queue is queue 0, where the
  // request for web comes as the 401st.
  const expected = Array.from({ length: 400 }, (_, i) => i + 1).filter((n) => n % 10 !== 0 && n % 7 !== 0);
  expect(outcome.got).toEqual({ web: expected, db: expected });
  expect(outcome.answers).toBe(1);
  expect(outcome.counts).toEqual({ received: 801, sent: 1 });
  const guarded = Array.from({ length: 400 }, (_, i) => i + 1).filter(
    (n) => n % 10 !== 0 && n % 7 === 0,
  ).length;
  expect(outcome.ledger).toMatchObject({
    received: 802,
    ends: {
      delivered: 2 * expected.length + 1,
      transmitted: 1,
      dropped: { 'filter.every-tenth': 80, 'vswitch.extension': 2 * guarded },
    },
    inFlight: 0,
  });
  expect(outcome.conservation).toBe(true);
  expect(outcome.ports.map(({ VmName, QueueID }) => [VmName, QueueID])).toEqual([
    ['web', 1],
    ['db', 0],
  ]);
  expect(outcome.ports[1]?.noQueueReason).toBe(
    'ALLOCATE_QUEUE: NDIS_STATUS_DATA_NOT_ACCEPTED, vetoed by extension guard',
  );
  // Served from queue 0, with its filter there.
  expect(outcome.queues[0]?.FilterList).toMatchObject([{ MacAddress: '00-15-5D-00-00-02', VlanID: '100' }]);
  expect(outcome.extensionRecords).toMatchObject([{ extension: 'guard', event: 'vetoed', sourcePortId: 2 }]);
  expect(outcome.extensions[0]?.counters).toMatchObject({ ingressFrames: 722, dropped: 2 * guarded });
  expect(outcome.modules).toEqual([
    { number: 1, driver: 'counting', state: 'Running' },
    { number: 2, driver: 'every-tenth', state: 'Running' },
  ]);
  expect(outcome.paused).toEqual([NDIS_STATUS_SUCCESS, NDIS_STATUS_SUCCESS]);
  expect(outcome.atRest).toBe(0);
}

test.each([1, 2])(
  'SW-08 SW-25 SW-26 LIFE-06: own filter modules and an own extension on %i processors, in one thread',
  async (processors) => {
    check(await run('deterministic', processors));
  },
);

test('SW-08 SW-25 SW-26 LIFE-06: the same over worker threads, whose entry brings the data paths', async () => {
  check(await run('threads', 2));
});
