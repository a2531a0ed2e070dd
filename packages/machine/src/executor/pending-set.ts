/**
 * Which of an executor's agents are pending, as bits by position:
 *
 *   word   0                      1
 *   bit    0 1 2 … 31             0 …          bit b of word w = the agent at position 32 w + b has something to do
 *
 * The board sets bits as agents are woken and clears them as their turns begin.
 */
export class PendingSet {
  /** Position found by the last {@link count}: where that returned 1, the only one. */
  last = -1;
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  add(position: number): void {
    this.#words[position >> 5] |= 1 << (position & 31);
  }

  clear(): void {
    this.#words.fill(0);
  }

  count(): number {
    let count = 0;
    for (let i = 0; i < this.#words.length; i++) {
      const bits = this.#words[i];
      if (bits === 0) continue;
      count += (bits & (bits - 1)) === 0 ? 1 : countBits(bits);
      this.last = i * 32 + lowestBit(bits);
    }
    return count;
  }

  /** The `k`-th from the lowest on, from 0; there are more than `k`. */
  nth(k: number): number {
    let left = k;
    for (let i = 0; ; i++) {
      let bits = this.#words[i];
      if (bits === 0) continue;
      const count = countBits(bits);
      if (left >= count) {
        left -= count;
        continue;
      }
      for (; left > 0; left--) bits &= bits - 1;
      return i * 32 + lowestBit(bits);
    }
  }

  /** The next behind `position`, in a circle; there is one. */
  nextBehind(position: number): number {
    const words = this.#words;
    const from = position + 1;
    const first = from >> 5;
    const behind = first < words.length ? words[first] & (-1 << (from & 31)) : 0;
    if (behind !== 0) return first * 32 + lowestBit(behind);
    for (let i = 1; ; i++) {
      const at = (first + i) % words.length;
      if (words[at] !== 0) return at * 32 + lowestBit(words[at]);
    }
  }
}

/** Number of the lowest bit that is set, in a word that is not 0. */
function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** Bits that are set. */
function countBits(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const quads = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((quads + (quads >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
