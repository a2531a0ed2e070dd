/** What faults excuse in a world: what was damaged on purpose proves nothing. */
export interface Tolerance {
  /** Bits flipped on wires: a frame that contradicts itself is nobody's fault, nor is a single word in memory. */
  flips: boolean;
  /** Frames came twice from a wire. */
  repeats: boolean;
  /** The device told something else about frames than what it had done. */
  damage: boolean;
}
