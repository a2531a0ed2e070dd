/**
 * Turns a pcapng time (a 64-bit count of ticks, in two halves) into seconds and nanoseconds.
 *
 * `if_tsresol` allows any power of ten or two. The ones in use divide exactly in doubles, 16 bits at a time:
 * the running remainder stays below `ticksPerSecond * 2^16`, hence below 2^53. The rest goes through BigInt.
 */
export class TickScale {
  /** Results of the last `split`. */
  seconds = 0;
  nanoseconds = 0;

  readonly #perSecond: number;
  /** Nanoseconds of one tick, when a tick is at least that long and not a binary fraction; else 0. */
  readonly #multiplier: number;
  /** Ticks of one nanosecond, when a tick is shorter. */
  readonly #divisor: number;
  readonly #exactPerSecond: bigint;
  readonly #binary: boolean;
  readonly #slow: boolean;
  readonly #offsetSeconds: number;

  /** `resolution` is the `if_tsresol` byte, `offsetSeconds` the `if_tsoffset` value. */
  constructor(resolution: number, offsetSeconds: number) {
    const exponent = resolution & 0x7f;
    this.#binary = (resolution & 0x80) !== 0;
    this.#exactPerSecond = this.#binary ? 1n << BigInt(exponent) : 10n ** BigInt(exponent);
    this.#perSecond = Number(this.#exactPerSecond);
    this.#multiplier = !this.#binary && exponent <= 9 ? 10 ** (9 - exponent) : 0;
    this.#divisor = !this.#binary && exponent > 9 ? 10 ** (exponent - 9) : 1;
    this.#slow = this.#binary ? exponent > 23 : exponent > 11;
    this.#offsetSeconds = offsetSeconds;
  }

  /** Splits `high * 2^32 + low` ticks; the answer is in `seconds` and `nanoseconds`. */
  split(high: number, low: number): void {
    if (this.#slow) {
      this.#splitExactly(high, low);
      return;
    }
    const perSecond = this.#perSecond;
    let quotient = Math.floor(high / perSecond);
    let rest = (high % perSecond) * 0x1_0000 + (low >>> 16);
    quotient = quotient * 0x1_0000 + Math.floor(rest / perSecond);
    rest = (rest % perSecond) * 0x1_0000 + (low & 0xffff);
    quotient = quotient * 0x1_0000 + Math.floor(rest / perSecond);
    rest %= perSecond;
    this.seconds = quotient + this.#offsetSeconds;
    if (this.#binary) this.nanoseconds = Math.floor((rest * 1e9) / perSecond);
    else if (this.#multiplier !== 0) this.nanoseconds = rest * this.#multiplier;
    else this.nanoseconds = Math.floor(rest / this.#divisor);
  }

  #splitExactly(high: number, low: number): void {
    const ticks = (BigInt(high) << 32n) | BigInt(low);
    const perSecond = this.#exactPerSecond;
    this.seconds = Number(ticks / perSecond) + this.#offsetSeconds;
    this.nanoseconds = Number(((ticks % perSecond) * 1_000_000_000n) / perSecond);
  }
}
