/**
 * Guests that change what the host is reading. Under the threads executor they truly race with its processors; under
 * the deterministic one the change falls between two turns, and what is read twice inside one is another test's
 * (vmbus: double-fetch).
 */
import type { HostileBehaviour } from './behaviour.ts';
import { goodHeader, PACKET_BYTES, taggedHeader } from './guest-reach.ts';
import { behave, NOBODY, sendGoodFrame } from './programs.ts';

/** Packets outstanding while their words change. */
const BURST = 8;
const ROUNDS = 12;

const RNDIS = [
  'rndis.type',
  'rndis.message-length',
  'rndis.data-range',
  'rndis.frame-length',
  'rndis.per-packet-info',
];

export const RACING_BEHAVIOURS: readonly HostileBehaviour[] = [
  {
    name: 'header-changes-while-read',
    does: 'sends sound messages and changes their lengths and offsets to wrong ones and back while the host reads them',
    countedAs: RNDIS,
    channel: 'any',
    begins: 'running',
    *program(guest) {
      const { random } = guest;
      const flip = (section: number): void => {
        const at = guest.section(section) >>> 2;
        const wrong = [-1, 0, 1515, 0x7fff_ffff, 125][random.below(5)];
        const word = [1, 2, 3, 7, 8, 11, 13][random.below(7)];
        const sound = guest.memory.i32[at + word];
        for (let n = 0; n < 200; n++) {
          guest.memory.i32[at + word] = wrong;
          guest.memory.i32[at + word] = sound;
        }
        if (random.below(4) === 0) guest.memory.i32[at + word] = wrong;
      };
      for (let round = 0; round < ROUNDS; round++) {
        guest.serve();
        for (let n = 0; n < BURST && guest.toHost.room > 2 * PACKET_BYTES; n++) {
          guest.header(n, n % 2 === 0 ? goodHeader(60) : taggedHeader(60, 0));
          guest.frame(n, 60, NOBODY, guest.mac, round);
          guest.send(0, n, 124);
        }
        guest.signal();
        for (let n = 0; n < BURST; n++) flip(n);
        yield true;
      }
      guest.header(0, [1, -1]);
      guest.send(0, 0, 124);
      yield* behave(guest);
    },
  },
  {
    name: 'descriptor-changes-while-read',
    does: 'shows sound packets and changes their descriptors and messages in the ring while the host reads them',
    countedAs: [
      'ring.packet-length',
      'ring.packet-offset',
      'packet.type',
      'nvsp.too-short',
      'nvsp.type',
      'nvsp.rndis-kind',
      'send.section-index',
      'send.section-size',
      'rndis.type',
      'rndis.message-length',
      'receive.transaction',
      ...RNDIS,
    ],
    channel: 'broken',
    begins: 'running',
    *program(guest) {
      const { random, toHost } = guest;
      for (let round = 0; round < ROUNDS; round++) {
        guest.serve();
        const start = toHost.writeIndex;
        for (let n = 0; n < BURST && toHost.room > 2 * PACKET_BYTES; n++) sendGoodFrame(guest, n, round);
        guest.signal();
        for (let n = 0; n < 200; n++) {
          const at = start + random.below(BURST) * PACKET_BYTES + 4 * random.below(8);
          const sound = toHost.word(at);
          toHost.put(at, random.next() | 0);
          toHost.put(at, sound);
        }
        yield true;
      }
      const start = toHost.writeIndex;
      sendGoodFrame(guest, 0, 0);
      toHost.put(start + 4, 0);
      for (;;) {
        guest.signal();
        yield false;
      }
    },
  },
  {
    name: 'frame-changes-while-read',
    does: 'changes the source address of frames to another VM’s while the host copies and judges them',
    countedAs: ['dropped.vswitch.mac-spoofing'],
    channel: 'open',
    begins: 'running',
    *program(guest) {
      const own = guest.mac;
      const others = own.map((byte, i) => (i === 5 ? byte ^ 3 : byte));
      for (let round = 0; round < ROUNDS; round++) {
        guest.serve();
        for (let n = 0; n < BURST && guest.toHost.room > 2 * PACKET_BYTES; n++)
          sendGoodFrame(guest, n, round);
        guest.signal();
        for (let n = 0; n < 100; n++) {
          const at = guest.section(n % BURST) + 64 + 6;
          guest.memory.u8.set(others, at);
          guest.memory.u8.set(own, at);
        }
        if (round % 2 === 1) guest.memory.u8.set(others, guest.section(0) + 64 + 6);
        yield true;
      }
      guest.header(0, goodHeader(60));
      guest.frame(0, 60, NOBODY, others, 0);
      guest.send(0, 0, 124);
      yield* behave(guest);
    },
  },
  {
    name: 'memory-scribbled',
    does: 'writes random words over rings, send buffer and receive buffer while its own driver works with them',
    countedAs: [
      'ring.write-index',
      'ring.read-index',
      'ring.packet-length',
      'ring.packet-offset',
      'packet.type',
      'nvsp.too-short',
      'nvsp.type',
      'nvsp.rndis-kind',
      'send.section-index',
      'send.section-size',
      'receive.transaction',
      ...RNDIS,
    ],
    channel: 'broken',
    begins: 'running',
    *program(guest) {
      const { random, layout, toHost } = guest;
      for (let turn = 0; turn < 100; turn++) {
        guest.serve();
        if (toHost.room > 2 * PACKET_BYTES) sendGoodFrame(guest, turn & 31, turn);
        for (let n = 0; n < 64; n++) {
          guest.scribble(layout.rings + 4096, layout.ringBytes, random.next() | 0);
          guest.scribble(layout.send, 8192, random.below(0x800));
          guest.scribble(layout.receive, layout.receiveLength, random.next() | 0);
        }
        guest.signal();
        yield true;
      }
      for (let at = 0; at < 4096; at += 4) toHost.put(toHost.writeIndex + at, 0);
      toHost.writeIndex = toHost.after(toHost.writeIndex, 2048);
      for (;;) {
        guest.signal();
        yield false;
      }
    },
  },
];
