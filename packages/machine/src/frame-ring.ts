/**
 * A wire: a ring of frames between one producer and one consumer, in shared memory.
 *
 *   header    word 0 head (consumer: frames taken)     word 16 tail (producer: frames given)
 *   entries   4 words a frame: byte offset in the data area / length / stamp / reserved
 *   data      frames at 64-byte boundaries, used as a ring by the producer
 *
 * Indices run freely as int32; entry = index & mask; (tail - head) | 0 is the fill. Each side keeps a private
 * copy of its own index and a cached copy of the peer's, and publishes once per batch. A frame never wraps
 * around the end of the data area.
 */
const HEAD = 0;
const TAIL = 16;
const HEADER_WORDS = 32;
const ENTRY_WORDS = 4;

export interface FrameRingImage {
  readonly slots: number;
  readonly dataBytes: number;
  readonly buffer: SharedArrayBuffer;
}

export function createFrameRing(slots: number, dataBytes: number): FrameRingImage {
  if (slots < 2 || (slots & (slots - 1)) !== 0)
    throw new RangeError(`frame ring: ${slots} slots, need a power of two`);
  const rounded = Math.ceil(dataBytes / 64) * 64;
  return {
    slots,
    dataBytes: rounded,
    buffer: new SharedArrayBuffer((HEADER_WORDS + slots * ENTRY_WORDS) * 4 + rounded),
  };
}

abstract class RingSide {
  /** Words of header and entries. */
  readonly words: Int32Array;
  /** The whole ring; frame offsets index into it. */
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
  readonly slots: number;
  /** Byte offset of the data area. */
  readonly dataStart: number;
  readonly dataEnd: number;

  constructor(image: FrameRingImage) {
    this.dataStart = (HEADER_WORDS + image.slots * ENTRY_WORDS) * 4;
    this.dataEnd = this.dataStart + image.dataBytes;
    this.words = new Int32Array(image.buffer, 0, this.dataStart / 4);
    this.u8 = new Uint8Array(image.buffer);
    this.i32 = new Int32Array(image.buffer);
    this.u64 = new BigUint64Array(image.buffer);
    this.slots = image.slots;
  }
}

/** The giving end. */
export class FrameProducer extends RingSide {
  #tail: number;
  #head: number;
  /** Next free byte of the data area. */
  #write: number;

  constructor(image: FrameRingImage) {
    super(image);
    this.#tail = Atomics.load(this.words, TAIL);
    this.#head = Atomics.load(this.words, HEAD);
    this.#write = this.dataStart;
  }

  /** Frames given and not yet taken, as far as the consumer has said. */
  get pending(): number {
    this.#head = Atomics.load(this.words, HEAD);
    return (this.#tail - this.#head) | 0;
  }

  /**
   * Room for a frame of `length` bytes: its byte offset in {@link u8}, or -1 while the ring is full. Write the
   * bytes there, then {@link commit}. The 63 bytes after the frame may be overwritten.
   */
  reserve(length: number): number {
    if (((this.#tail - this.#head) | 0) >= this.slots) {
      this.#head = Atomics.load(this.words, HEAD);
      if (((this.#tail - this.#head) | 0) >= this.slots) return -1;
    }
    const need = Math.max(64, (length + 63) & ~63);
    let at = this.#place(need);
    if (at < 0) {
      this.#head = Atomics.load(this.words, HEAD);
      at = this.#place(need);
    }
    return at;
  }

  /** Gives the frame written at `offset`; the consumer sees it after {@link publish}. */
  commit(offset: number, length: number, stamp: number): void {
    const entry = HEADER_WORDS + (this.#tail & (this.slots - 1)) * ENTRY_WORDS;
    this.words[entry] = offset;
    this.words[entry + 1] = length;
    this.words[entry + 2] = stamp;
    this.#tail = (this.#tail + 1) | 0;
    this.#write = offset + Math.max(64, (length + 63) & ~63);
  }

  /** Gives a frame that already lies in the data area and stays there: replaying a prepared trace. */
  commitReference(offset: number, length: number, stamp: number): boolean {
    if (((this.#tail - this.#head) | 0) >= this.slots) {
      this.#head = Atomics.load(this.words, HEAD);
      if (((this.#tail - this.#head) | 0) >= this.slots) return false;
    }
    const entry = HEADER_WORDS + (this.#tail & (this.slots - 1)) * ENTRY_WORDS;
    this.words[entry] = offset;
    this.words[entry + 1] = length;
    this.words[entry + 2] = stamp;
    this.#tail = (this.#tail + 1) | 0;
    return true;
  }

  publish(): void {
    Atomics.store(this.words, TAIL, this.#tail);
  }

  /** A contiguous place of `need` bytes that no untaken frame occupies, or -1. */
  #place(need: number): number {
    if (need > this.dataEnd - this.dataStart) return -1;
    if (this.#tail === this.#head) return this.dataStart; // empty: start over
    const oldest = this.words[HEADER_WORDS + (this.#head & (this.slots - 1)) * ENTRY_WORDS] as number;
    const write = this.#write;
    if (write > oldest) {
      if (write + need <= this.dataEnd) return write;
      return this.dataStart + need <= oldest ? this.dataStart : -1;
    }
    return write + need <= oldest ? write : -1;
  }
}

/** The taking end. Offsets and lengths are valid until the frame is released. */
export class FrameConsumer extends RingSide {
  #head: number;
  #tail: number;

  constructor(image: FrameRingImage) {
    super(image);
    this.#head = Atomics.load(this.words, HEAD);
    this.#tail = this.#head;
  }

  /** Frames that can be taken now; looks at the producer's index once. */
  available(): number {
    this.#tail = Atomics.load(this.words, TAIL);
    return (this.#tail - this.#head) | 0;
  }

  /** Word index of the entry of the `i`-th waiting frame: [offset, length, stamp]. */
  entry(i: number): number {
    return HEADER_WORDS + ((this.#head + i) & (this.slots - 1)) * ENTRY_WORDS;
  }

  offsetOf(i: number): number {
    return this.words[this.entry(i)] as number;
  }

  lengthOf(i: number): number {
    return this.words[this.entry(i) + 1] as number;
  }

  stampOf(i: number): number {
    return this.words[this.entry(i) + 2] as number;
  }

  /** Gives `count` frames' room back, once per batch. */
  release(count: number): void {
    this.#head = (this.#head + count) | 0;
    Atomics.store(this.words, HEAD, this.#head);
  }
}
