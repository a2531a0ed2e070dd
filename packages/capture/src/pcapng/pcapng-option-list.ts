import { encodeText } from '../model/text.ts';
import type { ChunkWriter } from '../writer/chunk-writer.ts';
import { OPT_END, padded } from './pcapng-format.ts';

const LONGEST_VALUE = 0xffff;
const NO_TEXT = new Uint8Array(0);
/** What an entry's value is. */
const TEXT = 0;

/**
 * The options of one block, gathered first because a block states its length before them.
 * One per writer; numbers are kept in arrays that stay, so a packet with flags and a queue makes no object.
 */
export class OptionList {
  /** Bytes the list will take, with its end mark; 0 without options. */
  length = 0;

  readonly #codes: number[] = [];
  /** Value length for numbers, 0 for text. */
  readonly #sizes: number[] = [];
  readonly #values: number[] = [];
  readonly #texts: Uint8Array[] = [];
  #count = 0;

  clear(): this {
    this.#count = 0;
    this.length = 0;
    return this;
  }

  text(code: number, text: string): void {
    const bytes = encodeText(text);
    if (bytes.length > LONGEST_VALUE) {
      throw new RangeError(
        `option ${code}: expected at most ${LONGEST_VALUE} bytes of UTF-8, found ${bytes.length}`,
      );
    }
    this.#add(code, TEXT, 0, bytes, bytes.length);
  }

  u8(code: number, value: number): void {
    this.#add(code, 1, value, NO_TEXT, 1);
  }

  u32(code: number, value: number): void {
    this.#number(code, 4, value, 0xffff_ffff);
  }

  u64(code: number, value: number): void {
    this.#number(code, 8, value, Number.MAX_SAFE_INTEGER);
  }

  writeTo(out: ChunkWriter): void {
    for (let i = 0; i < this.#count; i++) {
      const size = this.#sizes[i]!;
      const text = this.#texts[i]!;
      const length = size === TEXT ? text.length : size;
      out.u16(this.#codes[i]!);
      out.u16(length);
      if (size === TEXT) out.bytes(text, 0, length);
      else if (size === 1) out.u8(this.#values[i]!);
      else if (size === 4) out.u32(this.#values[i]!);
      else out.u64(this.#values[i]!);
      out.zeros(padded(length) - length);
    }
    if (this.#count > 0) {
      out.u16(OPT_END);
      out.u16(0);
    }
  }

  #number(code: number, size: number, value: number, most: number): void {
    if (!(Number.isInteger(value) && value >= 0 && value <= most)) {
      throw new RangeError(`option ${code}: expected an integer from 0 to ${most}, found ${value}`);
    }
    this.#add(code, size, value, NO_TEXT, size);
  }

  #add(code: number, size: number, value: number, text: Uint8Array, length: number): void {
    const at = this.#count++;
    this.#codes[at] = code;
    this.#sizes[at] = size;
    this.#values[at] = value;
    this.#texts[at] = text;
    this.length += 4 + padded(length) + (at === 0 ? 4 : 0);
  }
}
