/**
 * What the switch has learned: behind which port a source address was seen last, per VLAN (SW-16).
 *
 * One table in shared memory for all processors, so the result is the same whichever queue a frame used.
 * Lookups take no lock; an insertion takes the table's, a move to another port is one store.
 *
 *   word 0 lock    word 1 entries    word 2 refused (table half full)    word 3 moves to another port
 *   entries from word 16, four words:   key a / key b / port + 1 (0 = free) / tick last seen
 *
 * An entry is never removed in place: a reader that raced with the reuse of a slot could be given a wrong
 * port. Ageing and the end of a port make a new table instead, which replaces this one at a publication.
 */
import { hashKey } from './mac-key.ts';

const LOCK = 0;
const ENTRIES = 1;
const REFUSED = 2;
const MOVES = 3;
const FIRST = 16;

export interface LearnedMacTableImage {
  /** Slots, a power of two; at most half of them are used. */
  readonly slots: number;
  readonly buffer: SharedArrayBuffer;
}

/** An entry, for inspection. */
export interface LearnedMac {
  readonly a: number;
  readonly b: number;
  readonly port: number;
  readonly tick: number;
}

/** Makes a table for `entries` addresses. */
export function createLearnedMacTable(entries: number): LearnedMacTableImage {
  const slots = 2 ** Math.ceil(Math.log2(Math.max(8, entries * 2)));
  return { slots, buffer: new SharedArrayBuffer((FIRST + slots * 4) * 4) };
}

export class LearnedMacTable {
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #limit: number;

  constructor(image: LearnedMacTableImage) {
    this.#words = new Int32Array(image.buffer);
    this.#mask = image.slots - 1;
    this.#limit = image.slots >>> 1;
  }

  /** Addresses in the table. */
  get size(): number {
    return Atomics.load(this.#words, ENTRIES);
  }

  /** Addresses that found the table full. */
  get refused(): number {
    return Atomics.load(this.#words, REFUSED);
  }

  /** Times that an address moved to another port: what was known before may be wrong. */
  get moves(): number {
    return this.#words[MOVES]; // asked once per chain, which a move may precede or follow
  }

  /** Port behind which the key was seen last, or -1. */
  lookup(a: number, b: number): number {
    const words = this.#words;
    const mask = this.#mask;
    for (let slot = hashKey(a, b) & mask; ; slot = (slot + 1) & mask) {
      const at = FIRST + (slot << 2);
      const port = words[at + 2];
      if (port === 0) return -1;
      if (words[at] === a && words[at + 1] === b) return port - 1;
    }
  }

  /**
   * Notes that the key was seen behind `port` at `tick`. True if that was news: a new address, or one that moved. The
   * address of all zeros is no station's and is never learned.
   */
  learn(a: number, b: number, port: number, tick: number): boolean {
    const words = this.#words;
    const mask = this.#mask;
    for (let slot = hashKey(a, b) & mask; ; slot = (slot + 1) & mask) {
      const at = FIRST + (slot << 2);
      const there = words[at + 2];
      if (there === 0) return this.#insert(a, b, port, tick);
      if (words[at] !== a || words[at + 1] !== b) continue;
      if (words[at + 3] !== tick) words[at + 3] = tick;
      if (there === port + 1) return false;
      Atomics.store(words, at + 2, port + 1);
      Atomics.add(words, MOVES, 1);
      return true;
    }
  }

  /** The entries, in table order; for the control path. */
  list(): LearnedMac[] {
    const words = this.#words;
    const out: LearnedMac[] = [];
    for (let at = FIRST; at < words.length; at += 4) {
      const port = words[at + 2];
      if (port === 0) continue;
      out.push({
        a: words[at],
        b: words[at + 1],
        port: port - 1,
        tick: words[at + 3],
      });
    }
    return out;
  }

  /** Under the lock, from the start of the chain: another processor may have inserted meanwhile. */
  #insert(a: number, b: number, port: number, tick: number): boolean {
    if ((a | (b & 0xffff)) === 0) return false;
    const words = this.#words;
    const mask = this.#mask;
    for (let spins = 0; Atomics.compareExchange(words, LOCK, 0, 1) !== 0; spins++) {
      // Its holder may have lost its core: give ours away, in short naps since nobody notifies.
      if (spins > 1000) Atomics.wait(words, LOCK, 1, 0.05);
    }
    let slot = hashKey(a, b) & mask;
    let news = true;
    for (; ; slot = (slot + 1) & mask) {
      const at = FIRST + (slot << 2);
      const there = Atomics.load(words, at + 2);
      if (there !== 0 && (words[at] !== a || words[at + 1] !== b)) continue;
      if (there === 0) {
        if (words[ENTRIES] >= this.#limit) {
          Atomics.add(words, REFUSED, 1);
          news = false;
          break;
        }
        words[at] = a;
        words[at + 1] = b;
        words[at + 3] = tick;
        Atomics.add(words, ENTRIES, 1);
      }
      // The port last: from here on a reader finds the entry whole.
      Atomics.store(words, at + 2, port + 1);
      break;
    }
    Atomics.store(words, LOCK, 0);
    return news;
  }
}
