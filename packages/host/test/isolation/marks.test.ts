/**
 * SEC-02 SEC-08: every byte of every frame is marked with its audience, and every byte of every VM's memory is looked
 * at. Long frames of one VM go before short ones of another through every buffer that VMs share: the wire, the default
 * queue, the send buffers, the transmit ring.
 */

import type { MiniportDataPathFactory, NetBufferList } from '@vmq/ddi';
import { createVmqMiniportDataPath, VMQ_MINIPORT_DATA_PATH } from '@vmq/miniport';
import { afterEach, describe, expect, it } from 'vitest';
import type { Host, HostOptions } from '../../src/index.ts';
import {
  BROADCAST,
  broadcastMark,
  deliver,
  findForeign,
  hostOf,
  marked,
  memoryOf,
  received,
  receiveSections,
  STATION,
  STRAY_MARK,
  sentMark,
  unicastMark,
  VMS,
  type Vm,
} from './isolation.test-support.ts';

const hosts: Host[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});
/** A wire so short that each frame lies where another was. */
const SIZES = { transmitWire: { slots: 16, dataBytes: 8192 } };
const started = (...args: Parameters<typeof hostOf>): Host => {
  const host = hostOf(...args);
  hosts.push(host);
  return host;
};

const [web, db, mail, app] = VMS;
/** Lengths that end at every place of a word and a line, each after the longest there is. */
const SHORT = [14, 15, 17, 21, 60, 61, 63, 64, 65, 67, 71, 79, 120, 127, 129, 200];

/** From the wire: each VM's short frames behind the longest ones of all others. */
function mixture(): Uint8Array[] {
  const frames: Uint8Array[] = [];
  SHORT.forEach((length, i) => {
    const short = VMS[i % VMS.length];
    for (const vm of VMS)
      if (vm !== short) frames.push(marked(vm.mac, STATION, unicastMark(vm), 1514, vm.vlan));
    for (const { vlan } of [web, db, app])
      frames.push(marked(BROADCAST, STATION, broadcastMark(vlan), 1514 - i, vlan));
    // Nobody's: another VLAN, another address.
    frames.push(marked(short.mac, STATION, STRAY_MARK, 1514, 300));
    frames.push(marked([2, 2, 2, 2, 2, 2], STATION, STRAY_MARK, 1514));
    frames.push(marked(short.mac, STATION, unicastMark(short), length, short.vlan));
    frames.push(marked(BROADCAST, STATION, broadcastMark(short.vlan), length, short.vlan));
  });
  return frames;
}

/**
 * What the VMs send: long to a neighbour or out, then short by somebody else. Each is taken off the wire before the next
 * comes, so that the short one lies where the long one lay. Returns what is wrong with what came out: each frame holds
 * its sender's marks, then zeros to 60 bytes.
 */
function sendAll(host: Host): { frames: number; wrong: string[] } {
  const result = { frames: 0, wrong: [] as string[] };
  SHORT.forEach((length, i) => {
    const long = VMS[i % VMS.length];
    const short = VMS[(i + 1) % VMS.length];
    for (const [vm, bytes] of [
      [long, 1514],
      [short, length],
    ] as const) {
      const peer = VMS.find((other) => other !== vm && other.vlan === vm.vlan);
      for (const to of [STATION, BROADCAST, peer?.mac ?? STATION])
        expect(host.sendFrom(vm.name, marked(to, vm.mac, sentMark(vm), bytes), 0, bytes)).toBe(true);
      host.runUntilIdle();
      host.wire.receive((out, at, size) => {
        result.frames++;
        result.wrong.push(...wrongWith(out.subarray(at, at + size)));
      });
      host.runUntilIdle();
    }
  });
  return result;
}

function wrongWith(frame: Uint8Array): string[] {
  const sender = VMS.find(({ mac }) => mac.every((byte, i) => frame[6 + i] === byte));
  if (sender === undefined) return ['of nobody'];
  const wrong = frame.length < 60 ? [`${frame.length} bytes`] : [];
  const from = frame[12] === 0x81 ? 18 : 14;
  frame.subarray(from).forEach((byte, i) => {
    const isPadding = frame.length === 60 && byte === 0;
    if (byte !== sentMark(sender) && !isPadding)
      wrong.push(`${sender.name} +${from + i}: ${byte.toString(16)}`);
  });
  return wrong;
}

const payloadOf = (bytes: Uint8Array): Set<number> => new Set(bytes.subarray(14));

describe.each(['deterministic', 'threads'] as const)('marked frames, executor %s', (executor) => {
  it.each([
    ['6.20', true],
    ['6.20', false],
    ['6.30', true],
    ['6.30', false],
  ] as const)(
    'SEC-02 SEC-08 on %s, VMQ %s: no VM and no wire shows one byte of another VM’s frames',
    (ndisVersion, vmq) => {
      const host = started({ ndisVersion, vmq, executor }, { sources: true, sizes: SIZES });
      // The second round meets buffers that the first has filled.
      for (let round = 0; round < 2; round++) {
        deliver(host, mixture());
        for (const vm of VMS) {
          const frames = received(host, vm.name);
          expect(frames.length).toBeGreaterThan(2 * SHORT.length);
          for (const bytes of frames) expect(payloadOf(bytes).size).toBeLessThanOrEqual(1);
          expect(findForeign(host, vm)).toEqual([]);
        }
        const { frames, wrong } = sendAll(host);
        expect(wrong).toEqual([]);
        expect(frames).toBeGreaterThan(2 * SHORT.length);
        for (const vm of VMS) expect(findForeign(host, vm)).toEqual([]);
        for (const vm of VMS) received(host, vm.name);
        host.runUntilIdle();
      }
      // They talked to each other, or the second half of this shows nothing.
      expect(findMark(host, mail, sentMark(db))).toBe(true);
      const { conservation, ledger } = host.inspect();
      expect(conservation, JSON.stringify(ledger)).toBe(true);
    },
  );
});

const findMark = (host: Host, vm: Vm, mark: number): boolean =>
  Buffer.from(memoryOf(host, vm.name).u8).includes(Buffer.alloc(32, mark));

/** Options of a host whose miniport's indications `change` may spoil. */
function spoiled(change: (nbl: NetBufferList) => void): HostOptions {
  const factory: MiniportDataPathFactory = (context, processor, image, up) =>
    createVmqMiniportDataPath(context, processor, image, {
      receiveNetBufferLists(chain, port, count, flags) {
        for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) change(nbl);
        up.receiveNetBufferLists(chain, port, count, flags);
      },
      sendNetBufferListsComplete: (chain, flags) => up.sendNetBufferListsComplete(chain, flags),
    });
  return { dataPaths: { miniports: { [VMQ_MINIPORT_DATA_PATH]: factory } } };
}

describe('the search finds what it looks for', () => {
  it.each([
    ['one byte behind a frame', 'web', 64 + 60, 1],
    ['one byte at the end of a section', 'app', 2111, 1],
    ['a run in a ring', 'db', -8192, 4],
  ])('control: %s', (_, name, at, count) => {
    const host = started({});
    const vm = VMS.find((one) => one.name === name) as Vm;
    deliver(host, mixture());
    expect(findForeign(host, vm)).toEqual([]);
    const { u8 } = memoryOf(host, name);
    const { start } = receiveSections(host);
    u8.fill(0xaf, start + at, start + at + count);
    expect(findForeign(host, vm).length).toBeGreaterThan(0);
  });

  it('control: a driver that makes frames of the default queue, MDL and all, longer than they are leaks, and it is found', () => {
    // Beyond what the host can know: the bytes are the miniport's to describe.
    const host = started(
      { vmq: false },
      spoiled(({ firstNetBuffer: nb }) => {
        nb.dataLength = Math.min(1514, nb.dataLength + 8);
        nb.mdl.byteCount = nb.dataLength;
      }),
    );
    deliver(host, mixture());
    expect(VMS.flatMap((vm) => findForeign(host, vm)).length).toBeGreaterThan(0);
  });

  it.each(['6.20', '6.30'] as const)(
    'SEC-08 on %s a frame is never longer than its MDLs, whatever its NET_BUFFER says: the rest of a shared buffer stays the host’s',
    (ndisVersion) => {
      for (const vmq of [true, false]) {
        const host = started(
          { vmq, ndisVersion },
          spoiled(({ firstNetBuffer: nb }) => {
            nb.dataLength += 200;
          }),
        );
        deliver(host, mixture());
        const sent = new Set(mixture().flatMap(({ length }) => [length, length - 4]));
        for (const vm of VMS) {
          expect(findForeign(host, vm)).toEqual([]);
          const frames = received(host, vm.name);
          expect(frames.length).toBeGreaterThan(SHORT.length);
          for (const { length } of frames) expect(sent.has(length)).toBe(true);
        }
      }
    },
  );
});
