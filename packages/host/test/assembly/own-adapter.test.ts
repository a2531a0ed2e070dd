/** A host is assembled from parts: a NIC and a miniport driver of one's own, and an adapter of any name. */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { NIC_PROFILES, type NicProfile } from '@vmq/nic';
import { afterEach, expect, it } from 'vitest';
import {
  checkHostConfig,
  createHost,
  type Host,
  type HostConfigInput,
  type HostOptions,
  vmqNic,
} from '../../src/index.ts';
import { RING_DATA_PATHS, ringMiniport, ringNic } from '../ring-nic.test-support.ts';

const hosts: Host[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});

const WEB = { name: 'web', mac: '00-15-5D-00-00-01' };
const DB = { name: 'db', mac: '00-15-5D-00-00-02' };

function hostWith(input: HostConfigInput, options: HostOptions): Host {
  const checked = checkHostConfig({ processors: 2, vms: [WEB, DB], ...input });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const host = createHost(checked.config, { record: true, sources: true, ...options });
  hosts.push(host);
  return host;
}

function frame(to: number, from: number, number: number): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.set([0x00, 0x15, 0x5d, 0, 0, to, 0x00, 0x15, 0x5d, 0, 1, from, 0x88, 0xb6, number]);
  return bytes;
}

function numbersOf(host: Host, name: string): number[] {
  const numbers: number[] = [];
  host.takeReceived(name, ({ bytes, offset }) => numbers.push(bytes[offset + 14]));
  return numbers;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

it('a card and a miniport of one’s own carry frames from the wire to VMs, from VMs to the wire and between them', () => {
  const nic = ringNic();
  const driver = ringMiniport(nic);
  const host = hostWith(
    {},
    { adapters: [{ name: 'Ethernet 3', nic, driver, dropReasons: [] }], dataPaths: RING_DATA_PATHS },
  );
  expect(host.adapter.inspect()).toMatchObject({ name: 'Ethernet 3', state: 'Running' });
  expect(driver.requests.length).toBeGreaterThan(0);

  for (let number = 0; number < 40; number++) {
    host.wire.send(frame(number % 2 === 0 ? 1 : 2, 9, number), 0, 60);
    if (number % 20 === 19) {
      host.wire.flush();
      host.runUntilIdle();
    }
  }
  expect(numbersOf(host, 'web')).toEqual(range(40).filter((number) => number % 2 === 0));
  expect(numbersOf(host, 'db')).toEqual(range(40).filter((number) => number % 2 === 1));

  const own = (to: number[], number: number): Uint8Array => {
    const bytes = frame(0, 0, number);
    bytes.set([...to, 0x00, 0x15, 0x5d, 0, 0, 1]);
    return bytes;
  };
  host.sendFrom('web', own([0x00, 0x15, 0x5d, 0, 0, 2], 7), 0, 60);
  host.sendFrom('web', own([2, 0, 0, 0, 0, 9], 8), 0, 60);
  host.runUntilIdle();
  expect(numbersOf(host, 'db')).toEqual([7]);
  const out: number[] = [];
  host.wire.receive((bytes, offset) => out.push(bytes[offset + 14]));
  expect(out).toEqual([8]);

  // No VM queues: the driver has none, and the report says so.
  const report = host.inspect();
  expect(report.conservation).toBe(true);
  expect(report.vmq).toBe(false);
  expect(report.vmqGates.find(({ gate }) => gate === 'hardware')).toMatchObject({ isOpen: false });
  expect(report.ports.map(({ VmName, QueueID }) => [VmName, QueueID])).toEqual([
    ['web', 0],
    ['db', 0],
  ]);
});

it('a NIC of another name and size: its adapter has the queues that it has', () => {
  const profile: NicProfile = { ...(NIC_PROFILES['vmq-nic'] as NicProfile), name: 'two-queues', queues: 2 };
  const host = hostWith(
    { processors: 4, vms: [WEB, DB, { name: 'app', mac: '00-15-5D-00-00-03' }] },
    { adapters: [{ name: 'Onboard', nic: vmqNic(profile) }] },
  );
  host.wire.send(frame(1, 9, 1), 0, 60);
  host.wire.flush();
  host.runUntilIdle();
  const { queues, vmqProcessors, ports } = host.inspect();
  expect(queues.map(({ Name, QueueID }) => `${Name} ${QueueID}`)).toEqual([
    'Onboard 0',
    'Onboard 1',
    'Onboard 2',
  ]);
  expect(queues.map(({ frames }) => frames)).toEqual([0, 1, 0]);
  // Two queues and the default queue are three processors' at most.
  expect(vmqProcessors).toEqual([0, 1, 2]);
  expect(ports.filter(({ QueueID }) => QueueID === 0)).toHaveLength(1);
  expect(numbersOf(host, 'web')).toEqual([1]);
});

it('keywords of an adapter part go to its driver', () => {
  const host = hostWith({}, { adapters: [{ keywords: { '*VMQ': 0 } }] });
  expect(host.adapter.inspect().name).toBe('NIC1');
  expect(host.adapter.inspect().currentCapabilities?.NumQueues ?? 0).toBe(0);
  expect(host.removeVm('web').status).toBe(NDIS_STATUS_SUCCESS);
});

it('two adapters are refused with the reason, and so is none', () => {
  expect(() => hostWith({}, { adapters: [{}, { name: 'NIC2' }] })).toThrow(
    'adapters: expected one, found 2; an external switch is bound to one adapter, and a team of them is not modelled',
  );
  expect(() => hostWith({}, { adapters: [] })).toThrow('a host without an adapter is not modelled');
});
