// The only source of chance here: sfc32 over 32-bit integers, so that a seed means the same buffers on every machine.
import type { Chance } from './target.ts';

/** A stream of random numbers; two seeds never share one. `path` tells streams of one seed apart. */
export class Random implements Chance {
  #a: number;
  #b: number;
  #c = 0x243f6a88;
  #counter = 1;

  constructor(seed: number, path = 0) {
    this.#a = seed | 0;
    this.#b = path ^ 0x9e3779b9;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** 32 bits, unsigned. */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  /** 0 to bound - 1. The bias of the remainder does not matter here; that it is the same everywhere does. */
  below(bound: number): number {
    return this.next() % bound;
  }

  /** True once in `n`. */
  once(n: number): boolean {
    return this.next() % n === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.next() % list.length];
  }
}
