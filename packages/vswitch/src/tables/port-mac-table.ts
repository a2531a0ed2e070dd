/**
 * The addresses the control path gave to the ports, keyed by MAC and VLAN: open addressing over one typed array,
 * private to a processor, rebuilt at each publication. Stronger than anything learned.
 *
 *   entry   key a / key b / port + 1 (0 = free)  / unused
 */
import { hashKey } from './mac-key.ts';

export class PortMacTable {
  #words: Int32Array;
  #mask: number;
  #entries = 0;

  constructor() {
    this.#words = new Int32Array(8 * 4);
    this.#mask = 7;
  }

  get size(): number {
    return this.#entries;
  }

  /** Empties the table and makes room for `entries`. */
  reset(entries: number): void {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(8, entries * 2)));
    if (slots * 4 === this.#words.length) this.#words.fill(0);
    else this.#words = new Int32Array(slots * 4);
    this.#mask = slots - 1;
    this.#entries = 0;
  }

  /** Adds a key unless it is there; the first one wins. Never more of them than `reset` was told. */
  add(a: number, b: number, port: number): void {
    const words = this.#words;
    for (let slot = hashKey(a, b) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * 4;
      if (words[at + 2] === 0) {
        words[at] = a;
        words[at + 1] = b;
        words[at + 2] = port + 1;
        this.#entries++;
        return;
      }
      if (words[at] === a && words[at + 1] === b) return;
    }
  }

  /** The port that has this key, or -1. */
  lookup(a: number, b: number): number {
    const words = this.#words;
    const mask = this.#mask;
    for (let slot = hashKey(a, b) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * 4;
      const port = words[at + 2];
      if (port === 0) return -1;
      if (words[at] === a && words[at + 1] === b) return port - 1;
    }
  }
}
