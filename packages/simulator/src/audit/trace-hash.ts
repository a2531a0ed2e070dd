/**
 * The trace of a simulation as one number: every step, status, counter and delivery goes in, in order. Two 32-bit
 * lanes of multiply-and-fold in integer arithmetic, so that every machine comes to the same sixteen digits.
 */
export class TraceHash {
  #low = 0x811c9dc5 | 0;
  #high = 0x9e3779b9 | 0;

  /** Takes the low 32 bits of `value`; counts beyond are given in two halves. */
  add(value: number): void {
    const low = Math.imul(this.#low ^ value, 0x01000193);
    this.#low = low ^ (low >>> 15);
    const high = Math.imul(this.#high + value, 0x85ebca6b);
    this.#high = (high ^ (high >>> 13)) + low;
  }

  addText(text: string): void {
    for (let i = 0; i < text.length; i++) this.add(text.charCodeAt(i));
    this.add(text.length);
  }

  /** Sixteen hexadecimal digits. */
  get digits(): string {
    const word = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return word(this.#high) + word(this.#low);
  }
}
