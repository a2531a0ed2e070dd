/**
 * One ring of a channel as raw words, for a guest that keeps to nothing: every index and every word can be written at
 * any time. The format is VMBus's, stated here a second time so that a mistake in the stack's own code shows.
 *
 *   header page   +0 write_index   +4 read_index   +8 interrupt_mask   +12 pending_send_sz      (bytes)
 *   data          descriptor {type u16, dataOffset8 u16, length8 u16, flags u16, transaction id u64} payload, trailer
 */
import type { MemorySegment } from '@vmq/machine';

const WRITE = 0;
const READ = 1;
const MASK = 2;
const PENDING = 3;

export class GuestRing {
  readonly dataBytes: number;
  readonly #words: Int32Array;
  readonly #header: number;
  readonly #data: number;

  /** `offset`: of the header page in the segment, bytes. */
  constructor(segment: MemorySegment, offset: number, dataBytes: number) {
    this.#words = segment.i32;
    this.#header = offset >>> 2;
    this.#data = (offset + 4096) >>> 2;
    this.dataBytes = dataBytes;
  }

  get writeIndex(): number {
    return Atomics.load(this.#words, this.#header + WRITE);
  }

  set writeIndex(value: number) {
    Atomics.store(this.#words, this.#header + WRITE, value);
  }

  get readIndex(): number {
    return Atomics.load(this.#words, this.#header + READ);
  }

  set readIndex(value: number) {
    Atomics.store(this.#words, this.#header + READ, value);
  }

  set interruptMask(value: number) {
    Atomics.store(this.#words, this.#header + MASK, value);
  }

  set pendingSendSize(value: number) {
    Atomics.store(this.#words, this.#header + PENDING, value);
  }

  /** Both indexes and flags zero, as before a channel is opened. */
  clear(): void {
    for (const word of [WRITE, READ, MASK, PENDING]) Atomics.store(this.#words, this.#header + word, 0);
  }

  /** Bytes that can be written without overwriting what has not been read. */
  get room(): number {
    const used = (this.writeIndex - this.readIndex + this.dataBytes) % this.dataBytes;
    return this.dataBytes - used - 8;
  }

  /** The index `bytes` further on (or back). */
  after(index: number, bytes: number): number {
    return (((index + bytes) % this.dataBytes) + this.dataBytes) % this.dataBytes;
  }

  /** The word at a byte offset of the data, around the end. */
  word(at: number): number {
    return this.#words[this.#data + (this.after(at, 0) >>> 2)];
  }

  put(at: number, value: number): void {
    this.#words[this.#data + (this.after(at, 0) >>> 2)] = value;
  }

  /** Writes words from a byte offset on; returns the offset behind them. */
  write(at: number, words: readonly number[]): number {
    words.forEach((word, i) => {
      this.put(at + i * 4, word);
    });
    return this.after(at, words.length * 4);
  }
}
