/** The switch lives on without its external adapter: VMs talk to each other, and what is for the wire is counted. */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { describe, expect, it } from 'vitest';
import { checkHostConfig, createHost, type Host, type HostConfigInput } from '../../src/index.ts';

const MACS = { a: [0, 0x15, 0x5d, 0, 0, 1], b: [0, 0x15, 0x5d, 0, 0, 2], c: [0, 0x15, 0x5d, 0, 0, 3] };
const OUT = [2, 0, 0, 0, 0, 9];
type Name = keyof typeof MACS;

const vm = (name: Name) => ({
  name,
  mac: MACS[name]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('-')
    .toUpperCase(),
});

function hostOf(change: HostConfigInput): Host {
  const checked = checkHostConfig({ vms: [vm('a'), vm('b')], maxVms: 4, processors: 2, ...change });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createHost(checked.config, { record: true, sources: true });
}

function send(host: Host, from: Name, to: readonly number[], mark: number): void {
  const frame = new Uint8Array(200).fill(mark);
  frame.set([...to, ...MACS[from], 0x88, 0xb5]);
  expect(host.sendFrom(from, frame, 0, frame.length, 0)).toBe(true);
}

function received(host: Host, name: Name): number[] {
  const marks: number[] = [];
  host.takeReceived(name, ({ bytes, offset }) => marks.push(bytes[offset + 14]));
  return marks;
}

describe.each([
  { executor: 'deterministic', ndisVersion: '6.30' },
  { executor: 'deterministic', ndisVersion: '6.20' },
  { executor: 'threads', ndisVersion: '6.30' },
  { executor: 'threads', ndisVersion: '6.20' },
] as const)('LIFE-15 SW-24: after surprise removal, $executor, NDIS $ndisVersion', (setting) => {
  it('frames among VMs arrive, frames for the wire end in a counter, VMs come and go', async () => {
    const host = hostOf(setting);
    send(host, 'a', MACS.b, 1);
    host.runUntilIdle();
    // Under way while the card is pulled: read by whoever polls afterwards.
    send(host, 'a', MACS.b, 2);
    expect(host.adapter.surpriseRemove()).toBe(NDIS_STATUS_SUCCESS);
    send(host, 'a', MACS.b, 3);
    send(host, 'b', MACS.a, 4);
    send(host, 'b', OUT, 5);
    host.runUntilIdle();
    expect(received(host, 'b')).toEqual([1, 2, 3]);
    expect(received(host, 'a')).toEqual([4]);
    // A VM that comes only now, and one that goes.
    expect(host.addVm(vm('c'))).toEqual({ status: NDIS_STATUS_SUCCESS });
    send(host, 'c', MACS.a, 6);
    send(host, 'a', MACS.c, 7);
    host.runUntilIdle();
    expect([received(host, 'a'), received(host, 'c')]).toEqual([[6], [7]]);
    expect(host.removeVm('b')).toEqual({ status: NDIS_STATUS_SUCCESS });
    send(host, 'a', MACS.c, 8);
    host.runUntilIdle();
    expect(received(host, 'c')).toEqual([8]);
    const { ledger } = host.inspect();
    expect(ledger.ends.dropped).toEqual({ 'vswitch.external-not-running': 1 });
    expect([ledger.receivedFromGuests, ledger.ends.delivered, ledger.inFlight]).toEqual([8, 7, 0]);
    await host.stop();
  });

  it('LIFE-03 SW-24 another card in its place: a wire again, a queue for each VM, nothing lost of what came since', async () => {
    const host = hostOf(setting);
    const old = host.adapter;
    expect(host.replaceAdapter()).toMatchObject({ status: NDIS_STATUS_FAILURE });
    expect(old.surpriseRemove()).toBe(NDIS_STATUS_SUCCESS);
    send(host, 'a', MACS.b, 1);
    host.runUntilIdle();
    expect(host.addVm(vm('c'))).toEqual({ status: NDIS_STATUS_SUCCESS });
    expect(host.replaceAdapter()).toEqual({ status: NDIS_STATUS_SUCCESS });
    expect(host.adapter).not.toBe(old);
    const served = host.inspect().queues.map(({ VmFriendlyName }) => VmFriendlyName);
    expect(served.filter((name) => name !== '')).toEqual(['a', 'b', 'c']);
    for (let mark = 2; mark < 12; mark++) {
      for (const name of ['a', 'b', 'c'] as const) {
        const frame = new Uint8Array(200).fill(mark);
        frame.set([...MACS[name], ...OUT, 0x88, 0xb5]);
        expect(host.wire.send(frame, 0, frame.length)).not.toBe(0);
      }
      host.wire.flush();
      host.runUntilIdle();
    }
    send(host, 'c', OUT, 12);
    send(host, 'c', MACS.b, 13);
    host.runUntilIdle();
    const fromWire = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    expect(received(host, 'a')).toEqual(fromWire);
    expect(received(host, 'b')).toEqual([1, ...fromWire, 13]);
    expect(received(host, 'c')).toEqual(fromWire);
    const out: number[] = [];
    host.wire.receive((bytes, offset) => out.push(bytes[offset + 14]));
    expect(out).toEqual([12]);
    const { ledger, conservation } = host.inspect();
    expect([conservation, ledger.inFlight, ledger.ends.dropped]).toEqual([true, 0, {}]);
    expect(host.ndis.refusals.entries.filter(({ kind }) => kind === 'violation')).toEqual([]);
    await host.stop();
  });

  it('LIFE-03 SW-24 cards come and go', async () => {
    const host = hostOf(setting);
    for (let mark = 1; mark <= 5; mark++) {
      // With the card really gone, or still in its slot and at work as far as it knows.
      if ((mark & 1) === 0) host.executor.post('nic', { op: 'remove' });
      host.executor.publish();
      expect(host.adapter.surpriseRemove()).toBe(NDIS_STATUS_SUCCESS);
      send(host, 'a', MACS.b, 2 * mark);
      host.runUntilIdle();
      expect(host.replaceAdapter()).toEqual({ status: NDIS_STATUS_SUCCESS });
      send(host, 'a', OUT, 2 * mark + 1);
      host.runUntilIdle();
    }
    expect(received(host, 'b')).toEqual([2, 4, 6, 8, 10]);
    const out: number[] = [];
    host.wire.receive((bytes, offset) => out.push(bytes[offset + 14]));
    expect(out).toEqual([3, 5, 7, 9, 11]);
    await host.stop();
  });
});
