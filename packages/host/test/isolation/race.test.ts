/**
 * Time of check, time of use: memory that changes between the two, and while it is read. Where one thread cannot race,
 * a memory stands in that shows every read, or the write comes from inside the call that lies between check and use.
 */

import type { MiniportDataPathFactory, NetBufferList } from '@vmq/ddi';
import { FrameProducer, type MemorySegment, PAGE_SIZE } from '@vmq/machine';
import { createVmqMiniportDataPath, VMQ_MINIPORT_DATA_PATH } from '@vmq/miniport';
import { layoutGuest } from '@vmq/netvsc';
import { REG, TX_QUEUE_STRIDE } from '@vmq/nic';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { sizesOf } from '../../src/config/sizing.ts';
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
  STATION,
  STRAY_MARK,
  sentMark,
  unicastMark,
  VMS,
} from './isolation.test-support.ts';

const hosts: Host[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const host of hosts.splice(0)) await host.stop();
});
function started(...args: Parameters<typeof hostOf>): Host {
  const host = hostOf(...args);
  hosts.push(host);
  return host;
}

const [web, db, mail, app] = VMS;

/** Options of a host whose miniport indicates frames as `change` leaves them. */
function indicated(change: (nbl: NetBufferList) => void): HostOptions {
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

/** Memory of a VM as a hostile VM would have it: what is read once is another thing when it is read again. */
function fickle(bytes: Uint8Array, segment: number): { memory: MemorySegment; reads: Uint8Array } {
  const reads = new Uint8Array(bytes.length);
  const u8 = new Proxy(bytes, {
    get(target, key) {
      const at = typeof key === 'string' ? Number(key) : Number.NaN;
      if (!Number.isInteger(at)) return Reflect.get(target, key, target) as unknown;
      reads[at] = reads[at] + 1;
      return reads[at] === 1 ? target[at] : STRAY_MARK;
    },
  });
  const untouchable = (): never => {
    throw new Error('parsed where the guest can change it');
  };
  const forbidden = new Proxy([], { get: untouchable, set: untouchable }) as unknown;
  return {
    reads,
    memory: {
      id: segment,
      name: 'fickle',
      byteLength: bytes.length,
      buffer: new SharedArrayBuffer(PAGE_SIZE),
      u8,
      i32: forbidden as Int32Array,
      u64: forbidden as BigUint64Array,
    },
  };
}

describe('frames that a driver indicates from memory which the VM can write', () => {
  it.each([
    ['a VM queue', true],
    ['the default queue', false],
  ])('SEC-06 are read once, into memory of the host’s, and judged there: %s', (_, vmq) => {
    const frame = marked(web.mac, STATION, unicastMark(web), 300);
    const { memory, reads } = fickle(frame.slice(), 2);
    let swapped = 0;
    const host = started(
      { vmq },
      indicated(({ firstNetBuffer: { mdl } }) => {
        mdl.segment = memory;
        mdl.byteOffset = 0;
        swapped++;
      }),
    );
    deliver(host, [frame]);
    expect(received(host, 'web')).toEqual([frame]);
    expect(new Set(reads)).toEqual(new Set([1]));
    expect(swapped).toBe(1);
    const learned = host.virtualSwitch.inspect().learned.map(({ macAddress }) => macAddress);
    expect(learned).toEqual(['02-00-00-00-00-09']);
  });
});

describe('a transmit descriptor that changes between check and copy', () => {
  /** Has `write` run each time the NIC asks for room on its wire: after the check, before the copy. */
  function between(host: Host, write: (descriptors: Int32Array, first: number) => void): void {
    const bar = host.machine.memory.segments.find(({ name }) => name === 'nic') as MemorySegment;
    const words = host.machine.memory.host.i32;
    const reserve = FrameProducer.prototype.reserve;
    vi.spyOn(FrameProducer.prototype, 'reserve').mockImplementation(function (this: FrameProducer, length) {
      for (let queue = 0; queue < 4; queue++) {
        const at = (queue * TX_QUEUE_STRIDE) >> 2;
        const ring = bar.i32[(REG.TDBASE >> 2) + at] >> 2;
        const posted = bar.i32[(REG.TDT >> 2) + at];
        const length = bar.i32[(REG.TDLEN >> 2) + at];
        if (length !== 0 && posted !== 0) write(words, ring + 4 * ((posted - 1) & (length - 1)));
      }
      return reserve.call(this, length);
    });
  }

  it('SEC-01 sends what was checked: no other address, no other length', () => {
    const host = started({}, { sources: true });
    // Another VM's frame, in the send buffers: granted for reading, and no business of this frame's.
    const long = marked(STATION, app.mac, sentMark(app), 1514);
    host.sendFrom('app', long, 0, long.length);
    // And one of its own, so that there is something behind the short one in the same send buffer.
    host.sendFrom('web', marked(STATION, web.mac, sentMark(web), 1514), 0, 1514);
    host.runUntilIdle();
    const secret = Buffer.from(host.machine.memory.host.u8.buffer).indexOf(Buffer.from(long));
    expect(secret).toBeGreaterThan(0);
    const out: Uint8Array[] = [];
    let behind = 0;
    const take = (): void => {
      host.wire.receive((bytes, at, length) => {
        out.push(bytes.slice(at, at + length));
        // The wire goes on behind the frame: what lies there is another frame's place.
        behind += bytes.subarray(at + length, at + 1536).reduce((sum, byte) => sum + byte, 0);
        bytes.fill(0, at, at + length);
      });
    };
    take();
    out.length = 0;
    behind = 0;
    let writes = 0;
    between(host, (words, d) => {
      words[d] = secret;
      words[d + 2] = 1514;
      writes++;
    });
    const short = marked(STATION, web.mac, sentMark(web), 100);
    host.sendFrom('web', short, 0, short.length);
    host.runUntilIdle();
    take();
    expect(writes).toBeGreaterThan(0);
    expect(out).toEqual([short]);
    expect(behind).toBe(0);
    expect(host.inspect().conservation).toBe(true);
  });
});

describe('SEC-01 SEC-06 SEC-10 a VM that writes to all its shared memory while the host works on other threads', () => {
  it.each(['6.20', '6.30'] as const)(
    'changes nothing for the others, on %s: their frames are the same byte for byte, and nothing of theirs comes to it',
    (ndisVersion) => {
      const host = started({ ndisVersion, executor: 'threads' }, { sources: true });
      const { u8, i32 } = memoryOf(host, 'web');
      const layout = layoutGuest(sizesOf(host.config).guest);
      const learnable = new Set(['02-00-00-00-00-09', ...VMS.map(({ mac }) => mac.map(hex).join('-'))]);
      let state = 1;
      const next = (): number => {
        state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
        return (state ^ (state >>> 13)) >>> 0;
      };
      // Rings, receive and send sections: addresses, tags and lengths of frames under way among them.
      const scribble = (): void => {
        for (let n = 0; n < 200; n++) {
          const at = layout.receive + (next() % layout.receiveLength);
          u8[at] = next();
          i32[(layout.send >> 2) + (next() % 4096)] = next() | 0;
        }
        if (next() % 4 === 0) i32[(layout.rings >> 2) + 1024 + (next() % 4096)] = next() | 0;
      };
      for (let round = 0; round < 8; round++) {
        const frames: Uint8Array[] = [];
        for (let i = 0; i < 24; i++) {
          const length = 60 + (((round * 24 + i) * 37) % 1400);
          for (const vm of [web, db, app])
            frames.push(marked(vm.mac, STATION, unicastMark(vm), length, vm.vlan));
        }
        frames.push(marked(BROADCAST, STATION, broadcastMark(mail.vlan), 300, mail.vlan));
        for (const bytes of frames) host.wire.send(bytes, 0, bytes.length);
        host.wire.flush();
        for (let i = 0; i < 4; i++)
          host.sendFrom('web', marked(STATION, web.mac, sentMark(web), 200), 0, 200);
        host.executor.runUntil(() => {
          scribble();
          return false;
        });
        host.runUntilIdle();
        const wanted = (vm: (typeof VMS)[number]): Uint8Array[] =>
          frames
            .filter((bytes) => vm.mac.every((byte, i) => bytes[i] === byte))
            .map((bytes) => Uint8Array.from([...bytes.subarray(0, 12), ...bytes.subarray(16)]));
        const unicast = (name: string): Uint8Array[] =>
          received(host, name).filter((bytes) => bytes[0] !== 255);
        expect(unicast('db')).toEqual(wanted(db));
        expect(unicast('app')).toEqual(wanted(app));
        expect(received(host, 'mail').length).toBe(1);
        received(host, 'web');
        host.wire.receive(() => {});
      }
      for (const vm of [db, mail, app]) expect(findForeign(host, vm)).toEqual([]);
      const whole = Buffer.from(u8.buffer, u8.byteOffset, u8.byteLength);
      for (const mark of [unicastMark(db), unicastMark(app), broadcastMark(mail.vlan)])
        expect(whole.includes(Buffer.alloc(16, mark))).toBe(false);
      // SEC-06: whatever it wrote over frames that lay in its memory, no address was learned from there.
      for (const { macAddress } of host.virtualSwitch.inspect().learned)
        expect(learnable.has(macAddress.toUpperCase())).toBe(true);
      expect(host.inspect().conservation).toBe(true);
    },
  );
});

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0').toUpperCase();
}
