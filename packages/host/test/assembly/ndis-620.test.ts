/**
 * The 6.20 profile end to end: split VM queues, the rest of each frame in the VM's own memory, no second copy; and
 * what guests that hold on to it can and cannot do.
 */
import { readFileSync } from 'node:fs';
import {
  NDIS_DEVICE_POWER_STATE,
  NDIS_FRAME_HEADER,
  NDIS_MAC_HEADER_FIELD,
  NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_FILTER_TEST,
  NDIS_RECEIVE_FILTER_TYPE,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED,
  NDIS_RECEIVE_QUEUE_TYPE,
  NDIS_SHARED_MEMORY_USAGE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_SET_FILTER,
} from '@vmq/abi';
import { readCapture } from '@vmq/capture';
import { type MiniportDataPathFactory, methodRequest, type NetBufferList } from '@vmq/ddi';
import { HOST_SEGMENT } from '@vmq/machine';
import { createVmqMiniportDataPath, VMQ_MINIPORT_DATA_PATH } from '@vmq/miniport';
import { createHostMemoryProvider } from '@vmq/vswitch';
import { afterEach, describe, expect, it } from 'vitest';
import {
  checkHostConfig,
  createHost,
  type Host,
  type HostConfigInput,
  type HostOptions,
} from '../../src/index.ts';
import { replay } from './replay.test-support.ts';

const LOOKAHEAD = 64;
const WEB = [0x00, 0x15, 0x5d, 0, 0, 1];
const DB = [0x00, 0x15, 0x5d, 0, 0, 2];
const TWO_VMS: HostConfigInput = {
  ndisVersion: '6.20',
  processors: 2,
  nic: { receiveBuffers: 32 },
  vms: [
    { name: 'web', mac: '00-15-5D-00-00-01' },
    { name: 'db', mac: '00-15-5D-00-00-02', vlan: 100 },
  ],
};
/** Frames a guest of TWO_VMS records before it holds on to what comes: four windows. */
const RECORDED = 4 * 32;

const hosts: Host[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});

function hostWith(input: HostConfigInput, options: HostOptions = {}): Host {
  const checked = checkHostConfig(input);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const host = createHost(checked.config, { record: true, ...options });
  hosts.push(host);
  return host;
}

/** A frame whose bytes beyond the header occur nowhere else: `mark` is in each group of eight. */
function frame(to: readonly number[], length: number, mark: number, vlan = 0): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => {
    const word = (i >> 3) + 1;
    return [0xc5, mark >> 8, mark & 255, 0x3a, word, i & 7, 0x96, 0x69][i & 7];
  });
  bytes.set(to, 0);
  bytes.set([2, 0, 0, 0, 0, 9], 6);
  bytes.set(vlan === 0 ? [0x08, 0x00] : [0x81, 0x00, vlan >> 8, vlan & 255, 0x08, 0x00], 12);
  return bytes;
}

/** The frame as its VM gets it. */
const untagged = (bytes: Uint8Array): number[] =>
  bytes[12] === 0x81 ? [...bytes.subarray(0, 12), ...bytes.subarray(16)] : [...bytes];

function send(host: Host, frames: readonly Uint8Array[]): void {
  for (const bytes of frames) expect(host.wire.send(bytes, 0, bytes.length)).toBeGreaterThan(0);
  host.wire.flush();
  host.runUntilIdle();
}

function received(host: Host, name: string): number[][] {
  const frames: number[][] = [];
  host.takeReceived(name, ({ bytes, offset, length }) => {
    frames.push([...bytes.subarray(offset, offset + length)]);
  });
  host.runUntilIdle();
  return frames;
}

/** How often a byte sequence lies in a segment. */
function occurrences(host: Host, segment: number, wanted: Uint8Array): number {
  const { u8 } = host.machine.memory.segment(segment);
  const memory = Buffer.from(u8.buffer, u8.byteOffset, u8.byteLength);
  let count = 0;
  for (let at = memory.indexOf(wanted); at >= 0; at = memory.indexOf(wanted, at + 1)) count++;
  return count;
}

const segmentOf = (host: Host, name: string): number => {
  const found = host.machine.memory.segments.find((segment) => segment.name === `vm:${name}`);
  if (found === undefined) throw new Error(`no segment of ${name}`);
  return found.id;
};
const portOf = (host: Host, name: string) => {
  const found = host.virtualSwitch.inspect().ports.find(({ vmName }) => vmName === name);
  if (found === undefined) throw new Error(`no port of ${name}`);
  return found;
};
/** Segments that a VM queue's blocks of a usage lie in. */
const segmentsOf = (host: Host, queueId: number, usage: number): number[] => {
  const blocks = host.adapter.inspect().sharedMemory;
  const mine = blocks.filter((block) => block.queueId === queueId && block.usage === usage);
  return [...new Set(mine.flatMap(({ elements }) => elements.map(({ segment }) => segment)))];
};
const { NdisDeviceStateD0: D0, NdisDeviceStateD3: D3 } = NDIS_DEVICE_POWER_STATE;

/** Fills the record of a guest, so that it keeps every further frame in its receive buffer. */
function makeHold(host: Host, to: readonly number[], vlan = 0): Uint8Array[] {
  const first = Array.from({ length: RECORDED }, (_, i) => frame(to, 200, i, vlan));
  for (let i = 0; i < RECORDED; i += 32) send(host, first.slice(i, i + 32));
  return first;
}

/** Options of a host where `look` sees every NBL that the miniport indicates, before anybody else. */
function indications(look: (nbl: NetBufferList) => void): HostOptions {
  const watched: MiniportDataPathFactory = (context, processor, image, up) =>
    createVmqMiniportDataPath(context, processor, image, {
      receiveNetBufferLists(chain, port, count, flags) {
        for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) look(nbl);
        up.receiveNetBufferLists(chain, port, count, flags);
      },
      sendNetBufferListsComplete: (chain, flags) => up.sendNetBufferListsComplete(chain, flags),
    });
  return { dataPaths: { miniports: { [VMQ_MINIPORT_DATA_PATH]: watched } } };
}

function conserved(host: Host): void {
  const { ledger, conservation } = host.inspect();
  expect(conservation, JSON.stringify(ledger)).toBe(true);
}

describe('a 6.20 host', () => {
  it('CAP-12 QUE-12 QUE-13 SHM-10 SHM-13 SEC-04 splits VM queues, lookahead in host memory, the rest in the VM’s', () => {
    const host = hostWith(TWO_VMS);
    const { currentCapabilities, ndisVersion, queues } = host.adapter.inspect();
    expect(ndisVersion).toBe('6.20');
    expect(currentCapabilities).toMatchObject({ MinLookaheadSplitSize: 64, MaxLookaheadSplitSize: 256 });
    expect(queues.map(({ lookaheadSize }) => lookaheadSize)).toEqual([0, LOOKAHEAD, LOOKAHEAD]);
    for (const name of ['web', 'db']) {
      const { queueId } = portOf(host, name);
      expect(
        segmentsOf(host, queueId, NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceiveLookahead),
      ).toEqual([HOST_SEGMENT]);
      expect(
        segmentsOf(host, queueId, NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceivePostLookahead),
      ).toEqual([segmentOf(host, name)]);
      expect(segmentsOf(host, queueId, NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceive)).toEqual([]);
    }
    expect(segmentsOf(host, 0, NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceive)).toEqual([
      HOST_SEGMENT,
    ]);
    expect(host.ndis.refusals.last).toBe(null);
  });

  it('SW-13 SHM-14 RX-10 gives the VM frames of every length, of which nothing but the lookahead is copied', () => {
    const host = hostWith(TWO_VMS);
    const lengths = [14, 15, 60, 63, 64, 65, 66, 68, 72, 127, 128, 200, 511, 1000, 1513, 1514];
    const toWeb = lengths.map((length, i) => frame(WEB, length, i));
    const toDb = lengths.map((length, i) => frame(DB, Math.max(length, 18), 100 + i, 100));
    send(host, [...toWeb, ...toDb]);
    expect(received(host, 'web')).toEqual(toWeb.map(untagged));
    expect(received(host, 'db')).toEqual(toDb.map(untagged));
    const { counters } = portOf(host, 'web');
    expect(counters.bytesToGuest).toBe(lengths.reduce((sum, length) => sum + length, 0));
    expect(counters.bytesCopied).toBe(lengths.reduce((sum, length) => sum + Math.min(length, LOOKAHEAD), 0));
    conserved(host);
  });

  it.each([
    ['6.20', 0],
    ['6.30', 1],
  ] as const)(
    'SW-12 SW-13 SEC-05: on %s what follows the lookahead passes through host memory %i times',
    (ndisVersion, times) => {
      const host = hostWith({ ...TWO_VMS, ndisVersion });
      const bytes = frame(WEB, 1514, 77);
      send(host, [bytes]);
      expect(received(host, 'web')).toEqual([[...bytes]]);
      expect(occurrences(host, HOST_SEGMENT, bytes.subarray(0, 64))).toBe(1);
      expect(occurrences(host, HOST_SEGMENT, bytes.subarray(LOOKAHEAD, LOOKAHEAD + 64))).toBe(times);
    },
  );

  it('SHM-16 SEC-02 SEC-03 writes a frame to no VM’s memory but that of its MAC and VLAN, not even for a moment', () => {
    const host = hostWith(TWO_VMS);
    const own = frame(WEB, 600, 1);
    const strange = [
      frame(WEB, 600, 2, 100), // its MAC, a VLAN it is not in
      frame(DB, 600, 3), // its MAC, no VLAN
      frame(DB, 600, 4, 200),
      frame([2, 1, 1, 1, 1, 1], 600, 5),
    ];
    send(host, [own, ...strange]);
    const [web, db] = [segmentOf(host, 'web'), segmentOf(host, 'db')];
    const inside = (bytes: Uint8Array): Uint8Array => bytes.subarray(200, 300);
    expect(occurrences(host, web, inside(own))).toBe(1);
    expect(occurrences(host, db, inside(own))).toBe(0);
    for (const bytes of strange) {
      expect([occurrences(host, web, inside(bytes)), occurrences(host, db, inside(bytes))]).toEqual([0, 0]);
    }
    expect(received(host, 'web')).toEqual([[...own]]);
    expect(received(host, 'db')).toEqual([]);
    conserved(host);
  });

  it('RX-08 RX-10 indicates two MDLs and two SharedMemoryInfos for each frame of a VM queue, lookahead first', () => {
    const seen: { queue: number; mdls: number[][]; memory: number[][]; length: number }[] = [];
    const watch = indications((nbl) => {
      const nb = nbl.firstNetBuffer;
      const mdls: number[][] = [];
      const memory: number[][] = [];
      for (let mdl: typeof nb.mdl | null = nb.mdl; mdl !== null; mdl = mdl.next) {
        mdls.push([mdl.segment.id, mdl.byteCount]);
      }
      for (let info = nb.sharedMemoryInfo; info !== null; info = info.next) {
        memory.push([info.sharedMemoryHandle, info.sharedMemoryLength]);
      }
      seen.push({ queue: nbl.filteringInfo >>> 16, mdls, memory, length: nb.dataLength });
    });
    const host = hostWith(TWO_VMS, watch);
    send(host, [frame(WEB, 60, 1), frame(WEB, LOOKAHEAD, 2), frame(WEB, 1514, 3)]);
    const web = segmentOf(host, 'web');
    expect(seen.map(({ queue, mdls, length }) => ({ queue, mdls, length }))).toEqual(
      [60, LOOKAHEAD, 1514].map((length) => ({
        queue: portOf(host, 'web').queueId,
        length,
        mdls: [
          [HOST_SEGMENT, Math.min(length, LOOKAHEAD)],
          [web, Math.max(0, length - LOOKAHEAD)],
        ],
      })),
    );
    const blocks = host.adapter.inspect().sharedMemory;
    for (const { memory } of seen) {
      expect(memory.length).toBe(2);
      const usages = memory.map(([handle]) => blocks.find((b) => b.sharedMemoryHandle === handle)?.usage);
      expect(usages).toEqual([
        NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceiveLookahead,
        NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceivePostLookahead,
      ]);
      // SHM-14: the post-lookahead buffer has room for the lookahead in front, however short the frame.
      expect(memory[1]?.[1]).toBeGreaterThanOrEqual(1514);
    }
  });

  it('SEC-05 SEC-06 SW-16 judges and delivers by the lookahead, whatever the VM does to its memory meanwhile', () => {
    // As if the guest wrote between DMA and delivery: other addresses over the backfill of every section.
    let written = 0;
    const scribble = indications((nbl) => {
      const rest = nbl.firstNetBuffer.mdl.next;
      if (rest === null || rest.segment.id === HOST_SEGMENT) return;
      rest.segment.u8.fill(0xee, rest.byteOffset - LOOKAHEAD, rest.byteOffset);
      written++;
    });
    const host = hostWith(TWO_VMS, scribble);
    const bytes = frame(WEB, 900, 5);
    send(host, [bytes]);
    expect(received(host, 'web')).toEqual([[...bytes]]);
    expect(written).toBe(1);
    expect(host.virtualSwitch.inspect().learned.map(({ macAddress }) => macAddress)).toEqual([
      '02-00-00-00-00-09',
    ]);
  });
});

describe('requests to a 6.20 miniport', () => {
  const mac = { FieldByteArrayValue: Uint8Array.from(WEB) };
  const filter = (macFlags: number, vlan: number | null): Uint8Array => {
    const test = (field: number, value: object, Flags: number) => ({
      Flags,
      FrameHeader: NDIS_FRAME_HEADER.NdisFrameHeaderMac,
      ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual,
      HeaderField: { MacHeaderField: field as 1 },
      FieldValue: value as typeof mac,
    });
    const tests = [test(NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldDestinationAddress, mac, macFlags)];
    const inVlan = { FieldShortValue: vlan };
    if (vlan !== null) tests.push(test(NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldVlanId, inVlan, 0));
    const FilterType = NDIS_RECEIVE_FILTER_TYPE.NdisReceiveFilterTypeVMQueue;
    return NDIS_RECEIVE_FILTER_PARAMETERS.encode({ FilterType, QueueId: 0, elements: tests }, { ndis: 620 });
  };
  const queue = (Flags: number, LookaheadSize: number): Uint8Array => {
    const QueueType = NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue;
    const ProcessorAffinity = { Mask: 1n, Group: 0 };
    return NDIS_RECEIVE_QUEUE_PARAMETERS.encode(
      { Flags, QueueType, ProcessorAffinity, LookaheadSize },
      { ndis: 620 },
    );
  };
  const SPLIT = NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED;
  const UNTAGGED = NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO;

  it.each<[string, number, Uint8Array, string]>([
    ['a filter with neither VLAN test nor flag', OID_RECEIVE_FILTER_SET_FILTER, filter(0, null), 'FLT-18'],
    ['a filter for untagged frames', OID_RECEIVE_FILTER_SET_FILTER, filter(UNTAGGED, null), ''],
    ['a filter for a VLAN', OID_RECEIVE_FILTER_SET_FILTER, filter(0, 300), ''],
    ['a lookahead without a split', OID_RECEIVE_FILTER_ALLOCATE_QUEUE, queue(0, 64), 'QUE-12'],
    ['a lookahead above the maximum', OID_RECEIVE_FILTER_ALLOCATE_QUEUE, queue(SPLIT, 257), 'QUE-13'],
    ['a lookahead at the maximum', OID_RECEIVE_FILTER_ALLOCATE_QUEUE, queue(SPLIT, 256), ''],
    ['no lookahead', OID_RECEIVE_FILTER_ALLOCATE_QUEUE, queue(0, 0), ''],
  ])('FLT-18 QUE-12 QUE-13: %s', (_, oid, bytes, rule) => {
    const host = hostWith(TWO_VMS);
    const status = host.adapter.userModeRequest(methodRequest(oid, bytes));
    expect(host.ndis.refusals.last?.rule ?? '').toBe(rule);
    expect(status).toBe(rule === '' ? NDIS_STATUS_SUCCESS : NDIS_STATUS_INVALID_PARAMETER);
  });
});

describe('without what the split needs', () => {
  it.each([
    ['CAP-12 the keyword *VMQLookaheadSplit', { keywords: { '*VMQLookaheadSplit': 0 } }],
    ['a NIC that can split', { profile: '82599' }],
  ])('SEC-04 host buffers and a copy: %s', (_, nic) => {
    const host = hostWith({ ...TWO_VMS, nic: { receiveBuffers: 32, ...nic } });
    expect(host.adapter.inspect().queues.map(({ lookaheadSize }) => lookaheadSize)).toEqual([0, 0, 0]);
    const { sharedMemory } = host.adapter.inspect();
    for (const { elements } of sharedMemory) {
      for (const { segment } of elements) expect(segment).toBe(HOST_SEGMENT);
    }
    const bytes = frame(WEB, 1000, 9);
    send(host, [bytes]);
    expect(received(host, 'web')).toEqual([[...bytes]]);
    expect(portOf(host, 'web').counters.bytesCopied).toBe(1000);
    expect(portOf(host, 'web').queueId).not.toBe(0);
  });

  it('SHM-11 SEC-04 a provider that has no VM memory to give: the split stays, both parts are copied', () => {
    const host = hostWith(TWO_VMS);
    const { port } = portOf(host, 'web');
    host.virtualSwitch.disconnectNic(port);
    host.ndis.setOptionalHandlers(createHostMemoryProvider('host only', host.sharedMemory));
    expect(host.virtualSwitch.connectNic(port).status).toBe(NDIS_STATUS_SUCCESS);
    const { queueId } = portOf(host, 'web');
    expect(
      segmentsOf(host, queueId, NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceivePostLookahead),
    ).toEqual([HOST_SEGMENT]);
    const frames = [60, LOOKAHEAD, LOOKAHEAD + 1, 1514].map((length, i) => frame(WEB, length, i));
    send(host, frames);
    expect(received(host, 'web')).toEqual(frames.map(untagged));
    const { counters } = portOf(host, 'web');
    expect(counters.bytesCopied).toBe(counters.bytesToGuest);
    conserved(host);
  });
});

describe.each(['deterministic', 'threads'] as const)(
  'a guest that holds on to its frames (%s)',
  (executor) => {
    const config: HostConfigInput = { ...TWO_VMS, executor };

    it('RX-18 lets its own queue run dry and nobody else’s, and gets every frame that was received once it goes on', () => {
      const host = hostWith(config);
      const first = makeHold(host, WEB);
      const held = Array.from({ length: 40 }, (_, i) => frame(WEB, 400, 1000 + i));
      send(host, held);
      const dropped = host.inspect().ledger.ends.dropped;
      expect(dropped).toEqual({ 'nic.no-descriptor': 8 });
      const toDb = Array.from({ length: 32 }, (_, i) => frame(DB, 500, 2000 + i, 100));
      send(host, toDb);
      send(host, toDb);
      expect(received(host, 'db').length).toBe(64);
      expect(host.adapter.inspect().outstanding).toMatchObject({ receives: 32 });
      conserved(host);
      // The record has room again, twice.
      const got = [...received(host, 'web'), ...received(host, 'web')];
      expect(got).toEqual([...first, ...held.slice(0, 32)].map(untagged));
      expect(host.adapter.inspect().outstanding).toMatchObject({ receives: 0 });
      const again = Array.from({ length: 32 }, (_, i) => frame(WEB, 700, 3000 + i));
      send(host, again);
      expect(received(host, 'web')).toEqual(again.map(untagged));
      conserved(host);
    });

    it('still gets broadcasts and other VMs’ frames, by copy, into sections that were not loaned', () => {
      const host = hostWith(config);
      const first = makeHold(host, WEB);
      send(
        host,
        Array.from({ length: 32 }, (_, i) => frame(WEB, 400, 1000 + i)),
      );
      const broadcast = frame([255, 255, 255, 255, 255, 255], 300, 4000);
      send(host, [broadcast]);
      const got = [...received(host, 'web'), ...received(host, 'web')];
      expect(got.length).toBe(first.length + 33);
      expect(got.at(-1)).toEqual([...broadcast]);
      conserved(host);
    });

    it('LIFE-03 LIFE-07 LIFE-18 cannot hold up low power, and keeps what it has untouched; all goes on in D0', () => {
      const host = hostWith(config);
      const first = makeHold(host, WEB);
      const held = Array.from({ length: 10 }, (_, i) => frame(WEB, 400, 1000 + i));
      send(host, held);
      const { queueId } = portOf(host, 'db');
      const before = host.machine.clock.now();
      expect(host.adapter.setPower(D3)).toBe(NDIS_STATUS_SUCCESS);
      // The machine's own patience is 2 s and more.
      if (executor === 'deterministic') expect(host.machine.clock.now() - before).toBeLessThan(50e6);
      expect(host.adapter.inspect()).toMatchObject({ state: 'Paused', outstanding: { receives: 0 } });
      expect(host.adapter.setPower(D0)).toBe(NDIS_STATUS_SUCCESS);
      // Only the queue of the one that held on is another one.
      expect(portOf(host, 'db').queueId).toBe(queueId);
      expect(portOf(host, 'web').queueId).not.toBe(0);
      const toDb = Array.from({ length: 32 }, (_, i) => frame(DB, 500, 2000 + i, 100));
      const more = Array.from({ length: 32 }, (_, i) => frame(WEB, 400, 3000 + i));
      send(host, [...toDb, ...more]);
      expect(received(host, 'db')).toEqual(toDb.map(untagged));
      const got = [...received(host, 'web'), ...received(host, 'web'), ...received(host, 'web')];
      expect(got).toEqual([...first, ...held, ...more].map(untagged));
      expect(host.adapter.inspect().outstanding).toMatchObject({ receives: 0 });
      const again = Array.from({ length: 32 }, (_, i) => frame(WEB, 700, 4000 + i));
      send(host, again);
      expect(received(host, 'web')).toEqual(again.map(untagged));
      const { channel } = portOf(host, 'web');
      expect((channel?.freeSections ?? 0) + (channel?.loanedSections ?? 0)).toBe(channel?.receiveSections);
      expect(channel?.violations).toEqual({});
      conserved(host);
    });

    it('LIFE-04 LIFE-07 a pause under way gives guests at work their turn: they keep their queues', () => {
      const host = hostWith(config);
      const queues = host.adapter.inspect().queues.map(({ queueId }) => queueId);
      const frames = Array.from({ length: 32 }, (_, i) => frame(WEB, 900, i));
      for (const bytes of frames) host.wire.send(bytes, 0, bytes.length);
      host.wire.flush();
      let turns = 0;
      host.executor.runUntil(() => host.adapter.inspect().outstanding.receives > 0 || ++turns > 5000);
      if (executor === 'deterministic')
        expect(host.adapter.inspect().outstanding.receives).toBeGreaterThan(0);
      expect(host.adapter.pause()).toBe(NDIS_STATUS_SUCCESS);
      expect(host.adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
      if (executor === 'deterministic') {
        expect(host.adapter.inspect().queues.map(({ queueId }) => queueId)).toEqual(queues);
        expect(host.virtualSwitch.inspect().ledger.filter(({ event }) => event === 'released')).toEqual([]);
      }
      host.runUntilIdle();
      expect(received(host, 'web')).toEqual(
        frames.map(untagged).slice(0, host.inspect().ledger.ends.delivered),
      );
      conserved(host);
    });

    it('LIFE-07 LIFE-15 cannot hold up a surprise removal', () => {
      const host = hostWith(config);
      makeHold(host, WEB);
      send(host, [frame(WEB, 400, 1000)]);
      expect(host.adapter.inspect().outstanding).toMatchObject({ receives: 1 });
      expect(host.adapter.surpriseRemove()).toBe(NDIS_STATUS_SUCCESS);
      expect(host.adapter.state).toBe('Halted');
      conserved(host);
    });

    it('QUE-32 SHM-15 SEC-08 cannot hold up the free of its queue, and keeps what it has untouched', () => {
      const host = hostWith(config);
      const first = makeHold(host, WEB);
      const held = Array.from({ length: 20 }, (_, i) => frame(WEB, 400, 1000 + i));
      send(host, held);
      const { port, queueId } = portOf(host, 'web');
      expect(host.virtualSwitch.setPort(port, { vmqWeight: 0 }).status).toBe(NDIS_STATUS_SUCCESS);
      expect(portOf(host, 'web').queueId).toBe(0);
      expect(host.adapter.inspect().outstanding).toMatchObject({ receives: 0 });
      expect(host.adapter.inspect().sharedMemory.filter((block) => block.queueId === queueId)).toEqual([]);
      // It is served from the default queue now, into other sections.
      const more = Array.from({ length: 64 }, (_, i) => frame(WEB, 400, 6000 + i));
      send(host, more.slice(0, 32));
      send(host, more.slice(32));
      const got = [...received(host, 'web'), ...received(host, 'web')];
      expect(got).toEqual([...first, ...held, ...more].map(untagged));
      conserved(host);
      // And gets VM memory again once it may have a queue.
      expect(host.virtualSwitch.setPort(port, { vmqWeight: 100 }).status).toBe(NDIS_STATUS_SUCCESS);
      const again = portOf(host, 'web').queueId;
      expect(
        segmentsOf(host, again, NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceivePostLookahead),
      ).toEqual([segmentOf(host, 'web')]);
      const before = portOf(host, 'web').counters.bytesCopied;
      send(host, [frame(WEB, 1514, 7000)]);
      expect(portOf(host, 'web').counters.bytesCopied - before).toBe(LOOKAHEAD);
    });

    it('QUE-32 can be disconnected, and connected again', () => {
      const host = hostWith(config);
      makeHold(host, DB, 100);
      send(
        host,
        Array.from({ length: 32 }, (_, i) => frame(DB, 400, 1000 + i, 100)),
      );
      const { port } = portOf(host, 'db');
      expect(host.virtualSwitch.disconnectNic(port).status).toBe(NDIS_STATUS_SUCCESS);
      expect(host.adapter.inspect().outstanding).toMatchObject({ receives: 0 });
      expect(host.adapter.inspect().queues.map((queue) => queue.vmName)).toEqual(['', 'web']);
      send(host, [frame(DB, 400, 5000, 100)]);
      expect(host.virtualSwitch.connectNic(port).status).toBe(NDIS_STATUS_SUCCESS);
      received(host, 'db');
      received(host, 'db');
      const last = frame(DB, 1514, 6000, 100);
      send(host, [last]);
      expect(received(host, 'db')).toEqual([untagged(last)]);
      conserved(host);
      expect(host.ndis.refusals.last).toBe(null);
    });

    it('SW-23 keeps its frames across a change of its VLAN', () => {
      const host = hostWith(config);
      const first = makeHold(host, DB, 100);
      const held = Array.from({ length: 32 }, (_, i) => frame(DB, 400, 1000 + i, 100));
      send(host, held);
      const { port } = portOf(host, 'db');
      host.virtualSwitch.setPort(port, { vlan: { mode: 'access', vlan: 200 } });
      send(host, [frame(DB, 400, 5000, 100)]);
      expect([...received(host, 'db'), ...received(host, 'db')]).toEqual([...first, ...held].map(untagged));
      const inNew = frame(DB, 900, 6000, 200);
      send(host, [inNew]);
      expect(received(host, 'db')).toEqual([untagged(inNew)]);
      conserved(host);
    });
  },
);

describe('captures', () => {
  const mac = (text: string): string => text.replaceAll(':', '-');
  const vmsOf = (capture: string): NonNullable<HostConfigInput['vms']> =>
    readFileSync(new URL('../../../../captures/hosts.tsv', import.meta.url), 'utf8')
      .split('\n')
      .map((line) => line.split('\t'))
      .filter(([file, , role]) => file === capture && role === 'vm')
      .map(([, name = '', , address = '', vlan = '-']) => ({
        name,
        mac: mac(address),
        vlan: vlan === '-' ? 0 : Number(vlan),
      }));

  it.each([
    ['vlan.pcapng', 'deterministic'],
    ['vlan.pcapng', 'threads'],
    ['lan.pcapng', 'deterministic'],
    ['lan.pcapng', 'threads'],
  ] as const)(
    'SW-12 SW-13 RX-11 %s gives every VM the same on 6.20 as on 6.30: %s',
    async (capture, executor) => {
      const file = readFileSync(new URL(`../../../../captures/${capture}`, import.meta.url));
      const packets = readCapture(file).packets.map(({ data }) => data);
      const config: HostConfigInput = { vms: vmsOf(capture), processors: 2 };
      const old = await replay({ ...config, ndisVersion: '6.20', executor }, packets);
      const usual = await replay(config, packets);
      expect(Object.keys(old.frames).length).toBe(4);
      expect(old.frames).toEqual(usual.frames);
      expect([old.delivered, old.copies, old.dropped]).toEqual([
        usual.delivered,
        usual.copies,
        usual.dropped,
      ]);
      expect([old.conservation, usual.conservation]).toEqual([true, true]);
      for (const stamps of Object.values(old.order)) {
        expect(stamps).toEqual([...stamps].sort((x, y) => x - y));
      }
      // No second copy: of frames of VM queues the lookahead, of the default queue's everything.
      let lookaheads = 0;
      let whole = 0;
      for (const [queue, lengths] of Object.entries(old.lengths)) {
        for (const length of lengths) {
          whole += length;
          lookaheads += queue.endsWith(' queue 0') ? length : Math.min(length, LOOKAHEAD);
        }
      }
      expect(usual.copiedBytes).toBe(whole);
      expect(old.copiedBytes).toBe(lookaheads);
      expect(lookaheads).toBeLessThan(whole);
    },
  );
});
