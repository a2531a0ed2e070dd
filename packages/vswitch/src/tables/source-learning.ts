/**
 * How a source address is learned: the one way, for every frame that the switch takes.
 *
 *   frame ──> recent sources ──known──> nothing to do
 *                  └──new here──> learned table, shared by all processors
 *
 * Recent are the sources that this processor has just seen behind the wire on the way to one port: a small table of its own in
 * front of the learned one, so that learning a known address again costs two loads from memory that is in the cache.
 *
 *   row of a port    256 entries   key a / key b        at a fold of the address; a newer key takes an older one's entry
 *   row 0            the same for the default queue
 *
 * Addresses that differ in their last byte, as those of one maker's or one subnet's stations do, never take each
 * other's entry. Empty keys are -1 / -1, which no frame has: its VLAN would be 65535. All rows are emptied when any address
 * has moved to another port, a tick of ageing has passed, or the learned table is a new one.
 */
import type { LearnedMacTable } from './learned-mac-table.ts';

const ENTRIES = 256;
/** Words of a row. */
export const RECENT_WORDS: number = 2 * ENTRIES;

export class SourceLearning {
  /** Two words an entry, row by row. The receive loop has the look-up inline. */
  readonly recent: Int32Array;
  /** Ageing tick of the batch, 0 while addresses do not age. */
  tick = 0;
  #table: LearnedMacTable;
  /** Words of the rows up to the highest that was used: the others have never been written. */
  #used = 0;
  #moves = -1;
  #recentTick = 0;

  constructor(rows: number, table: LearnedMacTable) {
    this.recent = new Int32Array(rows * RECENT_WORDS).fill(-1);
    this.#table = table;
  }

  get table(): LearnedMacTable {
    return this.#table;
  }

  /** From now on addresses are learned in `table`. */
  replace(table: LearnedMacTable): void {
    this.#table = table;
    this.#moves = -1;
  }

  /** Begins a batch from the wire: forgets of the recent sources what may not hold any more. */
  begin(row: number): void {
    this.#used = Math.max(this.#used, (row + 1) * RECENT_WORDS);
    const moves = this.#table.moves;
    if (moves === this.#moves && this.tick === this.#recentTick) return;
    this.recent.fill(-1, 0, this.#used);
    this.#moves = moves;
    this.#recentTick = this.tick;
  }

  /** The key was seen behind `port`; true if that is news. Groups and zero are no station's, and are not learned. */
  learn(a: number, b: number, port: number): boolean {
    return (a & 1) === 0 && this.#table.learn(a, b, port, this.tick);
  }

  /** The key, which {@link learn} has just taken, was seen behind the wire in a frame of `row`. */
  note(row: number, a: number, b: number): void {
    const at = row * RECENT_WORDS + (foldSource(a, b) << 1);
    this.recent[at] = a;
    this.recent[at + 1] = b;
  }
}

/** Number of an address's entry: its last byte, stirred by the others. */
export function foldSource(a: number, b: number): number {
  return ((b >>> 8) ^ b ^ (a >>> 24) ^ (a >>> 13) ^ a) & (ENTRIES - 1);
}
