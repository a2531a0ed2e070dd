import type { CaptureSink } from './sink.ts';

export const DEFAULT_CHUNK_LENGTH = 65_536;
/** The longest single field, and then some. */
const SMALLEST_CHUNK_LENGTH = 16;

/**
 * Gathers small fields into chunks for the sink. A full chunk is handed over for good and a new one begun, so a sink
 * that writes later (a stream) needs no copy.
 */
export class ChunkWriter {
  readonly #sink: CaptureSink;
  readonly #chunkLength: number;
  readonly #bigEndian: boolean;
  #chunk: Uint8Array;
  /** Bytes before this index have gone to the sink. */
  #flushed = 0;
  #used = 0;
  #closed = false;

  constructor(sink: CaptureSink, chunkLength: number, bigEndian: boolean) {
    if (!Number.isInteger(chunkLength) || chunkLength < SMALLEST_CHUNK_LENGTH) {
      throw new RangeError(
        `chunkLength: expected an integer of at least ${SMALLEST_CHUNK_LENGTH}, found ${chunkLength}`,
      );
    }
    this.#sink = sink;
    this.#chunkLength = chunkLength;
    this.#bigEndian = bigEndian;
    this.#chunk = new Uint8Array(chunkLength);
  }

  u8(value: number): void {
    if (this.#used === this.#chunkLength) this.#next();
    this.#chunk[this.#used++] = value;
  }

  u16(value: number): void {
    if (this.#used + 2 > this.#chunkLength) this.#next();
    const chunk = this.#chunk;
    const at = this.#used;
    chunk[at] = this.#bigEndian ? value >>> 8 : value;
    chunk[at + 1] = this.#bigEndian ? value : value >>> 8;
    this.#used = at + 2;
  }

  u32(value: number): void {
    if (this.#used + 4 > this.#chunkLength) this.#next();
    const chunk = this.#chunk;
    const at = this.#used;
    if (this.#bigEndian) {
      chunk[at] = value >>> 24;
      chunk[at + 1] = value >>> 16;
      chunk[at + 2] = value >>> 8;
      chunk[at + 3] = value;
    } else {
      chunk[at] = value;
      chunk[at + 1] = value >>> 8;
      chunk[at + 2] = value >>> 16;
      chunk[at + 3] = value >>> 24;
    }
    this.#used = at + 4;
  }

  /** Integers up to 2^53; negative ones in two's complement. */
  u64(value: number): void {
    const high = Math.floor(value / 0x1_0000_0000);
    this.u32(this.#bigEndian ? high : value);
    this.u32(this.#bigEndian ? value : high);
  }

  bytes(source: Uint8Array, offset: number, length: number): void {
    let from = offset;
    let left = length;
    while (left > 0) {
      if (this.#used === this.#chunkLength) this.#next();
      const part = Math.min(left, this.#chunkLength - this.#used);
      this.#chunk.set(source.subarray(from, from + part), this.#used);
      this.#used += part;
      from += part;
      left -= part;
    }
  }

  zeros(count: number): void {
    for (let i = 0; i < count; i++) this.u8(0);
  }

  /** Hands over what is gathered; the rest of the chunk goes on being filled. */
  flush(): void {
    if (this.#used === this.#flushed) return;
    const part = this.#chunk.subarray(this.#flushed, this.#used);
    this.#flushed = this.#used;
    this.#sink.write(part);
  }

  close(): void {
    this.flush();
    this.#closed = true;
  }

  /** Every public call of a writer starts here. */
  refuseClosed(): void {
    if (this.#closed) throw new Error('capture writer: expected an open writer, found it closed');
  }

  #next(): void {
    this.flush();
    this.#chunk = new Uint8Array(this.#chunkLength);
    this.#flushed = 0;
    this.#used = 0;
  }
}
