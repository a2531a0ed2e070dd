/**
 * The short way of ordinary frames through the receive port, a batch at a time in three passes:
 *
 *   classify   wire ring ──> queue, bytes, tag of each frame            (columns below)
 *   assign     queue's next descriptor, rights, completion ──> target, and that of the rest of a split frame
 *   copy       frames without a tag, then frames with one, then the rests
 *
 * Each pass is a loop without a call and without another loop around it: only from such loops does V8 take the
 * checks of the arrays' shapes, which otherwise cost more than the work. Whatever is not ordinary (no exact filter,
 * odd length, group address, a buffer elsewhere, no descriptor) is left to `receive-unit.ts`, frame by frame and in
 * its place in the order; so nothing here decides a drop.
 */
import { DMA_WRITE, type FrameConsumer, type MemorySegment } from '@vmq/machine';
import { copyBytes } from './copy.ts';
import { RXC_DD, RXC_SPLIT, RXC_VLAN } from './descriptors.ts';
import { FILTER_TABLE } from './device-memory.ts';
import {
  type DeviceState,
  Q_BYTES,
  Q_COMPLETIONS,
  Q_HEAD,
  Q_LIMIT,
  Q_MASK,
  Q_PACKET_BYTES,
  Q_RING,
  Q_SHIFT,
  Q_SHORT_WAY,
} from './device-state.ts';
import { HASH_HIGH, HASH_LOW } from './filter-unit.ts';

// V8 folds a module's own constants but looks an imported binding up at each use.
const HEAD = Q_HEAD;
const LIMIT = Q_LIMIT;
const MASK = Q_MASK;
const RING = Q_RING;
const COMPLETIONS = Q_COMPLETIONS;
const BYTES = Q_BYTES;
const PACKET_BYTES = Q_PACKET_BYTES;
const SHORT_WAY = Q_SHORT_WAY;
const QUEUE_SHIFT = Q_SHIFT;
const TABLE = FILTER_TABLE;
const MIX_LOW = HASH_LOW;
const MIX_HIGH = HASH_HIGH;
const WRITE = DMA_WRITE;
const DD = RXC_DD;
const VLAN = RXC_VLAN;
const SPLIT = RXC_SPLIT;
const PAGE = 12;
/** Up to so many bytes, words are as fast as anything. */
const WORDWISE = 128;

/**
 * What the passes know of a frame: (word 0) its byte offset in the wire ring; its value in the filter table, 0 = not ordinary;
 * its bytes without the tag; -1 with a tag, else 0; its tag; and in entry k, whatever frame that is of, the k-th frame
 * to copy (number in the batch) and its byte offset in host memory, from the front those without a tag, from the back
 * those with one.
 */
const VALUE = 1;
const LENGTH = 2;
const TAGGED = 3;
const TCI = 4;
const COPY = 5;
const TARGET = 6;
/** Its number in the batch; with one engine that of the entry, for good. */
const INDEX = 7;
export const FRAME_SHIFT = 3;

/**
 * A rest to copy: byte offset in the wire ring, bytes, target segment, byte offset there.
 */
const REST_SHIFT = 2;

/**
 * Parts of the {@link Q_SHORT_WAY} word: bytes that go to the first buffer, and that buffer's place in a descriptor: 2,
 * the header buffer, or 0.
 */
const LONGEST = 0xffff;
const HEADER_SHIFT = 16;

/**
 * The {@link Q_SHORT_WAY} word of a queue that puts up to `longest` bytes of a frame into its first buffer, which is its
 * header buffer or not. Only behind a header buffer can there be more.
 */
export function shortWay(longest: number, intoHeader: boolean): number {
  return Math.min(longest, LONGEST) | ((intoHeader ? 2 : 0) << HEADER_SHIFT);
}

export class ReceivePipeline {
  readonly #state: DeviceState;
  readonly #wire: FrameConsumer;
  /** {@link FRAME_WORDS} words per frame of the batch. One array for all of it: each further one costs registers. */
  readonly frames: Int32Array;
  readonly #rests: Int32Array;
  #restCount = 0;
  #plain = 0;
  #tags = 0;

  constructor(state: DeviceState, wire: FrameConsumer, batch: number) {
    this.#state = state;
    this.#wire = wire;
    this.frames = new Int32Array(batch << FRAME_SHIFT);
    for (let i = 0; i < batch; i++) this.frames[(i << FRAME_SHIFT) + INDEX] = i;
    this.#rests = new Int32Array(batch << REST_SHIFT);
  }

  /** Number in the batch of the frame in entry `i`. */
  indexOf(i: number): number {
    return this.frames[(i << FRAME_SHIFT) + INDEX] as number;
  }

  /** Queue of frame `i`, if it is ordinary; else -1. */
  queueOf(i: number): number {
    const value = this.frames[(i << FRAME_SHIFT) + VALUE] as number;
    return value === 0 ? -1 : value & 0xff;
  }

  /** First pass over the batch's frames 0 to `count` - 1. */
  classify(count: number): void {
    const wire = this.#wire;
    const input = wire.i32; // its entries, too
    const state = this.#state;
    const words = state.words;
    const tableMask = state.tableMask;
    const frames = this.frames;
    // Frames of 18 to MFS bytes need no second look at their length.
    const usual = (state.tables.maxFrame - 18) | 0;
    const slots = wire.slots - 1;
    const firstEntry = wire.firstEntry;
    const position = wire.position;
    for (let i = 0; i < count; i++) {
      const entry = firstEntry + (((position + i) & slots) << 2);
      const f = input[entry] as number;
      const length = input[entry + 1] as number;
      // MAC and VLAN as one two-word key; a mask instead of a branch, since tags cannot be predicted.
      const at = f >> 2;
      const low = input[at] as number;
      const third = input[at + 3] as number;
      const tagged = (((third & 0xffff) ^ 0x0081) - 1) >> 31;
      const high = ((input[at + 1] as number) & 0xffff) | (third & 0xff0f0000 & tagged);
      const mixed = Math.imul(low, MIX_LOW) ^ Math.imul(high, MIX_HIGH);
      const slot = (TABLE + (((mixed ^ (mixed >>> 15)) & tableMask) << 2)) | 0;
      const other =
        ((words[slot] as number) ^ low) | ((words[slot + 1] as number) ^ high) | (low & 1) | (f & 3);
      const at8 = i << FRAME_SHIFT;
      frames[at8] = f;
      frames[at8 + VALUE] = other === 0 && (length - 18) >>> 0 <= usual ? (words[slot + 2] as number) : 0;
      frames[at8 + LENGTH] = (length + (tagged & -4)) | 0;
      frames[at8 + TAGGED] = tagged;
      frames[at8 + TCI] = (((third >>> 8) & 0xff00) | (third >>> 24)) & tagged;
    }
  }

  /**
   * Second pass, over frames `from` to `count` - 1: gives each its descriptor's buffer and writes its completion.
   * Returns the first frame that cannot go on the short way as things are, or `count`. `stamp` is that of frame 0.
   */
  assign(from: number, count: number, stamp: number): number {
    const state = this.#state;
    const rxq = state.rxq;
    const host = (state.segments[0] as MemorySegment).i32;
    const rights = state.rights[0] as Uint8Array;
    const allRights = state.rights;
    const frames = this.frames;
    const rests = this.#rests;
    const last = (frames.length >> FRAME_SHIFT) - 1;
    let plain = this.#plain;
    let tagCount = this.#tags;
    let restCount = this.#restCount;
    let i = from;
    for (; i < count; i++) {
      const at8 = i << FRAME_SHIFT;
      const value = frames[at8 + VALUE] as number;
      const bytes = frames[at8 + LENGTH] as number;
      const tagged = frames[at8 + TAGGED] as number;
      const q = (value & 0xff) << QUEUE_SHIFT;
      const way = rxq[q + SHORT_WAY] as number;
      const head = rxq[q + HEAD] as number;
      const part = way & LONGEST;
      const first = Math.min(bytes, part);
      if (value === 0 || head === (rxq[q + LIMIT] as number)) break;
      const index = (head & (rxq[q + MASK] as number)) << 2;
      const descriptor = ((rxq[q + RING] as number) + index + (way >>> HEADER_SHIFT)) | 0;
      const target = host[descriptor] as number;
      // The whole range must be granted, in host memory; a page number beyond the table finds no rights there.
      const page = target >>> PAGE;
      const lastPage = (target + first - 1) >>> PAGE;
      if (
        ((host[descriptor + 1] as number) | (target & 7)) !== 0 ||
        lastPage >= rights.length ||
        lastPage - page > 1 ||
        ((rights[page] as number) & (rights[lastPage] as number) & WRITE) === 0
      )
        break;
      if (bytes > part) {
        // What does not fit the header buffer goes where the descriptor's other buffer has room behind as many bytes.
        const other = ((rxq[q + RING] as number) + index) | 0;
        const rest = ((host[other] as number) + part) | 0;
        const segment = host[other + 1] as number;
        const granted = allRights[segment];
        const restPage = rest >>> PAGE;
        const restLast = (rest + bytes - part - 1) >>> PAGE;
        if (
          way >>> HEADER_SHIFT === 0 ||
          bytes > (rxq[q + PACKET_BYTES] as number) ||
          part < 16 ||
          ((part | rest) & 7) !== 0 ||
          granted === undefined ||
          restLast >= granted.length ||
          restLast - restPage > 1 ||
          ((granted[restPage] as number) & (granted[restLast] as number) & WRITE) === 0
        )
          break;
        const at = restCount << REST_SHIFT;
        rests[at] = ((frames[at8] as number) + part - (tagged & -4)) | 0;
        rests[at + 1] = (bytes - part) | 0;
        rests[at + 2] = segment;
        rests[at + 3] = rest;
        restCount = (restCount + 1) | 0;
        frames[at8 + LENGTH] = part;
      }
      const completion = ((rxq[q + COMPLETIONS] as number) + index) | 0;
      host[completion] = bytes | DD | (tagged & VLAN) | (way >>> HEADER_SHIFT === 0 ? 0 : SPLIT);
      host[completion + 1] = (frames[at8 + TCI] as number) | ((value << 8) & 0xffff0000);
      host[completion + 2] = 0;
      host[completion + 3] = (stamp + (frames[at8 + INDEX] as number)) | 0;
      rxq[q + HEAD] = (head + 1) | 0;
      rxq[q + BYTES] = ((rxq[q + BYTES] as number) + bytes) | 0;
      // Onto one of two lists: those without a tag grow from the front, those with one from the back.
      const place = (((last - tagCount) & tagged) | (plain & ~tagged)) << FRAME_SHIFT;
      frames[place + COPY] = at8;
      frames[place + TARGET] = target;
      plain += 1 + tagged;
      tagCount -= tagged;
    }
    this.#plain = plain;
    this.#tags = tagCount;
    this.#restCount = restCount;
    return i;
  }

  /** Third pass: moves the bytes of all assigned frames, and exactly those (SEC-08). */
  copy(): void {
    const memory = this.#state.segments[0] as MemorySegment;
    this.#copyPlain(memory);
    this.#copyTagged(memory);
    for (let k = 0; k < this.#restCount; k++) this.#copyRest(k << REST_SHIFT);
    this.#plain = 0;
    this.#tags = 0;
    this.#restCount = 0;
  }

  #copyPlain(memory: MemorySegment): void {
    const input = this.#wire.i32;
    const input64 = this.#wire.u64;
    const input8 = this.#wire.u8;
    const host = memory.i32;
    const host64 = memory.u64;
    const host8 = memory.u8;
    const frames = this.frames;
    const end = this.#plain << FRAME_SHIFT;
    for (let k = 0; k < end; k += 1 << FRAME_SHIFT) {
      const at8 = frames[k + COPY] as number;
      const bytes = frames[at8 + LENGTH] as number;
      const from = frames[at8] as number;
      const target = frames[k + TARGET] as number;
      if ((from & 7) !== 0) {
        copyBytes(this.#wire, from, memory, target, bytes);
        continue;
      }
      let s = from >> 3;
      let t = target >> 3;
      const stop = (s + (bytes >> 3)) | 0;
      for (const stop8 = stop - 7; s < stop8; s += 8, t += 8) {
        host64[t] = input64[s] as bigint;
        host64[t + 1] = input64[s + 1] as bigint;
        host64[t + 2] = input64[s + 2] as bigint;
        host64[t + 3] = input64[s + 3] as bigint;
        host64[t + 4] = input64[s + 4] as bigint;
        host64[t + 5] = input64[s + 5] as bigint;
        host64[t + 6] = input64[s + 6] as bigint;
        host64[t + 7] = input64[s + 7] as bigint;
      }
      if ((bytes & 63) === 0) continue;
      for (; s < stop; s++, t++) host64[t] = input64[s] as bigint;
      if ((bytes & 4) !== 0) host[t << 1] = input[s << 1] as number;
      for (let b = bytes & ~3; b < bytes; b++) host8[target + b] = input8[from + b] as number;
    }
  }

  /**
   * Tag out: the addresses, then everything from byte 16 on, four bytes further forward. Where the frame begins four
   * bytes behind a multiple of eight, which is where producers put frames with a tag, both sides agree from there on.
   */
  #copyTagged(memory: MemorySegment): void {
    const wire = this.#wire;
    const input = wire.i32;
    const host = memory.i32;
    const frames = this.frames;
    const end = frames.length;
    for (let k = end - (this.#tags << FRAME_SHIFT); k < end; k += 1 << FRAME_SHIFT) {
      const at8 = frames[k + COPY] as number;
      const bytes = frames[at8 + LENGTH] as number;
      const from = frames[at8] as number;
      const target = frames[k + TARGET] as number;
      let s = from >> 2;
      let t = target >> 2;
      host[t] = input[s] as number;
      host[t + 1] = input[s + 1] as number;
      host[t + 2] = input[s + 2] as number;
      if (bytes > WORDWISE) {
        host[t + 3] = input[s + 4] as number;
        copyBytes(wire, from + 20, memory, target + 16, bytes - 16);
        continue;
      }
      const stop = (t + (bytes >> 2)) | 0;
      s += 4;
      t += 3;
      for (const stop8 = stop - 7; t < stop8; s += 8, t += 8) {
        host[t] = input[s] as number;
        host[t + 1] = input[s + 1] as number;
        host[t + 2] = input[s + 2] as number;
        host[t + 3] = input[s + 3] as number;
        host[t + 4] = input[s + 4] as number;
        host[t + 5] = input[s + 5] as number;
        host[t + 6] = input[s + 6] as number;
        host[t + 7] = input[s + 7] as number;
      }
      for (; t < stop; s++, t++) host[t] = input[s] as number;
      for (let done = bytes & 3, a = s << 2, to = t << 2; done > 0; done--)
        memory.u8[to++] = wire.u8[a++] as number;
    }
  }

  /** The rest of a split frame: mostly hundreds of bytes, so that a call is nothing. */
  #copyRest(at: number): void {
    const rests = this.#rests;
    const to = this.#state.segments[rests[at + 2] as number] as MemorySegment;
    copyBytes(this.#wire, rests[at] as number, to, rests[at + 3] as number, rests[at + 1] as number);
  }
}
