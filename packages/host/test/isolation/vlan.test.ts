/**
 * SEC-02 from the sending side: what a VM writes into a frame takes it to no VLAN but its own, and what was learned of a
 * VM that is gone gives nothing to the next one on its port.
 */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { afterEach, describe, expect, it } from 'vitest';
import { checkHostConfig, createHost, type Host } from '../../src/index.ts';
import {
  deliver,
  hostOf,
  marked,
  received,
  STATION,
  STRAY_MARK,
  sentMark,
  VMS,
  type Vm,
} from './isolation.test-support.ts';

const hosts: Host[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});

const [web, db, , app] = VMS;
const TAG = (tci: number): number[] => [0x81, 0x00, tci >> 8, tci & 255];

/** A frame of `vm` whose data begin with these tags, cut after `length` bytes. */
function withTags(to: readonly number[], vm: Vm, tags: readonly number[], length: number): Uint8Array {
  const plain = marked(to, vm.mac, sentMark(vm), 100);
  return Uint8Array.from(
    [...plain.subarray(0, 12), ...tags.flatMap(TAG), ...plain.subarray(12)].slice(0, length),
  );
}

/** VLAN of a frame on the wire, as the next switch reads it: 0 without a tag. */
const vlanOf = (bytes: Uint8Array): number =>
  bytes[12] === 0x81 && bytes[13] === 0 ? ((bytes[14] << 8) | bytes[15]) & 0xfff : 0;

function onTheWire(host: Host): Uint8Array[] {
  const frames: Uint8Array[] = [];
  host.wire.receive((bytes, at, length) => frames.push(bytes.slice(at, at + length)));
  return frames;
}

describe('a VM that writes tags into its frames', () => {
  const tags = [0, 100, 200, 0x2000, 0x2000 | 200, 0xfff];
  it.each([
    ['untagged', web],
    ['access VLAN 100', db],
    ['access VLAN 200', app],
  ] as const)('SW-18 SEC-02 reaches its own VLAN and no other, however many there are: %s', (_, vm) => {
    const host = hostOf({}, { sources: true });
    hosts.push(host);
    const lists = [[], ...tags.map((one) => [one]), ...tags.flatMap((one) => tags.map((two) => [one, two]))];
    let out = 0;
    for (const list of lists) {
      for (const beside of [0, 0x4000, vm.vlan, 200]) {
        for (const to of [STATION, [255, 255, 255, 255, 255, 255]]) {
          for (const length of [100, 14, 16, 17, 18, 20, 22]) {
            const bytes = withTags(to, vm, list, length);
            host.sendFrom(vm.name, bytes, 0, bytes.length, beside);
          }
          host.runUntilIdle();
        }
      }
      for (const bytes of onTheWire(host)) {
        out++;
        expect([list, vlanOf(bytes)]).toEqual([list, vm.vlan]);
        // A priority tag is no VLAN: the next switch takes it off, and what follows counts.
        if (vm.vlan === 0 && bytes[12] === 0x81)
          expect([list, bytes[16], bytes[17]]).not.toEqual([list, 0x81, 0]);
      }
    }
    expect(out).toBeGreaterThan(20);
    for (const other of VMS) {
      const got = received(host, other.name);
      if (other.vlan !== vm.vlan) expect(got).toEqual([]);
    }
    expect(host.inspect().conservation).toBe(true);
  });
});

describe('addresses that a VM has sent from, when it is gone', () => {
  it('SW-16 SEC-02 lead no frame to the VM that gets its port', () => {
    const checked = checkHostConfig({
      maxVms: 2,
      vms: [
        { name: 'router', mac: '00-15-5d-00-00-01', vlan: 100, allowMacSpoofing: true },
        { name: 'asker', mac: '00-15-5d-00-00-02', vlan: 100 },
      ],
    });
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
    const host = createHost(checked.config, { record: true, sources: true });
    hosts.push(host);
    const behind = [0x02, 0x77, 0, 0, 0, 1];
    host.sendFrom('router', marked(STATION, behind, sentMark(web), 100), 0, 100);
    host.runUntilIdle();
    expect(host.virtualSwitch.inspect().learned.map(({ macAddress }) => macAddress)).toContain(
      '02-77-00-00-00-01',
    );
    const port = (name: string): number | undefined =>
      host.virtualSwitch.inspect().ports.find(({ vmName }) => vmName === name)?.port;
    const before = port('router');
    expect(host.removeVm('router').status).toBe(NDIS_STATUS_SUCCESS);
    expect(host.addVm({ name: 'next', mac: '00-15-5d-00-00-03', vlan: 100 }).status).toBe(
      NDIS_STATUS_SUCCESS,
    );
    deliver(host, [marked(behind, STATION, STRAY_MARK, 300, 100)]);
    host.sendFrom('asker', marked(behind, [0, 0x15, 0x5d, 0, 0, 2], STRAY_MARK, 300), 0, 300);
    host.runUntilIdle();
    expect(received(host, 'next')).toEqual([]);
    expect(before).toBeGreaterThan(0);
  });
});
