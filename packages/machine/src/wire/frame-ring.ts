/**
 * A wire: a ring of frames between one producer and one consumer, or several that each see every frame, in shared
 * memory.
 *
 *   header    word 0 head (consumer: frames taken)     word 16 tail (producer: frames given)
 *   entries   4 words a frame: byte offset in the data area / length / stamp / reserved
 *   data      frames at 64-byte boundaries, or a little behind one, used as a ring by the producer
 *   heads     of further consumers, a cache line each; a frame's room is free when the slowest has taken it
 *
 *   data      |  free  | oldest frame ... newest frame |  free  |      the next one goes behind the newest, or to
 *                                                      ^ write         the start if it does not fit there
 *
 * A ring is used in one of two ways: frames are written into it one by one (reserve, commit), or the data area
 * holds a prepared trace and frames are given by reference (commitReference).
 *
 * Indices run freely as int32; entry = index & mask; (tail - head) | 0 is the fill. Each side keeps a private
 * copy of its own index and a cached copy of the peer's, and publishes once per batch. A frame never wraps
 * around the end of the data area.
 */
const HEAD = 0;
const TAIL = 16;
const HEADER_WORDS = 32;
const ENTRY_WORDS = 4;
const MAX_SLOTS = 1 << 20;
/** Offsets are int32. */
const MAX_DATA_BYTES = 0x7000_0000;
const BY_REFERENCE = -1;
const MAX_CONSUMERS = 16;
/** Words from one further consumer's head to the next. */
const HEAD_STRIDE = 16;

/** Bytes a frame takes: whole 64-byte lines, at least one. */
const roomFor = (length: number): number => Math.max(64, (length + 63) & ~63);
/** Byte behind the room of a frame. */
const behind = (offset: number, length: number): number => (offset & ~63) + roomFor((offset & 63) + length);
const dataStartOf = (slots: number): number => roomFor((HEADER_WORDS + slots * ENTRY_WORDS) * 4);

export interface FrameRingImage {
  readonly slots: number;
  readonly dataBytes: number;
  readonly consumers: number;
  readonly buffer: SharedArrayBuffer;
}

/**
 * Makes a ring whose frames each of `consumers` (1 to 16) takes, at its own pace. Its indices begin at `start`, an int32: see
 * `CounterStart`.
 */
export function createFrameRing(
  slots: number,
  dataBytes: number,
  consumers: number = 1,
  start: number = 0,
): FrameRingImage {
  if (!(Number.isInteger(slots) && slots >= 2 && slots <= MAX_SLOTS && (slots & (slots - 1)) === 0))
    throw new RangeError(`frame ring: ${slots} slots, need a power of two, 2..${MAX_SLOTS}`);
  if (!(Number.isInteger(dataBytes) && dataBytes >= 1 && dataBytes <= MAX_DATA_BYTES))
    throw new RangeError(`frame ring: ${dataBytes} bytes of data, need 1..${MAX_DATA_BYTES}`);
  if (!(Number.isInteger(consumers) && consumers >= 1 && consumers <= MAX_CONSUMERS))
    throw new RangeError(`frame ring: ${consumers} consumers, need 1..${MAX_CONSUMERS}`);
  const rounded = roomFor(dataBytes);
  const bytes = dataStartOf(slots) + rounded + (consumers - 1) * HEAD_STRIDE * 4;
  const image = { slots, dataBytes: rounded, consumers, buffer: new SharedArrayBuffer(bytes) };
  startRing(image, start);
  return image;
}

/** Makes a ring that nobody uses any more a new one: empty, its indices at `start`, nothing in it of what was there. */
export function clearFrameRing(image: FrameRingImage, start: number = 0): void {
  new BigUint64Array(image.buffer).fill(0n);
  startRing(image, start);
}

function startRing({ slots, dataBytes, consumers, buffer }: FrameRingImage, start: number): void {
  const words = new Int32Array(buffer);
  words[HEAD] = words[TAIL] = start;
  const furtherHeads = (dataStartOf(slots) + dataBytes) >> 2;
  for (let k = 1; k < consumers; k++) words[furtherHeads + (k - 1) * HEAD_STRIDE] = start;
}

abstract class RingSide {
  /** Words of header and entries. */
  readonly words: Int32Array;
  /** The whole ring; frame offsets index into it. */
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
  readonly slots: number;
  readonly consumers: number;
  /** Word index of the first slot's entry; each takes four words: [offset, length, stamp, -]. */
  readonly firstEntry: number = HEADER_WORDS;
  /** Byte offset of the data area. */
  readonly dataStart: number;
  readonly dataEnd: number;

  constructor(image: FrameRingImage) {
    this.dataStart = dataStartOf(image.slots);
    this.dataEnd = this.dataStart + image.dataBytes;
    this.words = new Int32Array(image.buffer, 0, this.dataStart / 4);
    this.u8 = new Uint8Array(image.buffer);
    this.i32 = new Int32Array(image.buffer);
    this.u64 = new BigUint64Array(image.buffer);
    this.slots = image.slots;
    this.consumers = image.consumers;
  }

  /** Word index of a consumer's head. */
  headWord(consumer: number): number {
    return consumer === 0 ? HEAD : (this.dataEnd >> 2) + (consumer - 1) * HEAD_STRIDE;
  }
}

/** The giving end. */
export class FrameProducer extends RingSide {
  #tail: number;
  #head: number;
  /** Byte behind the newest frame, or {@link BY_REFERENCE}. */
  #write: number;

  constructor(image: FrameRingImage) {
    super(image);
    this.#tail = Atomics.load(this.words, TAIL);
    this.#head = this.#slowest();
    this.#write = this.dataStart;
    if (this.#tail !== this.#head) {
      // Frames of an earlier producer wait: go on behind the newest.
      const newest = HEADER_WORDS + ((this.#tail - 1) & (this.slots - 1)) * ENTRY_WORDS;
      this.#write = behind(this.words[newest], this.words[newest + 1]);
    }
  }

  /** Frames given and not yet taken by all, as far as the consumers have said. */
  get pending(): number {
    this.#head = this.#slowest();
    return (this.#tail - this.#head) | 0;
  }

  /**
   * Room for a frame of `length` bytes: its byte offset in {@link u8}, or -1 while the ring is full. Write the
   * bytes there (up to the next 64-byte boundary, if copying in blocks), then {@link commit}. Reserving again
   * without a commit gives the same room again. Throws if the frame could not fit even into an empty ring.
   *
   * `shift`, less than 64, is how far behind a 64-byte boundary the frame begins. Four bytes suit a frame with an 802.1Q tag:
   * when the receiver takes the tag out, what follows it moves from one multiple of eight to another.
   */
  reserve(length: number, shift: number = 0): number {
    if (((this.#tail - this.#head) | 0) >= this.slots) {
      this.#head = this.#slowest();
      if (((this.#tail - this.#head) | 0) >= this.slots) return -1;
    }
    const need = roomFor(length + shift);
    let at = this.#place(need);
    if (at < 0) {
      this.#check(length, need);
      this.#head = this.#slowest();
      at = this.#place(need);
    }
    return at < 0 ? -1 : at + shift;
  }

  /** Gives the frame written at `offset`; the consumer sees it after {@link publish}. */
  commit(offset: number, length: number, stamp: number): void {
    const entry = HEADER_WORDS + (this.#tail & (this.slots - 1)) * ENTRY_WORDS;
    this.words[entry] = offset;
    this.words[entry + 1] = length;
    this.words[entry + 2] = stamp;
    this.#tail = (this.#tail + 1) | 0;
    this.#write = behind(offset, length);
  }

  /**
   * Gives a frame that already lies in the data area and stays there: replaying a prepared trace. False while the
   * ring is full. From then on {@link reserve} throws, because it would write over the trace.
   */
  commitReference(offset: number, length: number, stamp: number): boolean {
    if (((this.#tail - this.#head) | 0) >= this.slots) {
      this.#head = this.#slowest();
      if (((this.#tail - this.#head) | 0) >= this.slots) return false;
    }
    const entry = HEADER_WORDS + (this.#tail & (this.slots - 1)) * ENTRY_WORDS;
    this.words[entry] = offset;
    this.words[entry + 1] = length;
    this.words[entry + 2] = stamp;
    this.#tail = (this.#tail + 1) | 0;
    this.#write = BY_REFERENCE;
    return true;
  }

  /** Shows the consumer what was committed; once per batch. */
  publish(): void {
    Atomics.store(this.words, TAIL, this.#tail);
  }

  /** Head of the consumer that has taken least. */
  #slowest(): number {
    let head = Atomics.load(this.words, HEAD);
    for (let consumer = 1; consumer < this.consumers; consumer++) {
      const other = Atomics.load(this.i32, this.headWord(consumer));
      if (((head - other) | 0) > 0) head = other;
    }
    return head;
  }

  /** A contiguous place of `need` bytes that no untaken frame occupies, or -1. */
  #place(need: number): number {
    const write = this.#write;
    if (need > this.dataEnd - this.dataStart || write === BY_REFERENCE) return -1;
    if (this.#tail === this.#head) return this.dataStart; // empty: start over, in lines that are still cached
    const oldest = this.words[HEADER_WORDS + (this.#head & (this.slots - 1)) * ENTRY_WORDS] & ~63;
    if (write > oldest) {
      if (write + need <= this.dataEnd) return write;
      return this.dataStart + need <= oldest ? this.dataStart : -1;
    }
    return write + need <= oldest ? write : -1;
  }

  /** Tells "never" from "not now". */
  #check(length: number, need: number): void {
    const room = this.dataEnd - this.dataStart;
    if (need > room) throw new RangeError(`frame ring: a frame of ${length} bytes, room for ${room} at most`);
    if (this.#write === BY_REFERENCE)
      throw new Error('frame ring: it gives a prepared trace by reference; reserve would write over it');
  }
}

/** The taking end. Offsets and lengths are valid until the frame is released. */
export class FrameConsumer extends RingSide {
  readonly #headWord: number;
  #head: number;
  #tail: number;

  /** One of the ring's consumers, from 0. */
  constructor(image: FrameRingImage, consumer: number = 0) {
    super(image);
    if (!(consumer >= 0 && consumer < image.consumers))
      throw new RangeError(`frame ring: no consumer ${consumer}; there are ${image.consumers}`);
    this.#headWord = this.headWord(consumer);
    this.#head = Atomics.load(this.i32, this.#headWord);
    this.#tail = this.#head;
  }

  /** Goes on where another object for the same consumer has left off; they must not take frames at the same time. */
  resume(): void {
    this.#head = Atomics.load(this.i32, this.#headWord);
  }

  /** Frames that can be taken now; looks at the producer's index once. */
  available(): number {
    this.#tail = Atomics.load(this.words, TAIL);
    return (this.#tail - this.#head) | 0;
  }

  /** Free-running number of the first waiting frame: its slot is `position & (slots - 1)`. */
  get position(): number {
    return this.#head;
  }

  /** Word index of the entry of the `i`-th waiting frame: [offset, length, stamp]. */
  entry(i: number): number {
    return HEADER_WORDS + ((this.#head + i) & (this.slots - 1)) * ENTRY_WORDS;
  }

  offsetOf(i: number): number {
    return this.words[this.entry(i)];
  }

  lengthOf(i: number): number {
    return this.words[this.entry(i) + 1];
  }

  stampOf(i: number): number {
    return this.words[this.entry(i) + 2];
  }

  /** Gives `count` frames' room back, once per batch. */
  release(count: number): void {
    this.#head = (this.#head + count) | 0;
    Atomics.store(this.i32, this.#headWord, this.#head);
  }
}
