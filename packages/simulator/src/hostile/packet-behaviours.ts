/** Guests whose packets are not what they say, or are nothing that a host takes from a guest. */
import type { HostileBehaviour } from './behaviour.ts';
import { CONTROL, type GuestReach, goodHeader, INBAND, PACKET_BYTES, SEND_RNDIS_PKT } from './guest-reach.ts';
import { inBouts, oneBlow, sendGoodFrame } from './programs.ts';

/** A packet with which the ring can be followed no further. */
function fatal(name: string, does: string, countedAs: string[], act: (guest: GuestReach) => void) {
  return {
    name,
    does,
    countedAs,
    channel: 'broken',
    begins: 'running',
    program: (guest) => oneBlow(guest, () => act(guest)),
  } satisfies HostileBehaviour;
}

/** Packets that are refused one by one; between them sound ones, which are not. */
function refused(
  name: string,
  does: string,
  countedAs: string[],
  act: (guest: GuestReach, bout: number) => void,
) {
  return {
    name,
    does,
    countedAs,
    channel: 'open',
    begins: 'running',
    program: (guest) => inBouts(guest, (bout) => act(guest, bout)),
  } satisfies HostileBehaviour;
}

const GPA_DIRECT = 9;
const SOUND = [SEND_RNDIS_PKT, 0, 0, 124, 0, 0, 0, 0];

export const PACKET_BEHAVIOURS: readonly HostileBehaviour[] = [
  fatal('packet-length-zero', 'writes a packet of length zero', ['ring.packet-length'], (guest) =>
    guest.packet(INBAND, SOUND, { length8: 0 }),
  ),
  fatal(
    'packet-length-past-ring',
    'writes a packet that is longer than the ring',
    ['ring.packet-length'],
    (guest) => guest.packet(INBAND, SOUND, { length8: 0xffff }),
  ),
  fatal(
    'packet-length-past-index',
    'writes a packet that ends behind what it has shown',
    ['ring.packet-length'],
    (guest) => guest.packet(INBAND, SOUND, { length8: 7 }),
  ),
  fatal(
    'packet-offset-inside-descriptor',
    'writes a packet whose payload begins inside its own descriptor',
    ['ring.packet-offset'],
    (guest) => guest.packet(INBAND, SOUND, { dataOffset8: guest.random.below(2) }),
  ),
  fatal(
    'packet-offset-past-length',
    'writes a packet whose payload begins behind its end',
    ['ring.packet-offset'],
    (guest) => guest.packet(INBAND, SOUND, { dataOffset8: 7 + guest.random.below(0xfff0) }),
  ),
  fatal(
    'packet-length-zero-at-last',
    'hides a packet of length zero behind more sound ones than the host reads at once',
    ['ring.packet-length'],
    (guest) => {
      for (let n = 0; n < 400 && guest.toHost.room > 4 * PACKET_BYTES; n++) sendGoodFrame(guest, n, n);
      guest.packet(INBAND, SOUND, { length8: 0 });
    },
  ),
  refused(
    'packet-type-unknown',
    'sends packets of types that no guest sends',
    ['packet.type'],
    (guest, bout) => guest.packet([0, 1, 7, 8, 10, 0xffff][bout % 6], SOUND),
  ),
  refused(
    'pages-that-are-none',
    'sends messages in pages beyond its memory, in none, in more than it names, and of no bytes',
    ['gpa.range'],
    (guest, bout) => {
      const beyond = guest.random.next() | 0x10_0000;
      const ranges = [
        [0, 1, 124, 0, beyond, 0],
        [0, 1, 124, 0, 0, 1],
        [0, 1, 124, 4096, 0, 0],
        [0, 1, 0, 0, 0, 0],
        [0, 1, -1, 4095, 0, 0],
        [0, 2, 124, 0, 0, 0],
        [0, guest.random.next(), 124, 0, 0, 0],
        [0, 0],
      ][bout % 8] as number[];
      const dataOffset8 = 2 + ranges.length / 2;
      const message = [SEND_RNDIS_PKT, bout & 1, -1, 0, 0, 0, 0, 0];
      guest.packet(GPA_DIRECT, [...ranges, ...message], { dataOffset8 });
    },
  ),
  refused(
    'message-too-short',
    'sends messages that end before their first fields',
    ['nvsp.too-short'],
    (guest, bout) => guest.packet(bout % 3 === 0 ? 11 : INBAND, bout % 3 === 2 ? [SEND_RNDIS_PKT, 0] : []),
  ),
  refused('message-type-unknown', 'sends messages of no known type', ['nvsp.type'], (guest, bout) =>
    guest.packet(bout % 2 === 0 ? INBAND : 11, [guest.random.next() | 0x1000, 0, 0, 0, 0, 0, 0, 0]),
  ),
  refused(
    'handshake-after-run',
    'goes through the handshake again on a channel that is open',
    ['nvsp.type'],
    (guest, bout) => {
      const again = [
        [1, 0x50000, 0x50000],
        [100, 6, 30],
        [101, 2, 0xcafe],
        [104, 3, 0],
        [125, 1514, 0, 8],
      ][bout % 5] as number[];
      guest.packet(INBAND, [...again, 0, 0, 0, 0, 0].slice(0, 8));
    },
  ),
  refused(
    'message-kind-unknown',
    'sends frames that are neither data nor control',
    ['nvsp.rndis-kind'],
    (guest, bout) => guest.send(2 + bout, 0, 124),
  ),
  refused(
    'control-malformed',
    'sends control messages that are longer than what was sent, too short, or no requests',
    ['rndis.message-length', 'rndis.type'],
    (guest, bout) => {
      const [words, size] = [
        [[4, 400, 1, 0x01010101, 0, 20, 0], 28],
        [[5, 12, 1, 0x0001010e, 4, 20, 0, 3], 32],
        [[2, 8, 1, 1, 0, 0x4000], 24],
        [[7, 24, 1, 1, 0, 0], 24],
        [[0x8000_0008 | 0, 16, 1, 0], 16],
      ][bout % 5] as [number[], number];
      guest.header(0, words);
      guest.send(CONTROL, 0, size);
    },
  ),
  {
    name: 'control-values-wrong',
    does: 'asks for values that do not exist and sets some from outside the message; each is answered with a refusal',
    countedAs: null,
    channel: 'open',
    begins: 'running',
    program: (guest) =>
      inBouts(guest, (bout) => {
        const offset = [0xffff_fff8 | 0, 19, 21, 28, 1 << 30, -4][bout % 6];
        const query = [4, 28, bout, 0x0001_0000 + bout, 1 << 30, offset, 0];
        const set = [5, 32, bout, 0x0001_010e, bout % 2 === 0 ? 4 : 1 << 30, offset, 0, -1];
        guest.header(bout & 1, bout % 2 === 0 ? set : query);
        guest.send(CONTROL, bout & 1, bout % 2 === 0 ? 32 : 28);
      }),
  },
  {
    name: 'filter-and-halt',
    does: 'halts, starts and closes its packet filter again and again while frames come for it',
    countedAs: null,
    channel: 'open',
    begins: 'running',
    program: (guest) =>
      inBouts(guest, (bout) => {
        const filter = (value: number): number[] => [5, 32, bout, 0x0001_010e, 4, 20, 0, value];
        const list = [5, 40, bout, 0x0101_0103, 12, 20, 0, 0x005e_0001, 0x0001_fb00, bout];
        const requests = [[3, 12, bout], [2, 24, bout, 1, 0, 0x4000], list, filter(0), filter(0x0f)];
        // Each in a section of its own: the host may read it when the next one stands there.
        for (let section = bout % 2 === 0 ? 0 : 3; section < requests.length; section++) {
          const words = requests[section];
          guest.header(section, words);
          guest.send(CONTROL, section, words.length * 4);
        }
      }),
  },
  refused(
    'section-unknown',
    'sends frames from sections of the send buffer that do not exist',
    ['send.section-index'],
    (guest, bout) => guest.send(0, [64, 65, -1, 1 << 30, -(2 ** 31), 257][bout % 6], 124),
  ),
  refused(
    'section-size-past-end',
    'sends more bytes than a section has, or fewer than any message',
    ['send.section-size'],
    (guest, bout) => {
      guest.header(0, goodHeader(60));
      guest.send(0, 0, [guest.sectionBytes + 1, -1, -(2 ** 31), 0, 11, 1 << 30][bout % 6]);
    },
  ),
];
