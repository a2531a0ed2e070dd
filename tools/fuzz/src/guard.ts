// Is anything read or written outside a buffer?
//
//   arena A   | canary a … | the buffer | … canary a |      the same bytes in both: the answers must be the same,
//   arena B   | canary b … | the buffer | … canary b |      whatever lies around them, and the canaries must live
//
// Whoever reads outside gets other bytes in A than in B, whoever writes there kills a canary. The arenas are of
// different kinds (ArrayBuffer, SharedArrayBuffer, Node's Buffer), since all three reach a parser.
import { Buffer } from 'node:buffer';
import type { Chance } from './target.ts';

const ARENA_BYTES = 1 << 16;
const FIRST = 1 << 12;
/** Looked at after every buffer; the whole arena now and then. */
const NEAR = 64;

/** What an arena is made of. */
export type ArenaKind = 'plain' | 'shared' | 'buffer';

const CANARIES: readonly (readonly [number, number])[] = [
  [0x00, 0xff],
  [0xff, 0x5a],
  [0x81, 0x00],
  [0x01, 0x60],
];

export class Arena {
  readonly #bytes: Uint8Array;
  readonly #canary: number;
  readonly #isBuffer: boolean;
  #at = 0;
  #length = 0;

  constructor(kind: ArenaKind, canary: number) {
    const memory = kind === 'shared' ? new SharedArrayBuffer(ARENA_BYTES) : new ArrayBuffer(ARENA_BYTES);
    this.#bytes = new Uint8Array(memory).fill(canary);
    this.#canary = canary;
    this.#isBuffer = kind === 'buffer';
  }

  /** A view of a copy of `bytes` among canaries; `skew` 0 to 15 puts it at any alignment. */
  place(bytes: Uint8Array, skew: number): Uint8Array {
    this.#at = FIRST + skew;
    this.#length = bytes.length;
    if (this.#at + bytes.length + FIRST > ARENA_BYTES)
      throw new Error(`arena: ${bytes.length} bytes are too many`);
    this.#bytes.set(bytes, this.#at);
    return this.#isBuffer
      ? Buffer.from(this.#bytes.buffer, this.#at, bytes.length)
      : new Uint8Array(this.#bytes.buffer, this.#at, bytes.length);
  }

  /** The whole arena; the buffer placed last stands at {@link offset}. */
  get all(): Uint8Array {
    return this.#bytes;
  }

  get offset(): number {
    return this.#at;
  }

  /** Throws if the buffer (when it may not be written to) or what is around it has changed; puts the canaries back. */
  check(bytes: Uint8Array, mayWrite: boolean, thorough: boolean): void {
    const all = this.#bytes;
    const end = this.#at + this.#length;
    if (!mayWrite)
      for (let i = 0; i < this.#length; i++)
        if (all[this.#at + i] !== bytes[i]) throw new Error(`byte ${i} of the buffer was written`);
    const from = thorough ? 0 : this.#at - NEAR;
    const to = thorough ? ARENA_BYTES : end + NEAR;
    for (let i = from; i < this.#at; i++)
      if (all[i] !== this.#canary)
        throw new Error(`byte ${i - this.#at}, in front of the buffer, was written`);
    for (let i = end; i < to; i++)
      if (all[i] !== this.#canary) throw new Error(`byte ${i - this.#at}, behind the buffer, was written`);
    all.fill(this.#canary, this.#at, end);
  }
}

/** Two arenas, and whoever is asked must answer alike in both. */
export class Guard {
  readonly #a: Arena;
  readonly #b: Arena;
  #turn = 0;

  constructor(random: Chance) {
    const [a, b] = random.pick(CANARIES);
    const kinds: readonly ArenaKind[] = ['plain', 'shared', 'buffer'];
    const first = random.below(3);
    this.#a = new Arena(kinds[first], a);
    this.#b = new Arena(kinds[(first + 1 + random.below(2)) % 3], b);
  }

  /**
   * Asks about the same bytes in both arenas. Throws if the answers differ, if anything outside was written, or the
   * buffer itself; and if the answer changes when the buffer is overwritten afterwards, for it must be a copy.
   */
  ask<T>(bytes: Uint8Array, ask: (view: Uint8Array) => T, { mayWrite = false } = {}): T {
    return this.#ask(bytes, mayWrite, (arena, skew) => ask(arena.place(bytes, skew)));
  }

  /** The same for a parser that takes (bytes, offset, length): it gets the arena, so reading on does not end there. */
  askAt<T>(
    bytes: Uint8Array,
    ask: (all: Uint8Array, offset: number, length: number) => T,
    { mayWrite = false } = {},
  ): T {
    return this.#ask(bytes, mayWrite, (arena, skew) => {
      arena.place(bytes, skew);
      return ask(arena.all, arena.offset, bytes.length);
    });
  }

  #ask<T>(bytes: Uint8Array, mayWrite: boolean, ask: (arena: Arena, skew: number) => T): T {
    const skew = this.#turn & 15;
    const thorough = (++this.#turn & 255) === 0;
    const answer = ask(this.#a, skew);
    const before = digest(answer);
    const other = digest(ask(this.#b, skew));
    if (before !== other) throw new Error('bytes outside the buffer changed the answer');
    this.#a.check(bytes, mayWrite, thorough);
    this.#b.check(bytes, mayWrite, thorough);
    if (digest(answer) !== before) throw new Error('the answer shares memory with the buffer');
    return answer;
  }
}

const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);
const mix = (hash: number, value: number): number => Math.imul(hash ^ value, 0x01000193) ^ (hash >>> 15);

/** A number that two values share only if they are alike in depth, or by a chance of one in 2^32. */
export function digest(value: unknown, hash = 0x811c9dc5): number {
  switch (typeof value) {
    case 'number':
      double[0] = value;
      return mix(mix(hash, halves[0]), halves[1]);
    case 'string': {
      let h = mix(hash, value.length);
      for (let i = 0; i < value.length; i++) h = mix(h, value.charCodeAt(i));
      return h;
    }
    case 'boolean':
      return mix(hash, value ? 3 : 5);
    case 'bigint':
      return digest(value.toString(16), hash);
    case 'undefined':
      return mix(hash, 7);
    case 'function':
      return mix(hash, 11);
    default:
  }
  return typeof value === 'object' && value !== null ? digestObject(value, hash) : mix(hash, 13);
}

function digestObject(value: object, hash: number): number {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const list = value as NodeJS.TypedArray;
    let h = mix(hash, list.length);
    if (list instanceof Uint8Array) for (let i = 0; i < list.length; i++) h = mix(h, list[i]);
    else for (let i = 0; i < list.length; i++) h = digestNumber(list[i], h);
    return h;
  }
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)
    return digest(new Uint8Array(value), hash);
  if (Array.isArray(value)) {
    let h = mix(hash, value.length);
    for (const item of value) h = digest(item, h);
    return h;
  }
  let h = mix(hash, 17);
  for (const [key, inner] of Object.entries(value)) h = digest(inner, digest(key, h));
  return h;
}

function digestNumber(value: number | bigint, hash: number): number {
  return typeof value === 'number' && (value | 0) === value ? mix(hash, value) : digest(value, hash);
}
