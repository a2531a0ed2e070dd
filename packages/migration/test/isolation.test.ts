/** What crosses with a VM is the VM's own: its memory, its channel, its counts. Nothing of its host, nothing of its neighbours. */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { Host } from '@vmq/host';
import { HOST_SEGMENT } from '@vmq/machine';
import { afterEach, describe, expect, it } from 'vitest';
import {
  BROADCAST,
  broadcastMark,
  deliver,
  findForeign,
  hostOf,
  marked,
  memoryOf,
  received,
  STATION,
  STRAY_MARK,
  sentMark,
  unicastMark,
  VMS,
} from '../../host/test/isolation/isolation.test-support.ts';
import { migrateVm } from '../src/index.ts';

const hosts: Host[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});

const [web, db, , app] = VMS;

/** A host whose VMs have all received and sent, and whose own memory holds marks besides. */
function busy(ndisVersion: '6.20' | '6.30'): Host {
  const host = hostOf({ ndisVersion, maxVms: 5 }, { sources: true });
  hosts.push(host);
  const frames = VMS.flatMap((vm) => [
    marked(vm.mac, STATION, unicastMark(vm), 1514, vm.vlan),
    marked(BROADCAST, STATION, broadcastMark(vm.vlan), 700, vm.vlan),
  ]);
  deliver(host, [...frames, ...frames]);
  for (const vm of VMS) host.sendFrom(vm.name, marked(STATION, vm.mac, sentMark(vm), 900), 0, 900);
  host.runUntilIdle();
  for (const { name } of VMS) received(host, name);
  host.wire.receive(() => {});
  const free = host.machine.memory.host.byteLength - 4096;
  expect(host.sharedMemory.blockAt(HOST_SEGMENT, free)).toBe(null);
  host.machine.memory.host.u8.fill(STRAY_MARK, free);
  return host;
}

const run = (mark: number): Buffer => Buffer.alloc(8, mark);

describe.each(['6.20', '6.30'] as const)('a VM that moves, on %s', (ndisVersion) => {
  it('SEC-01 MIG-08 takes along its own memory alone, every byte of the stream looked at', () => {
    const from = busy(ndisVersion);
    const to = busy(ndisVersion);
    expect(to.removeVm('web').status).toBe(NDIS_STATUS_SUCCESS);
    const stream: Uint8Array[] = [];
    const { status, report } = migrateVm(from, to, 'web', {
      link: (bytes) => {
        stream.push(bytes.slice());
        return bytes;
      },
    });
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    const bytes = Buffer.concat(stream);
    for (const vm of VMS) {
      const own = vm === web;
      for (const mark of [unicastMark(vm), sentMark(vm), broadcastMark(vm.vlan)])
        expect([vm.name, mark, bytes.includes(run(mark))]).toEqual([vm.name, mark, own]);
    }
    expect(bytes.includes(run(STRAY_MARK))).toBe(false);
    // No more pages than it has, and with what goes with them not a page more.
    const { byteLength } = memoryOf(to, 'web');
    expect(bytes.length).toBeLessThan(byteLength * (1 + report.rounds.length) + 65_536);
    for (const vm of VMS) expect(findForeign(to, vm)).toEqual([]);
    // Nothing of it stays behind, and what goes on there sees nothing of it.
    for (const { name, id, u8 } of from.machine.memory.segments) {
      const has = Buffer.from(u8.buffer).includes(run(unicastMark(web)));
      if (id !== HOST_SEGMENT) expect([name, has]).toEqual([name, false]);
    }
    deliver(from, [marked(app.mac, STATION, unicastMark(app), 60, 200)]);
    for (const vm of [db, app]) expect(findForeign(from, vm)).toEqual([]);
  });

  it('SEC-08 MIG-07 leaves nothing at a destination that it did not come to', () => {
    const from = busy(ndisVersion);
    const to = busy(ndisVersion);
    expect(to.removeVm('web').status).toBe(NDIS_STATUS_SUCCESS);
    let messages = 0;
    const { status } = migrateVm(from, to, 'web', {
      // The memory has crossed; then the stream is damaged.
      link: (bytes) => (++messages > 3 ? bytes.subarray(0, bytes.length - 1) : bytes),
    });
    expect(status).not.toBe(NDIS_STATUS_SUCCESS);
    expect(messages).toBeGreaterThan(3);
    for (const { u8, id } of to.machine.memory.segments) {
      if (id !== HOST_SEGMENT) expect(Buffer.from(u8.buffer).includes(run(unicastMark(web)))).toBe(false);
    }
    deliver(from, [marked(web.mac, STATION, unicastMark(web), 77)]);
    expect(received(from, 'web').map(({ length }) => length)).toEqual([77]);
  });
});
