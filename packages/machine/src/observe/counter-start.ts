/**
 * Where a machine's counters begin. A counter that runs for ever meets its end some day, long after any test has ended;
 * a test sets it near that end instead. docs/limits.md has the table of all counters and of what happens there.
 *
 *   { words: -100 }             free-running 32-bit counters wrap from 2^32 - 1 to 0 after 100 steps
 *   { words: 0x7fff_ff9c }      … from 2^31 - 1 to 2^31, where an int32 becomes negative, after 100 steps
 *   { stamps: 0x7fff_ff9b }     the port's receive stamps begin anew at 1 after 100 frames
 *   { numbers: 2 ** 32 - 3 }    handles and other numbers that are given once leave 32 bits behind
 *   { nanoseconds: 2 ** 53 }    the virtual clock has been running for 104 days
 */
export interface CounterStart {
  /**
   * Counters of 32 bits that run freely and are compared by their difference: indices of rings, descriptors and
   * completions, publications, turns, serials, trace sequences, delivery numbers. An int32. Default 0.
   */
  readonly words: number;
  /** Receive stamp of the frame before the first, 0 (default) … 2^31 - 1; see `RXSTAMP` of `@vmq/nic`. */
  readonly stamps: number;
  /**
   * Numbers that are given out once and never again: handles, sequence numbers of records, channels. The first one is this
   * plus 1. A whole number, 0 (default) … 2^51; what counts like this has reached 2^52 after 142 years of a million a second.
   */
  readonly numbers: number;
  /** Time that the virtual clock shows at power-on. Threads have the real one, for which this is nothing. Default 0. */
  readonly nanoseconds: number;
}

const MOST_STAMP = 0x7fff_ffff;
const MOST_NUMBER = 2 ** 51;

/** Everything from 0. */
export const COUNTERS_FROM_ZERO: CounterStart = { words: 0, stamps: 0, numbers: 0, nanoseconds: 0 };

/** Fills in the defaults; throws a RangeError that names what is out of range. */
export function counterStart(chosen: Partial<CounterStart> = {}): CounterStart {
  const start = { ...COUNTERS_FROM_ZERO, ...chosen };
  const { words, stamps, numbers, nanoseconds } = start;
  const check = (name: string, value: number, least: number, most: number): void => {
    if (!(Number.isInteger(value) && value >= least && value <= most))
      throw new RangeError(`counters.${name}: ${value}, need a whole number from ${least} to ${most}`);
  };
  check('words', words, -0x8000_0000, 0x7fff_ffff);
  check('stamps', stamps, 0, MOST_STAMP);
  check('numbers', numbers, 0, MOST_NUMBER);
  check('nanoseconds', nanoseconds, 0, 2 ** 62);
  return start;
}
