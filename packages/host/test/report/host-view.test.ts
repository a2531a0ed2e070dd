/** A host's view is data: whoever reads it needs no host, and its counters have names that stay. */
import { afterAll, describe, expect, it } from 'vitest';
import {
  checkHostConfig,
  countersOf,
  createHost,
  HOST_COUNTERS,
  type Host,
  reportOf,
} from '../../src/index.ts';

const WEB = '00-15-5D-00-00-01';

function hostOf(ndisVersion: '6.20' | '6.30'): Host {
  const checked = checkHostConfig({
    ndisVersion,
    processors: 2,
    vms: [
      { name: 'web', mac: WEB },
      { name: 'db', mac: '00-15-5D-00-00-02', vlan: 100 },
    ],
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createHost(checked.config, { sources: true });
}

describe.each(['6.20', '6.30'] as const)('the view of a host of NDIS %s', (ndisVersion) => {
  const host = hostOf(ndisVersion);
  afterAll(() => host.stop());
  const frame = Uint8Array.of(0, 0x15, 0x5d, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x88, 0xb6, ...new Array(46).fill(0));
  for (let n = 0; n < 5; n++) host.wire.send(frame, 0, 60);
  host.wire.send(
    Uint8Array.from(frame, (byte, i) => (i === 5 ? 77 : byte)),
    0,
    60,
  );
  host.wire.flush();
  host.runUntilIdle();
  host.pauseVm('db');

  it('is data: a copy of it in another thread says all that the host says', () => {
    const view = host.view();
    const copy = structuredClone(view);
    expect(copy).toEqual(view);
    expect(reportOf(copy)).toEqual(host.inspect());
    expect(copy.vms.map(({ name, isPaused, isMoving }) => ({ name, isPaused, isMoving }))).toEqual([
      { name: 'web', isPaused: false, isMoving: false },
      { name: 'db', isPaused: true, isMoving: false },
    ]);
  });

  it('does not change when the host goes on', () => {
    const view = host.view();
    const before = structuredClone(view);
    host.wire.send(frame, 0, 60);
    host.wire.flush();
    host.runUntilIdle();
    expect(view).toEqual(before);
    expect(host.view()).not.toEqual(before);
  });

  it('has counters by name: received = delivered + transmitted + dropped', () => {
    const counters = countersOf(host.view());
    const sum = (name: string): number =>
      counters.reduce((total, one) => (one.name === name ? total + one.value : total), 0);
    expect(sum('frames.received.wire')).toBe(7);
    expect(sum('frames.received.wire') + sum('frames.received.guests')).toBe(
      sum('frames.delivered') + sum('frames.transmitted') + sum('frames.dropped'),
    );
    expect(sum('frames.delivered')).toBe(6);
    expect(sum('vm.received.frames')).toBe(6);
    expect(sum('port.to-vm.frames')).toBe(6);
    expect(counters.filter(({ name }) => name === 'frames.dropped')).toEqual([
      { name: 'frames.dropped', labels: { reason: 'nic.no-match' }, value: 1 },
    ]);
    expect(counters).toContainEqual({
      name: 'port.to-vm.frames',
      labels: { port: '1', vm: 'web' },
      value: 6,
    });
  });
});

it('a port’s dropped frames are those on their way to the VM and those from it, in report and counters alike', async () => {
  const host = hostOf('6.30');
  const to = (last: number, from: readonly number[]): Uint8Array =>
    Uint8Array.of(0, 0x15, 0x5d, 0, 0, last, ...from, 0x88, 0xb6, ...new Array(46).fill(0));
  // The VM says that it is somebody else; then nobody takes what comes for it.
  for (let n = 0; n < 3; n++) expect(host.sendFrom('web', to(2, [2, 0, 0, 0, 0, 9]), 0, 60)).toBe(true);
  host.runUntilIdle();
  host.pauseVm('web');
  const before = host.inspect().ports[0];
  expect(before).toMatchObject({ VmName: 'web', framesDropped: 3, framesDelivered: 0 });
  for (let n = 0; n < 3000; n++) {
    host.wire.send(to(1, [2, 0, 0, 0, 0, 9]), 0, 60);
    host.wire.flush();
    host.runUntilIdle();
  }
  const { framesDropped, framesDelivered } = host.inspect().ports[0];
  expect(framesDropped).toBeGreaterThan(3);
  expect(framesDropped - 3 + framesDelivered).toBe(3000);
  expect(countersOf(host.view())).toContainEqual({
    name: 'port.dropped',
    labels: { port: '1', vm: 'web' },
    value: framesDropped,
  });
  await host.stop();
});

it('every counter is in the registry with its labels, and every name is there once', async () => {
  const host = hostOf('6.30');
  const names = HOST_COUNTERS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, labels } of countersOf(host.view())) {
    const definition = HOST_COUNTERS.find((one) => one.name === name);
    expect(Object.keys(labels).sort()).toEqual([...(definition?.labels ?? [])].sort());
  }
  for (const { description } of HOST_COUNTERS) expect(description).toMatch(/^[A-Z].*\.$/);
  expect(names).toMatchSnapshot();
  await host.stop();
});
