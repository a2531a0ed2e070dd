// What both sides of the benchmark receive, as the yardstick makes it up: 4096 prepared frames with random contents, for
// VMs chosen at random. Every second VM is in a VLAN of its own, and its frames are tagged; 1 frame in 32 is for an
// address that no VM has. IMIX: 7 × 64, 4 × 590, 1 × 1514 bytes.

export const FRAMES = 4096;
export const IMIX: readonly number[] = [64, 64, 64, 64, 64, 64, 64, 590, 590, 590, 590, 1514];
/** One in so many frames is for nobody. */
export const UNKNOWN_EVERY = 32;

/** The yardstick's generator (xorshift32), so that both sides see the same sequence. */
export function createRandom(seed = 0x2545f491): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

export function macOf(vm: number): number[] {
  const hash = Math.imul(vm + 1, 2654435761) >>> 0;
  return [0x02, 0x15, 0x5d, hash >>> 24, (hash >>> 16) & 255, vm];
}

export const macText = (bytes: readonly number[]): string =>
  bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('-');

export const vlanOf = (vm: number): number => (vm & 1 ? 100 + vm : 0);
