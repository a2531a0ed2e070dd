import { readU16 } from '../model/byte-order.ts';
import { decodeText } from '../model/text.ts';
import { OPT_END } from './pcapng-format.ts';

/**
 * Steps through a block's options without making objects.
 *
 * ```text
 * | code 2 | length 2 | value … | padding to 4 | … | 0 | 0 |      the last one may be missing
 * ```
 */
export class OptionWalk {
  code = 0;
  /** Where the value starts, and its length without padding. */
  offset = 0;
  length = 0;
  /** What was wrong with the first bad option: it ran past the end of the block, or had the wrong length. */
  flaw: string | null = null;

  #bytes: Uint8Array = new Uint8Array(0);
  #next = 0;
  #end = 0;
  #bigEndian = false;

  start(bytes: Uint8Array, offset: number, end: number, bigEndian: boolean): void {
    this.#bytes = bytes;
    this.#next = offset;
    this.#end = end;
    this.#bigEndian = bigEndian;
    this.flaw = null;
  }

  /** False at the end of the options, and when one runs past the block: nothing behind it can be found. */
  next(): boolean {
    const at = this.#next;
    // Blocks, their bodies and all that is in them are multiples of 4 bytes long.
    if (at === this.#end) return false;
    this.code = readU16(this.#bytes, at, this.#bigEndian);
    this.length = readU16(this.#bytes, at + 2, this.#bigEndian);
    this.offset = at + 4;
    if (this.code === OPT_END) return false;
    this.#next = this.offset + this.length + (-this.length & 3);
    if (this.#next <= this.#end) return true;
    this.flaw ??= `expected each option to end inside its block, found one of code ${this.code} and length ${this.length} that does not`;
    return false;
  }

  /** True if the value has this many bytes, as the format says; one of another length is to be ignored. */
  holds(length: number): boolean {
    if (this.length === length) return true;
    this.flaw ??= `expected ${length} bytes in the option of code ${this.code}, found ${this.length}`;
    return false;
  }

  /** The value as text. */
  text(): string {
    return decodeText(this.#bytes, this.offset, this.length);
  }
}
