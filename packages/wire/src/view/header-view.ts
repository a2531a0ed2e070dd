import type { WireRefusal } from './refusal.ts';

/**
 * A flyweight over a header that stays where it is: make one, point it at header after header.
 *
 * ```text
 *   bytes:  ………|<--- length --->|………
 *              ^offset
 * ```
 *
 * Getters read and never judge. Use `at` on bytes known to be good, `checked` on all others: when it returns `null`,
 * no getter reads outside `offset … offset + length`.
 */
export abstract class HeaderView {
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  length = 0;

  /** Points the view at `length` bytes from `offset`. */
  at(bytes: Uint8Array, offset: number, length: number): this {
    this.bytes = bytes;
    this.offset = offset | 0;
    this.length = length | 0;
    return this;
  }

  /** As `at`, and says why the bytes are no such header; `null` when they are one. */
  checked(bytes: Uint8Array, offset: number, length: number): WireRefusal | null {
    this.at(bytes, offset, length);
    return this.refusal();
  }

  /** The judgement of `checked` on the bytes the view points at. */
  abstract refusal(): WireRefusal | null;
}
