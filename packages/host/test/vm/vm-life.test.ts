import {
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_INVALID_PORT_STATE,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { describe, expect, it } from 'vitest';
import {
  checkHostConfig,
  createHost,
  type Host,
  type HostConfigInput,
  type HostOptions,
} from '../../src/index.ts';

function hostWith(input: HostConfigInput, options: HostOptions = {}): Host {
  const checked = checkHostConfig(input);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createHost(checked.config, { record: true, ...options });
}

const WEB = { name: 'web', mac: '00-15-5D-00-00-01' };
const DB = { name: 'db', mac: '00-15-5D-00-00-02', vlan: 100 };

function frame(last: number, vlan = 0, length = 64): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => i & 255);
  bytes.set([0x00, 0x15, 0x5d, 0, 0, last, 2, 0, 0, 0, 0, 9]);
  bytes.set(vlan === 0 ? [0x08, 0x00] : [0x81, 0x00, vlan >> 8, vlan & 255, 0x08, 0x00], 12);
  return bytes;
}

function send(host: Host, ...frames: Uint8Array[]): void {
  for (const bytes of frames) expect(host.wire.send(bytes, 0, bytes.length)).not.toBe(0);
  host.wire.flush();
  host.runUntilIdle();
}

function received(host: Host, name: string): number {
  return host.takeReceived(name, () => {});
}

describe.each(['deterministic', 'threads'] as const)('VMs that come and go, executor %s', (executor) => {
  it('SW-21 a VM starts while the host runs, gets its queue and its frames, and leaves nothing behind', async () => {
    const host = hostWith({ processors: 2, executor, vms: [WEB] });
    expect(host.addVm(DB).status).toBe(NDIS_STATUS_SUCCESS);
    expect(host.vmNames).toEqual(['web', 'db']);
    expect(host.inspect().ports.map(({ VmName, QueueID }) => [VmName, QueueID])).toEqual([
      ['web', 1],
      ['db', 2],
    ]);
    send(host, frame(1), frame(2, 100), frame(2, 100));
    expect([received(host, 'web'), received(host, 'db')]).toEqual([1, 2]);

    expect(host.removeVm('db').status).toBe(NDIS_STATUS_SUCCESS);
    expect(host.inspect().queues.map(({ QueueID }) => QueueID)).toEqual([0, 1]);
    expect(host.inspect().ports.length).toBe(1);
    expect(host.adapter.inspect().outstanding).toMatchObject({ sends: 0 });
    send(host, frame(2, 100), frame(1));
    expect([received(host, 'web'), received(host, 'db')]).toEqual([1, 0]);
    expect(host.inspect().ledger.ends.dropped).toEqual({ 'nic.no-match': 1 });

    // Its place is the next one's: the same agent and memory, wiped, and its queue id is used again.
    const segments = host.machine.memory.segments.length;
    expect(host.addVm({ name: 'next', mac: '00-15-5D-00-00-03' }).status).toBe(NDIS_STATUS_SUCCESS);
    expect(host.machine.memory.segments.length).toBe(segments);
    expect(
      host.inspect().ports.map(({ VmName, QueueID, framesDelivered }) => [VmName, QueueID, framesDelivered]),
    ).toEqual([
      ['web', 1, 2],
      ['next', 2, 0],
    ]);
    send(host, frame(3), frame(1), frame(3));
    expect([received(host, 'web'), received(host, 'next')]).toEqual([1, 2]);
    expect(host.inspect().conservation).toBe(true);
    await host.stop();
  });
});

describe('VMs that come and go', () => {
  it('SEC-08 the next VM in a place finds nothing of the one before', async () => {
    const host = hostWith({ vms: [WEB, DB] });
    const secret = frame(2, 100, 900).fill(0xa5, 18);
    send(host, secret);
    const segment = host.machine.memory.segments.at(-1);
    const traces = (): number => (segment?.u8 ?? new Uint8Array()).filter((byte) => byte === 0xa5).length;
    expect(traces()).toBeGreaterThan(800);
    host.removeVm('db');
    expect(segment?.u8.every((byte) => byte === 0)).toBe(true);
    host.addVm({ name: 'next', mac: '00-15-5D-00-00-03' });
    expect(traces()).toBe(0);
    await host.stop();
  });

  it('refuses what cannot be, and changes nothing', async () => {
    const host = hostWith({ vms: [WEB], maxVms: 2 });
    const before = JSON.stringify(host.inspect());
    const statuses = [
      { name: 'b', mac: 'x' },
      { name: 'b', mac: '01-00-5E-00-00-01' },
      { name: 'web', mac: '00-15-5D-00-00-09' },
      { name: 'b', mac: '00:15:5d:00:00:01' },
    ].map((vm) => host.addVm(vm));
    expect(statuses.map(({ status }) => status)).toEqual([
      NDIS_STATUS_INVALID_PARAMETER,
      NDIS_STATUS_INVALID_PARAMETER,
      NDIS_STATUS_RESOURCE_CONFLICT,
      NDIS_STATUS_RESOURCE_CONFLICT,
    ]);
    expect(statuses[0]?.reason).toMatch(/^mac: expected a MAC/);
    expect(JSON.stringify(host.inspect())).toBe(before);
    expect(host.addVm(DB).status).toBe(NDIS_STATUS_SUCCESS);
    expect(host.addVm({ name: 'c', mac: '00-15-5D-00-00-03' })).toMatchObject({
      status: NDIS_STATUS_RESOURCES,
    });
    expect(host.removeVm('nobody').status).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(host.vmNames).toEqual(['web', 'db']);
    await host.stop();
  });

  it('SW-21 a port that is referred to outlives its VM, and goes when it is not any more', async () => {
    const host = hostWith({ vms: [WEB, DB] });
    const port = host.inspect().ports[1]?.PortId ?? 0;
    host.virtualSwitch.referencePort(port);
    expect(host.removeVm('db')).toMatchObject({ status: NDIS_STATUS_INVALID_PORT_STATE });
    expect(host.vmNames).toEqual(['web']);
    expect(host.virtualSwitch.inspect().ports[1]?.state).toBe('torn-down');
    send(host, frame(2, 100));
    expect(host.inspect().ledger.ends.dropped).toEqual({ 'nic.no-match': 1 });
    host.virtualSwitch.dereferencePort(port);
    expect(host.removeVm('db').status).toBe(NDIS_STATUS_SUCCESS);
    expect(host.virtualSwitch.inspect().ports.length).toBe(1);
    await host.stop();
  });

  it('a vetoed port is no port, and the VM that wanted it is not there', async () => {
    const host = hostWith(
      { vms: [WEB] },
      {
        admitPort: ({ vmName }) =>
          vmName === 'db' ? { status: NDIS_STATUS_RESOURCES, reason: 'no port for db' } : undefined,
      },
    );
    expect(host.addVm(DB)).toEqual({ status: NDIS_STATUS_RESOURCES, reason: 'no port for db' });
    expect(host.vmNames).toEqual(['web']);
    expect(host.addVm({ name: 'app', mac: DB.mac }).status).toBe(NDIS_STATUS_SUCCESS);
    await host.stop();
  });

  it.each(['6.20', '6.30'] as const)(
    'NDIS %s: fifty VMs come and go, and memory and queues come back',
    async (ndisVersion) => {
      const host = hostWith({ ndisVersion, processors: 2, vms: [WEB], maxVms: 3 });
      const inUse = () => host.adapter.inspect().sharedMemory.length;
      const before = inUse();
      for (let n = 0; n < 50; n++) {
        expect(host.addVm({ ...DB, name: `db${n}` }).status).toBe(NDIS_STATUS_SUCCESS);
        send(host, frame(2, 100, 900), frame(1), frame(2, 100, 70));
        expect([received(host, `db${n}`), received(host, 'web')]).toEqual([2, 1]);
        expect(host.removeVm(`db${n}`).status).toBe(NDIS_STATUS_SUCCESS);
      }
      expect(inUse()).toBe(before);
      expect(host.inspect().conservation).toBe(true);
      await host.stop();
    },
  );
});
