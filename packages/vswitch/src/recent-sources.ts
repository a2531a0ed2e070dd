/**
 * Source addresses that a processor has just seen behind the wire: a small table of its own in front of the learned
 * one, so that learning a known address again costs two loads from memory that is always in the cache.
 *
 *   entry   key a / key b        at hash(a, b); a newer key takes an older one's place
 *
 * Empty keys are 0 / 0, which is no source of a frame: it counts as not seen. What was seen is forgotten whenever
 * any address has moved to another port, a tick of ageing has passed, or the learned table is a new one.
 */
import type { LearnedMacTable } from './learned-mac-table.ts';

const BITS = 11;
export const RECENT_SHIFT: number = 32 - BITS;
/** Multipliers of the hash: odd, with well-mixed bits. */
export const RECENT_MIX_A: number = 0x9e3779b1 | 0;
export const RECENT_MIX_B: number = 0x85ebca6b | 0;

export class RecentSources {
  /** Two words an entry. The delivery's loop has the look-up inline. */
  readonly keys: Int32Array = new Int32Array(2 << BITS);
  #table: LearnedMacTable | null = null;
  #moves = 0;
  #tick = 0;

  /** Forgets what may not hold any more; once per chain. */
  begin(table: LearnedMacTable, tick: number): void {
    const moves = table.moves;
    if (table === this.#table && moves === this.#moves && tick === this.#tick) return;
    this.keys.fill(0);
    this.#table = table;
    this.#moves = moves;
    this.#tick = tick;
  }

  /** The address is in the learned table now, behind the wire. */
  note(a: number, b: number): void {
    const at = ((Math.imul(a, RECENT_MIX_A) ^ Math.imul(b, RECENT_MIX_B)) >>> RECENT_SHIFT) << 1;
    this.keys[at] = a;
    this.keys[at + 1] = b;
  }
}
