/**
 * Source addresses that a processor has just seen behind the wire on the way to one port: a small table of its own in
 * front of the learned one, so that learning a known address again costs two loads from memory that is in the cache.
 *
 *   port's 256 entries   key a / key b        at a fold of the address; a newer key takes an older one's place
 *
 * Addresses that differ in their last byte, as those of one maker's or one subnet's stations do, never take each
 * other's place. Empty keys are -1 / -1, which no frame has: its VLAN would be 65535. All is forgotten whenever any address has moved to another port, a tick of ageing has passed, or the learned table is a new one.
 */
import type { LearnedMacTable } from './learned-mac-table.ts';

const ENTRIES = 256;
/** Words of a port. */
export const RECENT_WORDS: number = 2 * ENTRIES;

export class RecentSources {
  /** Two words an entry, for each port. The delivery's loop has the look-up inline. */
  readonly keys: Int32Array;
  /** Words of the ports up to the highest that has had a chain: the others have never been written. */
  #used = 0;
  #table: LearnedMacTable | null = null;
  #moves = 0;
  #tick = 0;

  constructor(ports: number) {
    this.keys = new Int32Array(ports * RECENT_WORDS).fill(-1);
  }

  /** Forgets what may not hold any more; once per chain for `port`. */
  begin(port: number, table: LearnedMacTable, tick: number): void {
    this.#used = Math.max(this.#used, (port + 1) * RECENT_WORDS);
    const moves = table.moves;
    if (table === this.#table && moves === this.#moves && tick === this.#tick) return;
    this.keys.fill(-1, 0, this.#used);
    this.#table = table;
    this.#moves = moves;
    this.#tick = tick;
  }

  /** The address is in the learned table now, behind the wire, and sends to `port`. */
  note(port: number, a: number, b: number): void {
    const at = port * RECENT_WORDS + (foldSource(a, b) << 1);
    this.keys[at] = a;
    this.keys[at + 1] = b;
  }
}

/** Number of an address's entry: its last byte, stirred by the others. */
export function foldSource(a: number, b: number): number {
  return ((b >>> 8) ^ b ^ (a >>> 24) ^ (a >>> 13) ^ a) & (ENTRIES - 1);
}
