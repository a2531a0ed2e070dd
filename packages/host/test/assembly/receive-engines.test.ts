/** Two processors, each with a receive engine of its own, really in parallel, while queues come, go and change amid traffic. */
import { NIC_AGENT, type NicMessage } from '@vmq/nic';
import { parseMacAddress } from '@vmq/wire';
import { expect, it } from 'vitest';
import { createHost } from '../../src/assembly/create-host.ts';
import { checkHostConfig } from '../../src/config/check-config.ts';

const macOf = (vm: number): string => `00-15-5D-0E-00-0${vm}`;
const vlanOf = (vm: number): number => (vm & 2 ? 100 + vm : 0);

/** A frame for VM `vm` that says whose it is and the how manieth of all. */
function frameFor(vm: number, number: number): Uint8Array {
  const vlan = vlanOf(vm);
  const start = vlan === 0 ? 14 : 18;
  const bytes = new Uint8Array(start + 50);
  const { hi, lo } = parseMacAddress(macOf(vm)) ?? { hi: 0, lo: 0 };
  const view = new DataView(bytes.buffer);
  view.setUint16(0, hi);
  view.setUint32(2, lo);
  bytes.set([2, 0, 0, 0, 0, vm], 6);
  if (vlan !== 0) view.setUint32(12, 0x8100_0000 | vlan);
  view.setUint16(start - 2, 0x88b5);
  view.setUint32(start, vm);
  view.setUint32(start + 4, number);
  return bytes;
}

it.each(['6.20', '6.30'] as const)(
  'profile %s: frames keep their order and their VM, and each is counted once',
  async (ndisVersion) => {
    const vmOf = (vm: number) => ({ name: `vm${vm}`, mac: macOf(vm), vlan: vlanOf(vm) });
    const checked = checkHostConfig({
      ndisVersion,
      executor: 'threads',
      processors: 2,
      nic: { receiveEngines: 2 },
      vms: [0, 1, 2, 3].map(vmOf),
      maxVms: 6,
    });
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
    const host = createHost(checked.config, { record: true, placement: 'per-processor' });
    const tell = (message: NicMessage): void => {
      host.executor.post(NIC_AGENT, message);
      host.publish();
    };
    const last = new Map<number, number>();
    const seen: number[] = [];
    let received = 0;
    let sent = 0;
    const look = (): void => {
      for (const name of host.vmNames) {
        const vm = Number(name.slice(2));
        host.takeReceived(name, ({ bytes, offset, length }) => {
          const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
          const number = view.getUint32(18);
          expect([view.getUint32(14), length]).toEqual([vm, 64]);
          // Order is promised per queue: one who has just come gets some frames over the default queue.
          if (vm < 4) expect(number).toBeGreaterThan(last.get(vm) ?? -1);
          expect(seen[number]).toBe(undefined);
          last.set(vm, number);
          seen[number] = vm;
          received++;
        });
      }
    };
    /** `count` frames on the wire, as far as there is room; the NIC takes them while this goes on. */
    const send = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const frame = frameFor(sent % 6, sent);
        if (host.wire.send(frame, 0, frame.length) === 0) break;
        sent++;
      }
      host.wire.flush();
    };
    for (let round = 0; round < 60; round++) {
      send(40);
      if (round % 6 === 1) expect(host.addVm(vmOf(4 + (Math.floor(round / 6) & 1))).status).toBe(0);
      send(40);
      if (round % 6 === 3) tell({ op: 'link', up: false });
      send(20);
      if (round % 6 === 4) tell({ op: 'link', up: true });
      if (round % 6 === 5) {
        look();
        for (const name of host.vmNames.filter((vm) => vm > 'vm3'))
          expect(host.removeVm(name).status).toBe(0);
      }
      send(20);
      look();
    }
    host.runUntilIdle();
    look();
    const { ledger, conservation } = host.inspect();
    await host.stop();
    expect(conservation).toBe(true);
    expect(ledger.receivedFromWire).toBe(sent);
    expect(ledger.ends.delivered).toBeGreaterThanOrEqual(received);
    expect(received).toBeGreaterThan(sent / 4);
    // Who was there all the time got every frame that found no reason to be dropped.
    const dropped = Object.values(ledger.ends.dropped).reduce((sum, frames) => sum + frames, 0);
    expect(ledger.ends.delivered + dropped).toBe(sent);
    expect(Object.keys(ledger.ends.dropped)).toContain('nic.link-down');
  },
);
