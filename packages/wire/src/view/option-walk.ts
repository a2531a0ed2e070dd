/**
 * Steps through IPv4 or TCP options, which have one format, without making objects.
 *
 * ```text
 *   | 0 |                       end of options
 *   | 1 |                       padding
 *   | kind | length | data … |  length counts kind and length too
 * ```
 */
export class OptionWalk {
  kind = 0;
  /** Where the option's data starts (absolute) and how long it is; 0 for padding. */
  dataOffset = 0;
  dataLength = 0;
  /** True when an option was shorter than 2 or ran past the end; the walk stops there. */
  broken = false;

  #bytes: Uint8Array = new Uint8Array(0);
  #next = 0;
  #end = 0;

  /** Options stand from `offset` to before `end` (both absolute). */
  start(bytes: Uint8Array, offset: number, end: number): this {
    this.#bytes = bytes;
    this.#next = offset | 0;
    this.#end = end | 0;
    this.broken = false;
    return this;
  }

  /** False at the end of the options and when one is broken. Padding is passed over. */
  next(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#next;
    while (at < end && bytes[at] === 1) at++;
    this.#next = end;
    if (at >= end || bytes[at] === 0) return false;
    const length = at + 1 < end ? bytes[at + 1]! : 0;
    if (length < 2 || at + length > end) {
      this.broken = true;
      return false;
    }
    this.kind = bytes[at]!;
    this.dataOffset = at + 2;
    this.dataLength = length - 2;
    this.#next = at + length;
    return true;
  }
}
