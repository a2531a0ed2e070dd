import { describe, expect, it } from 'vitest';
import { checkHostConfig, createHost, type Host, type HostConfigInput } from '../../src/index.ts';

function hostWith(input: HostConfigInput, record = true): Host {
  const checked = checkHostConfig(input);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createHost(checked.config, { record });
}

/** An Ethernet frame of `length` bytes: addresses as twelve bytes, then a counting payload. */
function frame(destination: number[], length: number, vlan = 0, source = [2, 0, 0, 0, 0, 9]): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => i & 255);
  bytes.set(destination, 0);
  bytes.set(source, 6);
  bytes.set(vlan === 0 ? [0x08, 0x00] : [0x81, 0x00, vlan >> 8, vlan & 255, 0x08, 0x00], 12);
  return bytes;
}

const WEB = [0x00, 0x15, 0x5d, 0, 0, 1];
const DB = [0x00, 0x15, 0x5d, 0, 0, 2];
const BROADCAST = [255, 255, 255, 255, 255, 255];

const TWO_VMS: HostConfigInput = {
  processors: 2,
  vms: [
    { name: 'web', mac: '00-15-5D-00-00-01' },
    { name: 'db', mac: '00-15-5D-00-00-02', vlan: 100 },
  ],
};

function received(host: Host, name: string): number[][] {
  const frames: number[][] = [];
  host.takeReceived(name, ({ bytes, offset, length }) => {
    frames.push([...bytes.subarray(offset, offset + length)]);
  });
  return frames;
}

function send(host: Host, ...frames: Uint8Array[]): void {
  for (const bytes of frames) expect(host.wire.send(bytes, 0, bytes.length)).toBeGreaterThan(0);
  host.wire.flush();
  host.runUntilIdle();
}

describe.each([
  ['VMQ on', true],
  ['VMQ off', false],
] as const)('a host with %s', (_, vmq) => {
  it('SW-05 SW-06 SW-18 gives each VM the frames of its address and VLAN, untagged, and nothing else', async () => {
    const host = hostWith({ ...TWO_VMS, vmq });
    const toWeb = frame(WEB, 64);
    const toDb = frame(DB, 100, 100);
    send(host, toWeb, toDb, frame(WEB, 70, 100), frame(DB, 80), frame([2, 2, 2, 2, 2, 2], 64));
    expect(received(host, 'web')).toEqual([[...toWeb]]);
    expect(received(host, 'db')).toEqual([[...toDb.subarray(0, 12), ...toDb.subarray(16)]]);
    const { ledger, conservation } = host.inspect();
    expect(conservation).toBe(true);
    expect(ledger.received).toBe(5);
    expect(ledger.ends.delivered).toBe(2);
    expect(Object.values(ledger.ends.dropped).reduce((sum, n) => sum + n, 0)).toBe(3);
    await host.stop();
  });

  it('SW-15 gives a broadcast once to each port of its VLAN; further deliveries count as copies', async () => {
    const host = hostWith({
      ...TWO_VMS,
      vmq,
      vms: [...(TWO_VMS.vms ?? []), { name: 'app', mac: '00-15-5D-00-00-03' }],
    });
    const all = frame(BROADCAST, 60);
    send(host, all);
    expect(received(host, 'web')).toEqual([[...all]]);
    expect(received(host, 'app')).toEqual([[...all]]);
    expect(received(host, 'db')).toEqual([]);
    expect(host.inspect().ledger).toMatchObject({
      received: 1,
      ends: { delivered: 1 },
      copies: 1,
      inFlight: 0,
    });
    await host.stop();
  });

  it('carries ten thousand frames of all sizes, in order, through every ring', async () => {
    const host = hostWith({ ...TWO_VMS, vmq });
    const expected: number[] = [];
    const got: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      const bytes = frame(WEB, 60 + (i % 1455));
      bytes.set([i >> 8, i & 255], 20);
      expected.push(i);
      expect(host.wire.send(bytes, 0, bytes.length)).not.toBe(0);
      if (i % host.window === host.window - 1) {
        host.wire.flush();
        host.runUntilIdle();
        host.takeReceived('web', ({ bytes: b, offset }) => {
          got.push((b[offset + 20] << 8) | b[offset + 21]);
        });
      }
    }
    host.wire.flush();
    host.runUntilIdle();
    host.takeReceived('web', ({ bytes: b, offset }) => {
      got.push((b[offset + 20] << 8) | b[offset + 21]);
    });
    expect(got).toEqual(expected);
    expect(host.inspect().ledger.ends).toEqual({ delivered: 10_000, transmitted: 0, dropped: {} });
    await host.stop();
  });
});

describe('queues', () => {
  it('SW-02 SW-03 SW-04 gives each VM a queue with its filter, on a processor of its own', async () => {
    const host = hostWith(TWO_VMS);
    const { queues, ports } = host.inspect();
    expect(
      queues.map(({ QueueID, State, NumFilters, VmFriendlyName }) => [
        QueueID,
        State,
        NumFilters,
        VmFriendlyName,
      ]),
    ).toEqual([
      [0, 'Running', 0, ''],
      [1, 'Running', 1, 'web'],
      [2, 'Running', 1, 'db'],
    ]);
    expect(new Set(queues.slice(1).map(({ Processor }) => Processor)).size).toBe(2);
    expect(ports.map(({ QueueID }) => QueueID)).toEqual([1, 2]);
    await host.stop();
  });

  it('SW-08 serves a VM from the default queue when there is no queue left', async () => {
    const vms = Array.from({ length: 10 }, (_, i) => ({ name: `vm${i}`, mac: `00-15-5D-00-01-0${i}` }));
    const host = hostWith({ nic: { profile: 'netvmini' }, vms });
    const { ports } = host.inspect();
    expect(ports.filter(({ QueueID }) => QueueID === 0).length).toBe(2);
    expect(ports.find(({ QueueID }) => QueueID === 0)?.noQueueReason).toBeTruthy();
    const last = frame([0x00, 0x15, 0x5d, 0, 1, 9], 64);
    send(host, last);
    expect(received(host, 'vm9')).toEqual([[...last]]);
    await host.stop();
  });
});
