/** The switch lives on without its external adapter: VMs talk to each other, and what is for the wire is counted. */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { describe, expect, it } from 'vitest';
import { checkHostConfig, createHost, type Host, type HostConfigInput } from './index.ts';

const SUCCESS = NDIS_STATUS_SUCCESS;
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
  host.takeReceived(name, ({ bytes, offset }) => marks.push(bytes[offset + 14] as number));
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
    expect(host.adapter.surpriseRemove()).toBe(SUCCESS);
    send(host, 'a', MACS.b, 3);
    send(host, 'b', MACS.a, 4);
    send(host, 'b', OUT, 5);
    host.runUntilIdle();
    expect(received(host, 'b')).toEqual([1, 2, 3]);
    expect(received(host, 'a')).toEqual([4]);
    // A VM that comes only now, and one that goes.
    expect(host.addVm(vm('c'))).toEqual({ status: SUCCESS });
    send(host, 'c', MACS.a, 6);
    send(host, 'a', MACS.c, 7);
    host.runUntilIdle();
    expect([received(host, 'a'), received(host, 'c')]).toEqual([[6], [7]]);
    expect(host.removeVm('b')).toEqual({ status: SUCCESS });
    send(host, 'a', MACS.c, 8);
    host.runUntilIdle();
    expect(received(host, 'c')).toEqual([8]);
    const { ledger } = host.inspect();
    expect(ledger.ends.dropped).toEqual({ 'vswitch.external-not-running': 1 });
    expect([ledger.receivedFromGuests, ledger.ends.delivered, ledger.inFlight]).toEqual([8, 7, 0]);
    await host.stop();
  });
});
