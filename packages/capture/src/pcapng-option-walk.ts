import { readU16 } from './byte-order.ts';
import { OPT_END } from './pcapng-format.ts';
import { decodeText } from './text.ts';

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
  /** True when an option ran past the end of the block. */
  broken = false;

  #bytes: Uint8Array = new Uint8Array(0);
  #next = 0;
  #end = 0;
  #bigEndian = false;

  start(bytes: Uint8Array, offset: number, end: number, bigEndian: boolean): void {
    this.#bytes = bytes;
    this.#next = offset;
    this.#end = end;
    this.#bigEndian = bigEndian;
    this.broken = false;
  }

  /** False at the end of the options, and when one is broken. */
  next(): boolean {
    const at = this.#next;
    if (at === this.#end) return false;
    if (at + 4 > this.#end) return this.#break();
    this.code = readU16(this.#bytes, at, this.#bigEndian);
    this.length = readU16(this.#bytes, at + 2, this.#bigEndian);
    this.offset = at + 4;
    if (this.code === OPT_END) return false;
    this.#next = this.offset + this.length + (-this.length & 3);
    return this.#next <= this.#end || this.#break();
  }

  /** The value as text. */
  text(): string {
    return decodeText(this.#bytes, this.offset, this.length);
  }

  #break(): boolean {
    this.broken = true;
    return false;
  }
}
