/** Migrations between hosts whose devices, processors and guests run in threads of their own, under traffic. */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { describe, expect, it } from 'vitest';
import { migrateVm } from '../src/index.ts';
import { createLab, type Lab, numbered, STATION, unrestOf, WEB } from './migration.test-support.ts';

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

async function movesUnderTraffic(lab: Lab): Promise<void> {
  lab.learned.set(WEB.join('-'), lab.a);
  lab.learned.set(STATION.join('-'), 'station');
  let sent = 0;
  const burst = (): void => {
    const frames = range(sent, 60).map((number) => numbered(WEB, number, { length: 60 + (number % 1400) }));
    sent += frames.length;
    lab.send(...frames);
  };
  const send = { destination: '02-00-00-00-00-09', count: 4000, burst: 16, length: 200 };
  lab.a.executor.post('vm:web', { op: 'send', sender: send });
  lab.a.publish();
  for (let trip = 0; trip < 4; trip++) {
    const [from, to] = trip % 2 === 0 ? [lab.a, lab.b] : [lab.b, lab.a];
    burst();
    const { status, reason } = migrateVm(from, to, 'web', {
      maxRounds: 3,
      enoughPages: 0,
      onProgress: ({ step }) => {
        if (step === 'copy' || step === 'stop' || step === 'save') burst();
        return undefined;
      },
    });
    expect([status, reason]).toEqual([NDIS_STATUS_SUCCESS, undefined]);
    lab.settle();
  }
  burst();
  lab.settle();
  const got = lab.received('web');
  expect(new Set(got).size).toBe(got.length);
  // The announcements were the only other frames; untagged, nobody at a host without the VM gets them.
  const lost = [lab.a, lab.b].flatMap((host) =>
    Object.entries(host.inspect().ledger.ends.dropped).filter(
      ([reason]) => reason !== 'vswitch.no-member-port',
    ),
  );
  expect(got.length + lost.reduce((sum, [, count]) => sum + count, 0)).toBe(sent);
  expect(got.length).toBeGreaterThan(sent / 2);
  const out = lab.station.filter((bytes) => bytes[12] === 0x88 && bytes[13] === 0xb5);
  expect(out.map((bytes) => Buffer.from(bytes).readUInt32BE(18)).sort((x, y) => x - y)).toEqual(
    range(1, 4000),
  );
  expect(lab.a.guestStatistics('web')).toMatchObject({ framesReceived: got.length, framesSent: 4000 });
  expect([lab.a, lab.b].map(unrestOf)).toEqual([null, null]);
  lab.conserved();
  await lab.stop();
}

describe('a VM that moves under traffic both ways, again and again', () => {
  it.each([
    ['deterministic', 'deterministic', '6.30'],
    ['threads', 'threads', '6.30'],
    ['threads', 'threads', '6.20'],
    ['threads', 'deterministic', '6.30'],
  ] as const)(
    'MIG-01 MIG-03 MIG-05 from %s to %s on NDIS %s: every frame is delivered once or counted',
    async (a, b, ndisVersion) => {
      await movesUnderTraffic(
        createLab({ a: { executor: a, ndisVersion }, b: { executor: b, ndisVersion } }),
      );
    },
  );
});
