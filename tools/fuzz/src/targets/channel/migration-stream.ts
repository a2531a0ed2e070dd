// The bytes in which a VM comes from another host: damaged anywhere, or damaged inside with a checksum that is right; in
// pieces of any size. And the judgement of the channel that such a stream brings along.

import { guestMemoryBytes } from '../../../../../packages/host/dist/config/sizing.js';
import {
  MigrationDecoder,
  type MigrationRefusal,
} from '../../../../../packages/migration/dist/stream/decoder.js';
import {
  completeLayout,
  type VmDescription,
} from '../../../../../packages/migration/dist/stream/description.js';
import {
  checksumOf,
  HEADER_BYTES,
  KIND_HELLO,
  KIND_PAGES,
  MigrationEncoder,
  type MigrationMessage,
  migrationMessage,
  type PageSet,
  type VmState,
} from '../../../../../packages/migration/dist/stream/messages.js';
import { edge, mutate, noise, putU32 } from '../../bytes.ts';
import { digest, Guard } from '../../guard.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';

const NAMES: ReadonlySet<string> = new Set([
  'magic',
  'version',
  'kind',
  'sequence',
  'length',
  'checksum',
  'description',
  'pages',
  'truncated',
]);

const pagesOf = (numbers: readonly number[]): PageSet => ({
  numbers: Uint32Array.from(numbers),
  bytes: Uint8Array.from({ length: numbers.length * 4096 }, (_, i) => i * 31),
});

const layout = completeLayout({ receiveSections: 16, sendSections: 4 });
const HELLO: VmDescription = {
  vm: {
    name: 'web',
    mac: '00-15-5D-00-00-01',
    vlan: 0,
    vmqWeight: 100,
    allowMacSpoofing: false,
    addresses: ['10.0.0.1'],
    answer: true,
  },
  number: 3,
  memoryBytes: guestMemoryBytes(layout),
  layout,
  port: {
    vlan: { mode: 'trunk', native: 1, vlans: [1, 2], prune: [2] },
    allowMacSpoofing: false,
    allowTeaming: false,
    vmqWeight: 100,
    preserveVlan: false,
    preservePriority: false,
  },
};
const ring = { offset: 4096, dataBytes: 65_536 };
const buffer = { offset: 0, sectionSize: 2112, sectionCount: 4 };
const STATE: VmState = {
  memoryCrc: 0xdead_beef,
  channel: {
    toGuest: ring,
    toHost: ring,
    receive: buffer,
    send: buffer,
    maxFrameBytes: 1514,
    stateSections: 16,
    ndisVersion: 0x6001e,
  },
  isSuspended: false,
  channelState: new Uint8Array(77).buffer,
  statistics: Float64Array.from([1, 2.5, 2 ** 40]),
  pages: pagesOf([]),
};

function wholeStream(): Uint8Array {
  const encoder = new MigrationEncoder();
  // No Buffer: its `fill` and `slice` are others than those of an array.
  return new Uint8Array(
    Buffer.concat([encoder.hello(HELLO), encoder.pages(1, pagesOf([])), encoder.state(STATE)]),
  );
}

/** Streams of one message each; the last one is short. */
const ALONE: readonly Uint8Array[] = [
  new MigrationEncoder().hello(HELLO),
  new MigrationEncoder().pages(1, pagesOf([3])),
  new MigrationEncoder().state(STATE),
  new MigrationEncoder().pages(1, pagesOf([])),
];

interface Reading {
  readonly messages: readonly MigrationMessage[];
  readonly refusal: MigrationRefusal | null;
}

function read(pieces: readonly Uint8Array[]): Reading {
  const reader = new MigrationDecoder();
  const messages = pieces.flatMap((piece) => reader.push(piece));
  reader.end();
  return { messages, refusal: reader.refusal };
}

function cut(random: Chance, bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = random.once(3) ? bytes.length : 1 + random.below(200);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

/** One message whose body is damaged and whose head and checksum are right all the same, or nearly. */
function resealed(random: Chance): Uint8Array {
  // Whole pages seldom: they are long and there is little to get wrong in them.
  const which = random.once(16) ? 1 : random.pick([0, 2, 3]);
  const kind = which === 3 ? KIND_PAGES : which + 1;
  const body = mutate(random, ALONE[which].subarray(HEADER_BYTES), ALONE[random.pick([0, 2])], 8192);
  const bytes = migrationMessage(random.once(16) ? random.below(6) : kind, 0, [body]);
  if (random.once(16)) {
    putU32(bytes, random.pick([0, 4, 8, 12, 16]), edge(random), true);
    putU32(bytes, 16, checksumOf(bytes), true);
  }
  return bytes;
}

/** A description with something else in one place: JSON that is JSON. */
function rewritten(random: Chance): Uint8Array {
  const copy = JSON.parse(JSON.stringify(HELLO)) as Record<string, unknown>;
  for (let at = copy; ; ) {
    const key = random.pick(Object.keys(at));
    const inner = at[key];
    if (isFilled(inner) && !random.once(4)) {
      at = inner;
      continue;
    }
    const value = random.pick<unknown>([
      null,
      true,
      -1,
      0.5,
      1e300,
      edge(random),
      '',
      'x',
      [],
      {},
      [1],
      4095,
      undefined,
    ]);
    at[random.once(8) ? 'another' : key] = value;
    break;
  }
  return migrationMessage(KIND_HELLO, 0, [new TextEncoder().encode(JSON.stringify(copy))]);
}

const isFilled = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0;

class Streams implements Instance {
  readonly #guard: Guard;
  readonly #whole = wholeStream();
  readonly #note: Note;

  constructor(random: Chance, note: Note) {
    this.#guard = new Guard(random);
    this.#note = note;
  }

  #buffer(random: Chance): Uint8Array {
    const how = random.below(8);
    if (how === 0) return noise(random, 300);
    if (how < 3) return mutate(random, this.#whole, this.#whole, 16_384);
    return how < 6 ? resealed(random) : rewritten(random);
  }

  one(random: Chance): string {
    const bytes = this.#buffer(random);
    this.#note(bytes);
    const { messages, refusal } = this.#guard.ask(bytes, (view) => read([view]));
    const again = random.once(4) ? read(cut(random, bytes)) : { messages, refusal };
    if (digest([again.messages, again.refusal?.name]) !== digest([messages, refusal?.name]))
      throw new Error('in pieces it reads otherwise');
    if (refusal === null)
      return messages.length === 0 ? 'nothing' : `read: ${messages.map(({ kind }) => kind).join(' ')}`;
    if (!NAMES.has(refusal.name) || refusal.reason === '')
      throw new Error(`a refusal without a name: ${JSON.stringify(refusal)}`);
    return `refused: ${refusal.name}`;
  }
}

export const migrationStream: Target = {
  name: 'migration-stream',
  about: 'the decoder of a live migration',
  perSession: 2000,
  open: (random, note) => new Streams(random, note),
};
