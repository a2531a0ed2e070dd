/** Doorbell bits that a register write leaves for the device: a bit per queue, five words. */

/** Calls `act` for each bit set in five words from `at`, and clears them. */
export function forEachDoorbell(words: Int32Array, at: number, act: (queue: number) => void): void {
  for (let group = 0; group < 5; group++) {
    if (words[at + group] === 0) continue;
    let bits = Atomics.exchange(words, at + group, 0);
    while (bits !== 0) {
      const bit = 31 - Math.clz32(bits & -bits);
      bits &= bits - 1;
      act(group * 32 + bit);
    }
  }
}
