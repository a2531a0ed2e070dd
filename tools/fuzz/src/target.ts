// What a fuzz target is: a parser that faces a boundary, given buffers that it has not asked for.

/** Where chance comes from: a generator of a seed, or a list of choices made before. */
export interface Chance {
  /** 32 bits, unsigned. */
  next(): number;
  /** 0 to bound - 1. */
  below(bound: number): number;
  /** True once in `n`. */
  once(n: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** Told what the next buffer is, before the parser gets it: a failure shows it. */
export type Note = (shown: Uint8Array | string) => void;

/** One fresh parser with all that it needs. */
export interface Instance {
  /** Gives it one buffer; the name of what came out. Throws if that is none of what may come out. */
  one(random: Chance): string | Promise<string>;
  close?(): void | Promise<void>;
}

export interface Target {
  readonly name: string;
  readonly about: string;
  /** Buffers that an instance is given before a fresh one is made. */
  readonly perSession: number;
  open(random: Chance, note: Note): Instance;
}
