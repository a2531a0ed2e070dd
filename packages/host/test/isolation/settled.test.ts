/**
 * SEC-02 SEC-03: no byte of a frame is in a VM's memory before MAC and VLAN are settled. Not only at the end: all memory
 * of all VMs is searched after every turn of every agent, while VLANs, queues and VMs change under the traffic.
 */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { afterEach, describe, expect, it } from 'vitest';
import type { Host } from '../../src/index.ts';
import {
  BROADCAST,
  hostOf,
  marked,
  memoryOf,
  received,
  STATION,
  STRAY_MARK,
  unicastMark,
  VMS,
} from './isolation.test-support.ts';

const hosts: Host[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});

const [web, db, mail, app] = VMS;
const SIZES = { guest: { maxFrameBytes: 1514, receiveSections: 128, sendSections: 8, ringBytes: 8192 } };

function hostFor(ndisVersion: '6.20' | '6.30', seed: number): Host {
  const host = hostOf({ ndisVersion, seed, maxVms: VMS.length }, { sizes: SIZES });
  hosts.push(host);
  return host;
}

const FORBIDDEN = Buffer.alloc(8, STRAY_MARK);

/** Turns taken until all is at rest, and the VMs in whose memory the forbidden mark was seen after any of them. */
function watch(host: Host, ...frames: readonly Uint8Array[]): { turns: number; seen: Set<string> } {
  const memories = host.vmNames.map((name) => [name, Buffer.from(memoryOf(host, name).buffer)] as const);
  for (const bytes of frames) host.wire.send(bytes, 0, bytes.length);
  host.wire.flush();
  let turns = 0;
  const seen = new Set<string>();
  host.executor.runUntil(() => {
    turns++;
    for (const [name, memory] of memories) if (memory.includes(FORBIDDEN)) seen.add(name);
    return false;
  });
  return { turns, seen };
}

function portOf(
  host: Host,
  vm: { readonly name: string },
): { readonly port: number; readonly queueId: number } {
  const found = host.virtualSwitch.inspect().ports.find(({ vmName }) => vmName === vm.name);
  if (found === undefined) throw new Error(`no port of ${vm.name}`);
  return found;
}

describe.each(['6.20', '6.30'] as const)('NDIS %s, after every turn of every agent', (ndisVersion) => {
  it.each([1, 2, 3])(
    'SEC-02 SEC-03 SEC-07 no VM’s memory holds a byte of a frame of another VLAN or for nobody (seed %i)',
    (seed) => {
      const host = hostFor(ndisVersion, seed);
      const stray = (to: readonly number[], vlan: number): Uint8Array =>
        marked(to, STATION, STRAY_MARK, 900, vlan);
      for (let round = 0; round < 3; round++) {
        const { turns, seen } = watch(
          host,
          marked(web.mac, STATION, unicastMark(web), 600),
          stray(web.mac, 100),
          stray(db.mac, 0),
          marked(db.mac, STATION, unicastMark(db), 600, 100),
          stray(db.mac, 200),
          stray(mail.mac, 200),
          stray([2, 3, 4, 5, 6, 7], 100),
          stray(BROADCAST, 300),
          stray(app.mac, 100),
          marked(app.mac, STATION, unicastMark(app), 600, 200),
        );
        expect(turns).toBeGreaterThan(3);
        expect([...seen]).toEqual([]);
      }
      for (const vm of [web, db, app]) expect(received(host, vm.name).length).toBe(3);
      expect(host.inspect().conservation).toBe(true);
    },
  );

  it.each([1, 2, 3])(
    'SW-23 SEC-02 from the moment a VM has left its VLAN, not a byte of that VLAN’s frames comes into its memory (seed %i)',
    (seed) => {
      const host = hostFor(ndisVersion, seed);
      const old = (): Uint8Array => marked(db.mac, STATION, STRAY_MARK, 900, 100);
      // Some are under way in the wire, the NIC and the ring when the change begins; they may come: it is not over.
      for (let i = 0; i < 8; i++) {
        const bytes = marked(db.mac, STATION, unicastMark(db), 900, 100);
        host.wire.send(bytes, 0, bytes.length);
      }
      host.wire.flush();
      const changed = host.virtualSwitch.setPort(portOf(host, db).port, {
        vlan: { mode: 'access', vlan: 200 },
      });
      expect(changed.status).toBe(NDIS_STATUS_SUCCESS);
      const now = marked(db.mac, STATION, unicastMark(db), 700, 200);
      const { seen } = watch(host, old(), now, old(), marked(BROADCAST, STATION, STRAY_MARK, 900, 100));
      // The broadcast is for mail, which is in VLAN 100 still.
      expect([...seen]).toEqual(['mail']);
      expect(received(host, 'db').filter(({ length }) => length === 700).length).toBe(1);
    },
  );

  it('QUE-32 SEC-08 the VM that gets a freed queue and its buffers next sees no byte of the frames for the last one', () => {
    const host = hostFor(ndisVersion, 5);
    watch(host, ...Array.from({ length: 8 }, () => marked(app.mac, STATION, STRAY_MARK, 1514, 200)));
    expect(Buffer.from(memoryOf(host, 'app').buffer).includes(FORBIDDEN)).toBe(true);
    const { queueId } = portOf(host, app);
    const holds = (): boolean =>
      host.adapter
        .inspect()
        .sharedMemory.filter((block) => block.queueId === queueId)
        .flatMap(({ elements }) => elements)
        .some(({ segment, offset, length }) => {
          const { u8 } = host.machine.memory.segment(segment);
          return Buffer.from(u8.buffer, offset, length).includes(FORBIDDEN);
        });
    expect(holds()).toBe(true);
    expect(host.removeVm('app').status).toBe(NDIS_STATUS_SUCCESS);
    const next = { name: 'next', mac: '00-15-5d-00-00-05', vlan: 200 };
    expect(host.addVm(next).status).toBe(NDIS_STATUS_SUCCESS);
    expect(portOf(host, next).queueId).toBe(queueId);
    expect(holds()).toBe(false);
    const short = marked([0, 0x15, 0x5d, 0, 0, 5], STATION, 0xa5, 60, 200);
    const { seen } = watch(host, marked(app.mac, STATION, STRAY_MARK, 1514, 200), short);
    expect([...seen]).toEqual([]);
    expect(received(host, 'next').map(({ length }) => length)).toEqual([60]);
  });

  it('control: a frame for the VM itself is seen by the search', () => {
    const host = hostFor(ndisVersion, 4);
    expect([...watch(host, marked(web.mac, STATION, STRAY_MARK, 900)).seen]).toEqual(['web']);
  });
});
