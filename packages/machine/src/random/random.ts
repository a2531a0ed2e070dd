/** A seeded stream of random numbers (sfc32). The only source of chance in the house. */
export interface Random {
  /** A 32-bit unsigned integer. */
  next(): number;
  /** An integer in [0, bound), for a bound of 1..2^32. */
  below(bound: number): number;
  /** A number in [0, 1). */
  unit(): number;
  /**
   * An independent stream. It depends on this stream's seed and name and on `name`, not on how many numbers were
   * drawn, so that adding a stream does not disturb the others.
   */
  fork(name: string): Random;
}

/** Seeds are whole numbers from 0 to this one: as many as there are streams. */
export const MAX_SEED = 0xffff_ffff;

/** Whether `value` is a seed, 0 to {@link MAX_SEED}. */
export function isSeed(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_SEED;
}

/** The stream of a seed. */
export function createRandom(seed: number): Random {
  return createStream(seed, 0);
}

/** Seed and path are words of their own in the generator's state: two seeds never share a stream. */
function createStream(seed: number, path: number): Random {
  let a = seed | 0;
  let b = path ^ 0x9e3779b9;
  let c = 0x243f6a88 | 0;
  let counter = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return {
    next,
    below: (bound) => Math.floor((next() / 0x1_0000_0000) * bound),
    unit: () => next() / 0x1_0000_0000,
    fork(name: string): Random {
      // FNV-1a of the name, begun from where this stream stands in the tree of names.
      let hash = Math.imul(path ^ 0x811c9dc5, 0x01000193);
      for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
      return createStream(seed, hash);
    },
  };
}
