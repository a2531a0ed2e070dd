/** A seeded stream of random numbers (sfc32). The only source of chance in the house. */
export interface Random {
  /** A 32-bit unsigned integer. */
  next(): number;
  /** An integer in [0, bound). */
  below(bound: number): number;
  /** A number in [0, 1). */
  unit(): number;
  /** An independent stream, named so that adding one does not disturb the others. */
  fork(name: string): Random;
}

export function createRandom(seed: number): Random {
  let a = seed | 0;
  let b = 0x9e3779b9 | 0;
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
      // FNV-1a of the name, mixed with this stream's seed and not with its position.
      let hash = 0x811c9dc5 ^ seed;
      for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
      return createRandom(hash);
    },
  };
}
