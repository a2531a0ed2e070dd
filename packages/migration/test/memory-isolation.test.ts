/**
 * SEC-01 by construction: a guest's agent is given its own segment and nothing else, in the caller's thread and in a
 * worker, from its start, after it has moved, and when its place has been another VM's.
 */
import { createGuestAgent } from '@vmq/guest';
import type { Host, HostOptions } from '@vmq/host';
import {
  type AgentFactory,
  createDeterministicExecutor,
  createMachine,
  createVirtualClock,
} from '@vmq/machine';
import { afterEach, describe, expect, it } from 'vitest';
import { hostOf, VMS } from '../../host/test/isolation/isolation.test-support.ts';
import { migrateVm } from '../src/index.ts';

const hosts: Host[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});

const { curious } = (await import(
  new URL('../../host/test/fixtures/curious-guest.mjs', import.meta.url).href
)) as {
  curious: (make: AgentFactory<never>) => AgentFactory<never>;
};

const OPTIONS: HostOptions = {
  dataPaths: { agents: { guest: curious(createGuestAgent) } },
  workerEntry: new URL('../../host/test/fixtures/curious-worker.mjs', import.meta.url),
};

function started(executor: 'deterministic' | 'threads', ndisVersion: '6.20' | '6.30' = '6.30'): Host {
  const host = hostOf({ executor, ndisVersion, maxVms: 6, processors: 1 }, OPTIONS);
  hosts.push(host);
  return host;
}

/** Segments that the guest of a VM can get at in any way, and how. */
function reach(host: Host, name: string): [number, number][] {
  const words = new Int32Array(new SharedArrayBuffer(4 * (host.machine.memory.segments.length + 4)));
  host.executor.post(`vm:${name}`, { op: 'look', answer: words.buffer });
  host.publish();
  return [...words].flatMap((how, id) => (how === 0 ? [] : [[id, how] as [number, number]]));
}

const own = (host: Host, name: string): [number, number][] => [[host.guestMemory(name).id, 7]];

describe.each(['deterministic', 'threads'] as const)('a guest under the %s executor', (executor) => {
  it('SEC-01 reaches its own segment and no other: not the host’s, not the NIC’s, not another VM’s', () => {
    const host = started(executor);
    expect(host.machine.memory.segments.length).toBeGreaterThan(VMS.length + 1);
    for (const { name } of VMS) expect(reach(host, name)).toEqual(own(host, name));
  });

  it('SEC-01 reaches no memory of a VM that starts later, nor that one its own', () => {
    const host = started(executor);
    for (const name of ['late', 'later']) {
      const mac = `00-15-5d-00-01-0${name.length}`;
      expect(host.addVm({ name, mac }).status).toBe(0);
    }
    for (const name of host.vmNames) expect(reach(host, name)).toEqual(own(host, name));
    // The place of one that has gone, by another.
    expect(host.removeVm('late').status).toBe(0);
    expect(host.addVm({ name: 'next', mac: '00-15-5d-00-01-09' }).status).toBe(0);
    for (const name of host.vmNames) expect(reach(host, name)).toEqual(own(host, name));
  });

  it('SEC-01 MIG-03 reaches its new segment alone when it has moved, also in a place of another size', () => {
    const from = started(executor);
    const to = started(executor);
    expect(to.removeVm('web').status).toBe(0);
    expect(to.removeVm('db').status).toBe(0);
    expect(migrateVm(from, to, 'web').status).toBe(0);
    for (const name of to.vmNames) expect(reach(to, name)).toEqual(own(to, name));
    // A guest whose driver has more memory: the place it gets keeps its agent and changes its segment.
    const big = hostOf({ executor, processors: 1, nic: { receiveBuffers: 512 } }, OPTIONS);
    hosts.push(big);
    const before = to.machine.memory.segments.length;
    expect(migrateVm(big, to, 'db').status).toBe(0);
    expect(to.machine.memory.segments.length).toBe(before + 1);
    for (const name of to.vmNames) expect(reach(to, name)).toEqual(own(to, name));
  });
});

describe('control', () => {
  it('an agent that is not confined reaches every segment, and cannot be confined afterwards', () => {
    const clock = createVirtualClock();
    const machine = createMachine({
      hostMemoryBytes: 4096,
      processors: 1,
      agents: ['device'],
      dropReasons: [],
      clock,
    });
    machine.memory.addSegment('vm', 4096);
    const factories = { device: curious(() => ({ step: () => false, refresh: () => {} })) };
    const executor = createDeterministicExecutor(machine, clock, { factories });
    executor.start([{ name: 'device', factory: 'device', data: null }]);
    const words = new Int32Array(new SharedArrayBuffer(12));
    executor.post('device', { op: 'look', answer: words.buffer });
    executor.publish();
    expect([...words]).toEqual([15, 7, 0]);
    expect(() => executor.confine('device', [1])).toThrow(/not started confined/);
  });
});
