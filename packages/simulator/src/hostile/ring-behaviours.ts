/** Guests that lie with the words of their rings' header pages. */
import type { HostileBehaviour, HostileProgram } from './behaviour.ts';
import { type GuestReach, PACKET_BYTES } from './guest-reach.ts';
import { behave, oneBlow, sendGoodFrame } from './programs.ts';

/** Sets an index of the guest-to-host ring, from where it stands. */
function writeIndex(name: string, does: string, countedAs: string[], to: (guest: GuestReach) => number) {
  return {
    name,
    does,
    countedAs,
    channel: 'broken',
    begins: 'running',
    program: (guest) =>
      oneBlow(guest, () => {
        guest.toHost.writeIndex = to(guest);
      }),
  } satisfies HostileBehaviour;
}

/** Sets the guest's index of the host-to-guest ring, and sends a frame so that the host has an answer to write. */
function readIndex(name: string, does: string, to: (guest: GuestReach) => number) {
  return {
    name,
    does,
    countedAs: ['ring.read-index'],
    channel: 'broken',
    begins: 'running',
    program: (guest) =>
      oneBlow(guest, () => {
        guest.toGuest.readIndex = to(guest);
        sendGoodFrame(guest, 0, 0);
      }),
  } satisfies HostileBehaviour;
}

export const RING_BEHAVIOURS: readonly HostileBehaviour[] = [
  writeIndex(
    'write-index-out-of-range',
    'sets its write index to the end of the ring or far behind it',
    ['ring.write-index'],
    ({ toHost, random }) => toHost.dataBytes + 8 * random.below(1 << 20),
  ),
  writeIndex(
    'write-index-negative',
    'sets its write index below zero',
    ['ring.write-index'],
    ({ random }) => -8 * (1 + random.below(1 << 20)),
  ),
  writeIndex(
    'write-index-unaligned',
    'sets its write index to something that is no multiple of 8',
    ['ring.write-index'],
    ({ toHost, random }) => toHost.after(toHost.writeIndex, 4 + 8 * random.below(64)),
  ),
  writeIndex(
    'write-index-backwards',
    'takes its write index back, as if what it has written had never been',
    ['ring.write-index', 'ring.packet-length'],
    ({ toHost, random }) => toHost.after(toHost.readIndex, -8 * (1 + random.below(64))),
  ),
  {
    name: 'write-index-taken-back',
    does: 'takes back packets that the host has seen and not read yet, since it waits for room for its answers',
    countedAs: ['ring.write-index'],
    channel: 'broken',
    begins: 'running',
    isTireless: true,
    *program(guest) {
      const { toHost, toGuest } = guest;
      const wait = function* (): HostileProgram {
        for (let turn = 0; turn < 20; turn++) {
          guest.signal();
          yield true;
        }
      };
      for (let sent = 0; ; ) {
        // It reads no answers: the host stops reading when it has no room for more.
        while (toHost.room > 2 * PACKET_BYTES || toGuest.room > 2 * PACKET_BYTES) {
          while (toHost.room > 2 * PACKET_BYTES) sendGoodFrame(guest, sent++, 0);
          guest.signal();
          yield true;
        }
        const shown = toHost.writeIndex;
        yield* wait();
        toHost.writeIndex = toHost.after(shown, -4 * PACKET_BYTES);
        yield* wait();
        toHost.writeIndex = shown;
      }
    },
  },
  writeIndex(
    'write-index-races-ahead',
    'says that the whole ring is full of packets that it has not written',
    ['ring.packet-length', 'ring.write-index'],
    (guest) => {
      const { toHost } = guest;
      const from = toHost.writeIndex;
      const bytes = toHost.room & ~7;
      for (let at = 0; at < bytes; at += 4) toHost.put(from + at, 0);
      return toHost.after(from, bytes);
    },
  ),
  readIndex(
    'read-index-out-of-range',
    'sets its read index to the end of the ring or far behind it',
    ({ toGuest, random }) => toGuest.dataBytes + 8 * random.below(1 << 20),
  ),
  readIndex('read-index-ahead', 'says that it has read what was never written', ({ toGuest, random }) =>
    toGuest.after(toGuest.writeIndex, 8 * (1 + random.below(64))),
  ),
  readIndex('read-index-backwards', 'gives back what it has read already', ({ toGuest, random }) =>
    toGuest.after(toGuest.readIndex, -4096 - 8 * random.below(64)),
  ),
  {
    name: 'indexes-race',
    does: 'writes all words of both headers again and again, faster than the host looks',
    countedAs: [
      'ring.write-index',
      'ring.read-index',
      'ring.packet-length',
      'ring.packet-offset',
      'packet.type',
      'nvsp.too-short',
      'nvsp.type',
      'nvsp.rndis-kind',
      'receive.transaction',
    ],
    channel: 'broken',
    begins: 'running',
    *program(guest) {
      const { random, toHost, toGuest } = guest;
      for (let turn = 0; turn < 200; turn++) {
        for (let n = 0; n < 50; n++) {
          for (const ring of [toHost, toGuest]) {
            ring.writeIndex = random.below(ring.dataBytes + 64);
            ring.readIndex = random.below(ring.dataBytes + 64);
            ring.interruptMask = random.below(3);
            ring.pendingSendSize = random.next() | 0;
          }
        }
        guest.signal();
        yield true;
      }
      // Whoever was not looking then looks now.
      toHost.writeIndex = -8;
      guest.signal();
      yield false;
    },
  },
  {
    name: 'host-ring-rewritten',
    does: 'rewrites the host’s half of the ring that the host writes: its index, its packets, what it waits for',
    countedAs: null,
    channel: 'open',
    begins: 'running',
    *program(guest) {
      const { random, toGuest } = guest;
      for (let turn = 0; turn < 100; turn++) {
        toGuest.writeIndex = random.next() | 0;
        toGuest.pendingSendSize = random.next() | 0;
        toGuest.interruptMask = random.next() | 0;
        for (let n = 0; n < 256; n++) toGuest.put(4 * random.below(toGuest.dataBytes / 4), random.next() | 0);
        guest.signal();
        yield true;
      }
    },
  },
  {
    name: 'signals-lie',
    does: 'asks for signals it does not need and forbids those it needs, and never says that it waits for room',
    countedAs: null,
    channel: 'open',
    begins: 'running',
    *program(guest) {
      const { random, toGuest, toHost } = guest;
      for (let turn = 0; turn < 100; turn++) {
        toGuest.interruptMask = random.below(3) - 1;
        toHost.pendingSendSize = random.next() | 0;
        if (toHost.room > 2 * PACKET_BYTES) sendGoodFrame(guest, turn & 31, turn);
        guest.serve();
        if (random.below(2) === 0) guest.signal();
        yield true;
      }
      toGuest.interruptMask = 0;
      yield* behave(guest);
    },
  },
];
