// What a guest with an open channel writes next: packets of every kind with anything in them, RNDIS messages,
// completions, ring bytes, indexes, channel messages; or a delivery of the host to it.
import { edge } from '../../bytes.ts';
import type { Chance } from '../../target.ts';

/** An RNDIS data message of 60 bytes, as words; the same with a tag. */
export const GOOD_FRAME: readonly number[] = [1, 124, 56, 60, 0, 0, 0, 0, 0, 0, 0];
const TAGGED_FRAME: readonly number[] = [1, 124, 56, 60, 0, 0, 0, 36, 16, 0, 0, 16, 6, 12, 0x0641];
const CONTROLS: readonly (readonly number[])[] = [
  [2, 24, 1, 1, 0, 0x4000],
  [3, 12, 1],
  [4, 28, 2, 0x01010101, 0, 20, 0],
  [4, 28, 2, 0x00010106, 0, 20, 0],
  [5, 32, 3, 0x0001010e, 4, 20, 0, 15],
  [6, 12, 4],
  [8, 12, 5],
];

/** Stands for the page of the first send sections. */
export const SEND_PAGE = 'send';
/** Packet types of the ring. */
const INBAND = 6;
const GPA_DIRECT = 9;
const COMPLETION = 11;

/** A packet's header; lengths in units of 8 bytes. */
export interface PacketHeader {
  type: number;
  offset8: number;
  length8: number;
  flags: number;
  /** The transaction id's halves. */
  low: number;
  high: number;
}

export type GuestStep =
  /** An RNDIS message in a send section, and an NVSP message about it. */
  | {
      readonly do: 'send';
      readonly rndis: readonly number[];
      readonly nvsp: readonly number[];
      readonly header: PacketHeader;
    }
  /** The same in pages of the guest. */
  | {
      readonly do: 'pages';
      readonly rndis: readonly number[];
      readonly head: readonly (number | typeof SEND_PAGE)[];
      readonly nvsp: readonly number[];
      readonly header: PacketHeader;
    }
  | {
      readonly do: 'complete';
      readonly header: PacketHeader;
      readonly nvsp: readonly number[];
      readonly where: number;
    }
  | {
      readonly do: 'scribble';
      readonly at: number;
      readonly words: readonly number[];
      readonly index: number;
    }
  | { readonly do: 'index'; readonly which: number; readonly value: number }
  | { readonly do: 'message'; readonly kind: number; readonly args: readonly number[] }
  | { readonly do: 'read'; readonly words: number }
  | { readonly do: 'deliver'; readonly lengths: readonly number[] };

export function guestStep(random: Chance): GuestStep {
  const kind = random.below(16);
  const where = random.next();
  if (kind === 0 && random.once(2)) return behindItsSection(random);
  if (kind < 5) {
    const rndis = spoil(random, random.once(2) ? GOOD_FRAME : TAGGED_FRAME);
    return { do: 'send', rndis, nvsp: spoil(random, [107, 0, random.below(8), 124]), header: header(random) };
  }
  if (kind < 7) {
    const rndis = spoil(random, random.pick(CONTROLS));
    const size = random.once(3) ? edge(random) : rndis.length * 4;
    return {
      do: 'send',
      rndis,
      nvsp: spoil(random, [107, 1, random.below(8), size]),
      header: header(random),
    };
  }
  if (kind === 7) return inPages(random);
  if (kind < 9)
    return { do: 'complete', header: header(random, COMPLETION), nvsp: spoil(random, [108, 1]), where };
  return rareStep(random, kind, where);
}

function rareStep(random: Chance, kind: number, where: number): GuestStep {
  const some = (count: number): number[] => Array.from({ length: count }, () => edge(random));
  switch (kind) {
    case 9:
      return { do: 'send', rndis: [], nvsp: some(8), header: header(random) };
    case 10: {
      const words = some(1 + random.below(24));
      return { do: 'scribble', at: where, words, index: random.below(4096) & ~7 };
    }
    case 11: {
      const value = random.once(2) ? random.below(4096) & ~7 : edge(random);
      return { do: 'index', which: where & 7, value };
    }
    case 12: {
      const message = random.once(2) ? random.pick([5, 7, 8, 11, 13]) : edge(random);
      return { do: 'message', kind: message, args: some(4) };
    }
    case 13:
      return { do: 'read', words: random.below(1024) };
    default: {
      const lengths = Array.from({ length: 1 + random.below(6) }, () => 14 + random.below(1501));
      return { do: 'deliver', lengths };
    }
  }
}

function spoil(random: Chance, list: readonly number[]): number[] {
  const copy = [...list];
  const changes = random.once(2) ? 0 : 1 + random.below(3);
  for (let n = 0; n < changes; n++) copy[random.below(copy.length)] = edge(random);
  return copy;
}

const header = (random: Chance, type = INBAND): PacketHeader => ({
  type: random.once(16) ? edge(random) & 0xffff : type,
  offset8: random.once(12) ? edge(random) & 0xffff : 2,
  length8: random.once(12) ? edge(random) & 0xffff : 6,
  flags: random.below(4),
  low: random.once(3) ? edge(random) | 0 : random.below(32),
  high: random.once(3) ? edge(random) | 0 : random.below(40),
});

/** A message that claims to go on behind its section, and a frame that lies there. */
function behindItsSection(random: Chance): GuestStep {
  const far = random.below(24) * 1024;
  const rndis = [1, far + 200, far, 60, 0, 0, 0, 0, 0, 0, 0];
  return { do: 'send', rndis, nvsp: [107, 0, random.below(8), far + 200], header: header(random) };
}

/** A message in the guest's pages: those of its sections, or some that are none. */
function inPages(random: Chance): GuestStep {
  const isControl = random.once(2);
  const valid = isControl ? random.pick(CONTROLS) : random.once(2) ? GOOD_FRAME : TAGGED_FRAME;
  const rndis = spoil(random, valid);
  const first = random.below(200);
  const page = (): (number | typeof SEND_PAGE)[] =>
    random.once(12) ? [1000 + random.below(1 << 20), 0] : [SEND_PAGE, random.once(40) ? 1 : 0];
  const size = random.once(4) ? edge(random) : isControl ? rndis.length * 4 : 124;
  const parts = random.once(2)
    ? [[size, 0]]
    : [
        [first, 0],
        [size - first, first],
      ];
  const ranges = parts.flatMap(([bytes, offset]) => {
    const from = random.once(12) ? edge(random) : offset;
    const pages = Math.min(4, Math.max(1, Math.ceil(((from >>> 0) + (bytes >>> 0)) / 4096)));
    return [bytes, from, ...Array.from({ length: pages }, page).flat()];
  });
  const head = [0, random.once(12) ? edge(random) : parts.length, ...ranges];
  const about = header(random, GPA_DIRECT);
  if (!random.once(12)) about.offset8 = 2 + head.length / 2;
  if (!random.once(12)) about.length8 = 6 + head.length / 2;
  const section = random.once(6) ? edge(random) : -1;
  return { do: 'pages', rndis, head, nvsp: [107, isControl ? 1 : 0, section, 44], header: about };
}
