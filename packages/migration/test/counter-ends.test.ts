/** What a host does does not depend on where its counters stand (docs/limits.md). */
import { NDIS_DEVICE_POWER_STATE } from '@vmq/abi';
import { checkHostConfig, createHost, type Host, type HostOptions } from '@vmq/host';
import type { LedgerReport } from '@vmq/machine';
import { NIC_AGENT, NIC_TRACE, REG, RX_QUEUE_STRIDE } from '@vmq/nic';
import { VSWITCH_TRACE } from '@vmq/vswitch';
import { describe, expect, it } from 'vitest';
import { migrateVm } from '../src/index.ts';

const { NdisDeviceStateD0: D0, NdisDeviceStateD3: D3 } = NDIS_DEVICE_POWER_STATE;
const MACS = ['00-15-5D-00-00-01', '00-15-5D-00-00-02', '00-15-5D-00-00-03'];
const BROADCAST = [255, 255, 255, 255, 255, 255];
const vmOf = (n: number) => ({ name: `vm${n}`, mac: MACS[n - 1], vlan: n === 2 ? 100 : 0 });

interface Options extends HostOptions {
  readonly ndisVersion?: '6.20' | '6.30';
  readonly receiveEngines?: number;
  readonly executor?: 'deterministic' | 'threads';
}

function hostWith(options: Options): Host {
  const { ndisVersion = '6.30', receiveEngines = 1, executor = 'deterministic', ...rest } = options;
  const checked = checkHostConfig({
    executor,
    processors: 2,
    ndisVersion,
    nic: { receiveEngines, receiveBuffers: 32 },
    vms: [vmOf(1), vmOf(2)],
    maxVms: 4,
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createHost(checked.config, { record: true, sources: true, ...rest });
}

/** A frame that says which it is. */
function frame(to: readonly number[], number: number, vlan = 0, from = [2, 0, 0, 0, 0, 9]): Uint8Array {
  const bytes = new Uint8Array(60 + (number % 5) * 90);
  bytes.set(to, 0);
  bytes.set(from, 6);
  bytes.set(vlan === 0 ? [0x88, 0xb5] : [0x81, 0x00, 0, vlan, 0x88, 0xb5], 12);
  new DataView(bytes.buffer).setUint32(20, number);
  return bytes;
}

const macBytes = (n: number): number[] => [0x00, 0x15, 0x5d, 0, 0, n];

/** All that VMs and wire got, in order. */
class Story {
  readonly received: Record<string, number[]> = {};
  readonly transmitted: number[] = [];
  sent = 0;

  look(host: Host): void {
    for (const name of host.vmNames) {
      this.received[name] ??= [];
      host.takeReceived(name, ({ bytes, offset, length }) => {
        const untagged = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
        this.received[name]?.push(untagged.getUint32(name === 'vm2' ? 16 : 20));
      });
    }
    host.wire.receive((bytes, offset) => {
      this.transmitted.push(new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(20));
    });
  }

  /** Frames from the wire, to the wire and between VMs. */
  round(host: Host): void {
    for (let i = 0; i < 12; i++) {
      const number = ++this.sent;
      const n = 1 + (number % 2);
      const to = i === 11 ? BROADCAST : macBytes(n);
      const bytes = frame(to, number, n === 2 && i !== 11 ? 100 : 0);
      expect(host.wire.send(bytes, 0, bytes.length)).toBeGreaterThan(0);
    }
    for (const [from, to] of [
      [1, [2, 9, 9, 9, 9, 9]],
      [1, macBytes(3)],
      [3, macBytes(1)],
    ] as const) {
      const name = `vm${from}`;
      if (!host.vmNames.includes(name)) continue;
      const bytes = frame(to, ++this.sent, 0, macBytes(from));
      expect(host.sendFrom(name, bytes, 0, bytes.length)).toBe(true);
    }
    host.wire.flush();
    host.runUntilIdle();
    this.look(host);
  }
}

interface Life {
  readonly story: Story;
  readonly ledger: LedgerReport;
  readonly kinds: readonly number[];
  readonly lost: number;
}

const ascending = (a: number, b: number): number => a - b;

/** Traffic while a VM comes and goes, a queue changes its processor, and the device is reset. */
async function life(options: Options): Promise<Life> {
  const host = hostWith(options);
  const story = new Story();
  for (let i = 0; i < 8; i++) story.round(host);
  expect(host.addVm(vmOf(3)).status).toBe(0);
  for (let i = 0; i < 4; i++) story.round(host);
  host.trace.setLevel(2);
  host.publish();
  story.round(host);
  const kinds = host.trace.drain().map(({ kind }) => kind);
  host.trace.setLevel(0);
  expect(host.adapter.reset()).toBe(0);
  for (let i = 0; i < 4; i++) story.round(host);
  expect(host.removeVm('vm3').status).toBe(0);
  for (let i = 0; i < 4; i++) story.round(host);
  const { ledger, conservation } = host.inspect();
  expect({ conservation, ...ledger }).toMatchObject({ conservation: true, inFlight: 0 });
  expect(ledger.ends.dropped['miniport.bad-completion']).toBe(undefined);
  expect(host.ndis.refusals.entries.filter(({ kind }) => kind === 'violation')).toEqual([]);
  await host.stop();
  return { story, ledger, kinds, lost: host.trace.lost };
}

/** Each counter near each of its ends. */
const STARTS = [
  { words: 0x7fff_ffff - 40 },
  { words: -40 },
  { numbers: 2 ** 31 - 3 },
  { numbers: 2 ** 32 - 3 },
  { numbers: 2 ** 51 },
  { nanoseconds: 2 ** 53 - 100_000 },
  { words: -40, numbers: 2 ** 32 - 3, nanoseconds: 2 ** 53 - 100_000 },
] as const;

describe.each([
  ['6.30', 1],
  ['6.20', 1],
  ['6.30', 2],
] as const)('profile %s, %d receive engines', (ndisVersion, receiveEngines) => {
  it.each(STARTS)('counters from %j: all is as it is from 0', async (counters) => {
    const options = { ndisVersion, receiveEngines };
    expect(await life({ ...options, counters })).toEqual(await life(options));
  });

  // A batch ends where stamps begin anew, so the order of what is done side by side may be another one.
  it.each([1, 7, 40, 200])(
    'receive stamps that begin anew after %d frames: every frame arrives',
    async (n) => {
      const options = { ndisVersion, receiveEngines };
      const counters = { stamps: 0x7fff_ffff - n };
      const [there, here] = await Promise.all([life({ ...options, counters }), life(options)]);
      expect(there.ledger).toEqual(here.ledger);
      for (const [name, numbers] of Object.entries(there.story.received))
        expect([...numbers].sort(ascending)).toEqual([...(here.story.received[name] ?? [])].sort(ascending));
      expect(there.story.transmitted).toEqual(here.story.transmitted);
    },
  );
});

describe('a queue that is idle while others receive', () => {
  /** As if so many frames had passed: the port's count goes on. */
  const letPass = (host: Host, frames: number): void => {
    const bar = host.machine.memory.segments.find(({ name }) => name === NIC_AGENT)?.i32 as Int32Array;
    const at = REG.RXSTAMP >> 2;
    bar[at] = (bar[at] + frames) & 0x7fff_ffff;
  };

  it.each([2 ** 30, 2 ** 31 - 50, 2 ** 31, 2 ** 31 + 2 ** 30])(
    'gets its frames after %d others, however many those were',
    async (frames) => {
      const host = hostWith({});
      const numbers: number[] = [];
      for (let i = 0; i < 200; i++) {
        const bytes = frame(macBytes(1), i);
        expect(host.wire.send(bytes, 0, bytes.length)).toBeGreaterThan(0);
        host.wire.flush();
        host.runUntilIdle();
        letPass(host, frames);
        host.takeReceived('vm1', ({ bytes: got, offset }) => {
          numbers.push(new DataView(got.buffer, got.byteOffset + offset).getUint32(20));
        });
      }
      expect(numbers).toEqual(Array.from({ length: 200 }, (_, i) => i));
      expect(host.inspect().ledger.ends.dropped).toEqual({});
      await host.stop();
    },
  );
});

it('stamps of the wire are those of the NIC after a reset and after low power, too', async () => {
  const host = hostWith({ receiveEngines: 2 });
  const bytes = frame(macBytes(1), 1);
  const traced: number[] = [];
  const sent: number[] = [];
  for (const happen of [
    () => {},
    () => host.adapter.reset(),
    () => host.adapter.setPower(D3) | host.adapter.setPower(D0),
  ]) {
    happen();
    host.trace.setLevel(2);
    host.publish();
    for (let i = 0; i < 3; i++) sent.push(host.wire.send(bytes, 0, bytes.length));
    host.wire.flush();
    host.runUntilIdle();
    traced.push(
      ...host.trace.drain().flatMap(({ kind, stamp }) => (kind === NIC_TRACE.FRAME ? [stamp] : [])),
    );
  }
  expect(sent).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(traced).toEqual(sent);
  await host.stop();
});

it('gives each frame on the wire a stamp that is not 0, and takes none for a full wire', async () => {
  const host = hostWith({ counters: { stamps: 0x7fff_fffd } });
  const bytes = frame(macBytes(1), 1);
  const stamps = Array.from({ length: 5 }, () => host.wire.send(bytes, 0, bytes.length));
  expect(stamps).toEqual([0x7fff_fffe, 0x7fff_ffff, 1, 2, 3]);
  host.trace.setLevel(2);
  host.publish();
  host.wire.flush();
  host.runUntilIdle();
  const traced = host.trace.drain().flatMap(({ kind, stamp }) => (kind === NIC_TRACE.FRAME ? [stamp] : []));
  expect(traced).toEqual(stamps);
  let received = 0;
  host.takeReceived('vm1', () => received++);
  expect(received).toBe(5);
  await host.stop();
});

it('a VM moves between hosts whose counters stand elsewhere, and each numbers its deliveries as its switch does', async () => {
  const starts = [{ words: -5 }, { words: 0x7fff_fffa, numbers: 2 ** 32 - 2 }, {}];
  const hosts = starts.map((counters) => hostWith({ counters }));
  const [first, ...others] = hosts as [Host, ...Host[]];
  for (const host of others) for (const name of ['vm1', 'vm2']) expect(host.removeVm(name).status).toBe(0);
  let at = first;
  let sent = 0;
  const numbers: number[] = [];
  for (let move = 0; move < 9; move++) {
    const to = hosts[(move + 1) % 3];
    expect(migrateVm(at, to, 'vm1')).toMatchObject({ status: 0 });
    at = to;
    to.trace.setLevel(1);
    to.publish();
    for (let i = 0; i < 5; i++) {
      const bytes = frame(macBytes(1), ++sent);
      expect(to.wire.send(bytes, 0, bytes.length)).toBeGreaterThan(0);
    }
    to.wire.flush();
    to.runUntilIdle();
    const traced = to.trace
      .drain()
      .flatMap(({ kind, e }) => (kind === VSWITCH_TRACE.DELIVERY ? [e >>> 0] : []));
    to.takeReceived('vm1', ({ bytes, offset, delivery }) => {
      numbers.push(new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(20));
      expect(traced).toContain(delivery >>> 0);
    });
  }
  expect(numbers).toEqual(Array.from({ length: sent }, (_, i) => i + 1));
  for (const host of hosts) await host.stop();
});

it('channels are numbered from 1 again behind 2^31 - 1, past those that are in use', async () => {
  const host = hostWith({ counters: { numbers: 0x7fff_ffff - 4 } });
  for (let n = 0; n < 6; n++) {
    expect(host.addVm(vmOf(3)).status).toBe(0);
    const bytes = frame(macBytes(3), n);
    host.wire.send(bytes, 0, bytes.length);
    host.wire.flush();
    host.runUntilIdle();
    expect(host.takeReceived('vm3', () => {})).toBe(1);
    expect(host.removeVm('vm3').status).toBe(0);
  }
  await host.stop();
});

it.each([{ words: -400 }, { words: 0x7fff_ffff - 400, stamps: 0x7fff_ffff - 400 }])(
  'threads agree on where counters begin: %j',
  async (counters) => {
    const host = hostWith({ executor: 'threads', receiveEngines: 2, counters });
    const story = new Story();
    for (let i = 0; i < 60; i++) story.round(host);
    const { ledger, conservation } = host.inspect();
    expect([conservation, ledger.received, ledger.ends.dropped]).toEqual([true, story.sent, {}]);
    await host.stop();
  },
);

describe('statistics of 64 bits in two words', () => {
  it.each([2 ** 32 - 7, 2 ** 40 - 7])('go on past %d', async (before) => {
    const host = hostWith({});
    const bar = host.machine.memory.segments.find(({ name }) => name === NIC_AGENT)?.i32 as Int32Array;
    const { QueueID } = host.inspect().queues.find(({ VmFriendlyName }) => VmFriendlyName === 'vm1') ?? {
      QueueID: 0,
    };
    const at = QueueID * RX_QUEUE_STRIDE;
    for (const [low, high] of [
      [REG.RXPKTLO, REG.RXPKTHI],
      [REG.RXBYTLO, REG.RXBYTHI],
      [REG.RXDROP, REG.RXDROPHI],
    ] as const) {
      bar[(low + at) >> 2] = (before % 2 ** 32) | 0;
      bar[(high + at) >> 2] = Math.floor(before / 2 ** 32);
    }
    const bytes = new Uint8Array(60);
    bytes.set([...macBytes(1), 2, 0, 0, 0, 0, 9, 0x88, 0xb5]);
    // The queue has 32 buffers, and the VM does not run.
    for (let i = 0; i < 100; i++) expect(host.wire.send(bytes, 0, 60)).toBeGreaterThan(0);
    host.executor.stall('processor:0', 1e6);
    host.executor.stall('processor:1', 1e6);
    host.publish();
    host.wire.flush();
    host.runUntilIdle();
    const queue = host.inspect().queues.find((one) => one.QueueID === QueueID);
    const { dropped } = host.inspect().ledger.ends;
    const lost = dropped['nic.no-descriptor'];
    expect(lost).toBeGreaterThan(10);
    expect(queue).toMatchObject({
      frames: before + 100 - lost,
      bytes: before + (100 - lost) * 60,
      droppedNoDescriptor: before + lost,
    });
    await host.stop();
  });
});
