/**
 * Guests that do the handshake themselves, with something wrong in it. Most come to an open channel in the end, so that
 * what they did stands in its report.
 */
import type { HostileBehaviour, HostileProgram } from './behaviour.ts';
import { COMPLETION, CONTROL, type GuestReach, INBAND } from './guest-reach.ts';
import { behave, forEver } from './programs.ts';

/** Channel messages. */
const OFFERCHANNEL = 1;
const OPENCHANNEL = 5;
const GPADL_HEADER = 8;
const GPADL_TEARDOWN = 11;
/** GPADL handles, as the guest chooses them. */
const RINGS = 1;
const RECEIVE = 2;
const SEND = 3;

type Step = Generator<boolean, readonly number[], void>;

/** A hypercall; the arguments of its answer. */
function* ask(guest: GuestReach, kind: number, ...args: readonly number[]): Step {
  const { hypercalls } = guest;
  while (!hypercalls.post(kind, ...args)) yield false;
  guest.signal();
  while (hypercalls.take() === 0) yield false;
  return [...hypercalls.arguments];
}

function* gpadl(guest: GuestReach, handle: number, offset: number, length: number): Step {
  return yield* ask(guest, GPADL_HEADER, handle, offset, length);
}

/** A message in the ring; the words of the host's answer to it. */
function* tell(guest: GuestReach, words: readonly number[]): Step {
  guest.packet(INBAND, [...words, 0, 0, 0, 0, 0, 0, 0].slice(0, 8));
  guest.signal();
  return yield* answer(guest);
}

/** The next completion packet in the host's ring. */
function* answer(guest: GuestReach): Step {
  const ring = guest.toGuest;
  for (;;) {
    const read = ring.readIndex;
    if (read === ring.writeIndex) {
      yield false;
      continue;
    }
    const words = Array.from({ length: 8 }, (_, i) => ring.word(read + 16 + i * 4));
    const isAnswer = (ring.word(read) & 0xffff) === COMPLETION;
    ring.readIndex = ring.after(read, ((ring.word(read + 4) & 0xffff) << 3) + 8);
    if (isAnswer) return words;
  }
}

const INIT = [1, 0x50000, 0x50000];
const NDIS_VERSION = [100, 6, 30];
const RECEIVE_BUFFER = [101, RECEIVE, 0xcafe];
const SEND_BUFFER = [104, SEND, 0];

/** Waits for the offer; the rings are empty then. */
function* awaitOffer(guest: GuestReach): HostileProgram {
  while (guest.hypercalls.take() !== OFFERCHANNEL) yield false;
  guest.toHost.clear();
  guest.toGuest.clear();
}

function* openRings(guest: GuestReach): HostileProgram {
  const { layout } = guest;
  yield* gpadl(guest, RINGS, layout.rings, layout.ringsLength);
  yield* ask(guest, OPENCHANNEL, RINGS, layout.downstream);
}

function* buffers(guest: GuestReach): HostileProgram {
  const { layout } = guest;
  yield* gpadl(guest, RECEIVE, layout.receive, layout.receiveLength);
  yield* tell(guest, RECEIVE_BUFFER);
  yield* gpadl(guest, SEND, layout.send, layout.sendLength);
  guest.sectionBytes = (yield* tell(guest, SEND_BUFFER))[2];
}

/** RNDIS INITIALIZE, and the packet filter, with which the channel opens. */
function* goLive(guest: GuestReach): HostileProgram {
  for (const words of [
    [2, 24, 1, 1, 0, 0x4000],
    [5, 32, 2, 0x0001_010e, 4, 20, 0, 11],
  ]) {
    guest.header(0, words);
    guest.send(CONTROL, 0, words.length * 4);
    guest.signal();
    yield* answer(guest);
  }
  yield* behave(guest);
}

function* greet(guest: GuestReach): HostileProgram {
  yield* tell(guest, INIT);
  guest.packet(INBAND, [...NDIS_VERSION, 0, 0, 0, 0, 0], { flags: 0 });
}

/** The parts of a handshake, each preceded by what is wrong. */
interface Wrongs {
  readonly beforeRings?: (guest: GuestReach) => Generator<boolean, unknown, void>;
  readonly beforeGreeting?: (guest: GuestReach) => Generator<boolean, unknown, void>;
  readonly beforeBuffers?: (guest: GuestReach) => Generator<boolean, unknown, void>;
  readonly beforeFilter?: (guest: GuestReach) => Generator<boolean, unknown, void>;
}

function wrong(name: string, does: string, countedAs: string[], wrongs: Wrongs) {
  return {
    name,
    does,
    countedAs,
    channel: 'open',
    begins: 'boot',
    *program(guest) {
      yield* awaitOffer(guest);
      if (wrongs.beforeRings) yield* wrongs.beforeRings(guest) as HostileProgram;
      yield* openRings(guest);
      if (wrongs.beforeGreeting) yield* wrongs.beforeGreeting(guest) as HostileProgram;
      yield* greet(guest);
      if (wrongs.beforeBuffers) yield* wrongs.beforeBuffers(guest) as HostileProgram;
      yield* buffers(guest);
      if (wrongs.beforeFilter) yield* wrongs.beforeFilter(guest) as HostileProgram;
      yield* goLive(guest);
    },
  } satisfies HostileBehaviour;
}

export const HANDSHAKE_BEHAVIOURS: readonly HostileBehaviour[] = [
  wrong(
    'gpadl-outside-memory',
    'gives pages that are not its own, or lie across the end of its memory',
    ['gpadl.range'],
    {
      *beforeRings(guest) {
        const end = guest.memory.byteLength;
        yield* gpadl(guest, 9, end, 4096);
        yield* gpadl(guest, 10, end - 4096, 8192);
        yield* gpadl(guest, 11, 0x8000_0000 | 0, 4096);
        yield* gpadl(guest, 12, -4096, 8192);
        yield* gpadl(guest, 13, 0, -4096);
      },
    },
  ),
  wrong(
    'gpadl-of-no-pages',
    'gives page lists that are empty, or not whole pages, or under no name',
    ['gpadl.range'],
    {
      *beforeRings(guest) {
        yield* gpadl(guest, 9, 0, 0);
        yield* gpadl(guest, 9, 12, 8192);
        yield* gpadl(guest, 9, 0, 100);
        yield* gpadl(guest, 0, 0, 4096);
      },
    },
  ),
  wrong('gpadl-given-twice', 'gives pages again under a name that is in use', ['gpadl.range'], {
    *beforeGreeting(guest) {
      yield* gpadl(guest, RINGS, 0, 4096);
      yield* gpadl(guest, RINGS, guest.layout.receive, 4096);
    },
  }),
  wrong('gpadl-flood', 'gives more page lists than a channel may have', ['gpadl.range'], {
    *beforeFilter(guest) {
      for (let handle = 100; handle < 120; handle++) yield* gpadl(guest, handle, 0, 4096);
    },
  }),
  wrong('gpadl-taken-back', 'takes the pages of its rings back while they are in use', ['message.kind'], {
    *beforeBuffers(guest) {
      yield* ask(guest, GPADL_TEARDOWN, RINGS);
    },
  }),
  wrong('open-without-pages', 'opens a channel over pages that it has not given', ['message.kind'], {
    *beforeRings(guest) {
      yield* ask(guest, OPENCHANNEL, 77, 8192);
    },
  }),
  wrong('open-twice', 'opens its channel again while it is open', ['message.kind'], {
    *beforeGreeting(guest) {
      yield* ask(guest, OPENCHANNEL, RINGS, guest.layout.downstream);
    },
  }),
  wrong(
    'rings-cut-wrongly',
    'divides the pages of its rings so that one has no room, or lies outside',
    ['gpadl.range'],
    {
      *beforeRings(guest) {
        const { layout } = guest;
        yield* gpadl(guest, 9, layout.rings, layout.ringsLength);
        for (const downstream of [0, 4096, 4100, layout.ringsLength, layout.ringsLength - 4096, -4096]) {
          yield* ask(guest, OPENCHANNEL, 9, downstream);
        }
      },
    },
  ),
  wrong('hypercall-unknown', 'makes hypercalls that do not exist', ['message.kind'], {
    *beforeRings({ hypercalls }) {
      for (const kind of [99, -1, 1, 6]) while (!hypercalls.post(kind, 1, 2, 3)) yield false;
    },
  }),
  wrong('handshake-repeated', 'does each step of the handshake twice', ['handshake.order'], {
    *beforeBuffers(guest) {
      yield* tell(guest, INIT);
    },
    *beforeFilter(guest) {
      yield* tell(guest, RECEIVE_BUFFER);
      yield* tell(guest, SEND_BUFFER);
    },
  }),
  wrong('handshake-out-of-order', 'does the steps of the handshake in another order', ['handshake.order'], {
    *beforeGreeting(guest) {
      yield* tell(guest, RECEIVE_BUFFER);
      yield* tell(guest, SEND_BUFFER);
      yield* tell(guest, [1000]);
    },
    *beforeBuffers(guest) {
      yield* tell(guest, SEND_BUFFER);
    },
  }),
  wrong('frames-before-open', 'sends frames before its channel is open', ['handshake.order'], {
    *beforeFilter(guest) {
      guest.header(0, [1, 124, 56, 60]);
      guest.send(0, 0, 124);
      guest.signal();
      yield* answer(guest);
    },
  }),
  wrong('buffers-without-pages', 'names pages for its buffers that it has not given', ['gpadl.range'], {
    *beforeBuffers(guest) {
      yield* tell(guest, [101, 55, 0xcafe]);
      yield* tell(guest, [101, -1, 0xcafe]);
    },
  }),
  {
    name: 'buffers-over-rings',
    does: 'gives the pages of its rings for its buffers too, so that frames it gets become packets it sends',
    countedAs: [
      'ring.write-index',
      'ring.read-index',
      'ring.packet-length',
      'ring.packet-offset',
      'packet.type',
      'nvsp.too-short',
      'nvsp.type',
    ],
    channel: 'broken',
    begins: 'boot',
    *program(guest) {
      const { layout, toHost } = guest;
      yield* awaitOffer(guest);
      yield* openRings(guest);
      yield* greet(guest);
      yield* gpadl(guest, RECEIVE, layout.rings + 4096, layout.ringsLength - 4096);
      yield* tell(guest, RECEIVE_BUFFER);
      yield* gpadl(guest, SEND, layout.send, layout.sendLength);
      guest.sectionBytes = (yield* tell(guest, SEND_BUFFER))[2];
      guest.header(0, [2, 24, 1, 1, 0, 0x4000]);
      guest.send(CONTROL, 0, 24);
      guest.header(1, [5, 32, 2, 0x0001_010e, 4, 20, 0, 11]);
      guest.send(CONTROL, 1, 32);
      guest.signal();
      // Whatever comes now lands on the rings. It reads nothing, and shows what lies there.
      for (;;) {
        yield false;
        toHost.writeIndex = toHost.after(toHost.readIndex, 256);
        guest.signal();
      }
    },
  },
  {
    name: 'buffers-of-one-page',
    does: 'gives a single page for each of its buffers',
    countedAs: null,
    channel: 'open',
    begins: 'boot',
    *program(guest) {
      const { layout } = guest;
      yield* awaitOffer(guest);
      yield* openRings(guest);
      yield* greet(guest);
      yield* gpadl(guest, RECEIVE, layout.receive, 4096);
      yield* tell(guest, RECEIVE_BUFFER);
      yield* gpadl(guest, SEND, layout.send, 4096);
      guest.sectionBytes = (yield* tell(guest, SEND_BUFFER))[2];
      yield* goLive(guest);
    },
  },
  {
    name: 'offer-ignored',
    does: 'does not answer to the offer of a channel',
    countedAs: null,
    channel: 'refused',
    begins: 'boot',
    *program() {
      for (;;) yield false;
    },
  },
  {
    name: 'busy-instead-of-opening',
    does: 'is busy for ever and never comes to open its channel',
    countedAs: null,
    channel: 'refused',
    begins: 'boot',
    isTireless: true,
    program: (guest) => forEver(guest, () => {}),
  },
];
