/** Marks that a register write leaves for the device: a bit per queue, five words. */

/** Calls `act` for each bit set in five words from `at`, and clears them. */
export function forEachMarked(words: Int32Array, at: number, act: (queue: number) => void): void {
  for (let group = 0; group < 5; group++) {
    if (words[at + group] === 0) continue;
    let marked = Atomics.exchange(words, at + group, 0);
    while (marked !== 0) {
      const bit = 31 - Math.clz32(marked & -marked);
      marked &= marked - 1;
      act(group * 32 + bit);
    }
  }
}
