/**
 * The short way of ordinary frames through the receive port, a batch at a time in three passes:
 *
 *   classify   wire ring ──> queue, bytes, tag of each frame            (columns below)
 *   assign     queue's next descriptor, rights, completion ──> target
 *   copy       frames without a tag, then frames with one
 *
 * Each pass is a loop without a call and without another loop around it: only from such loops does V8 take the
 * checks of the arrays' shapes, which otherwise cost more than the work. Whatever is not ordinary (no exact filter,
 * odd length, group address, a buffer elsewhere, no descriptor) is left to `receive-unit.ts`, frame by frame and in
 * its place in the order; so nothing here decides a drop.
 */
import { DMA_WRITE, type FrameConsumer, type MemorySegment } from '@vmq/machine';
import { copyBytes, copyWords } from './copy.ts';
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
const FRAME_SHIFT = 3;

/** Parts of the {@link Q_SHORT_WAY} word: longest frame, and the header buffer's place in a descriptor (2) or 0. */
const LONGEST = 0xffff;
const HEADER_SHIFT = 16;

/** The {@link Q_SHORT_WAY} word of a queue that takes frames of up to `longest` bytes, wholly into their header buffer or not. */
export function shortWay(longest: number, intoHeader: boolean): number {
  return Math.min(longest, LONGEST) | ((intoHeader ? 2 : 0) << HEADER_SHIFT);
}

export class ReceivePipeline {
  readonly #state: DeviceState;
  readonly #wire: FrameConsumer;
  /** {@link FRAME_WORDS} words per frame of the batch. One array for all of it: each further one costs registers. */
  readonly #frames: Int32Array;
  #plain = 0;
  #tags = 0;

  constructor(state: DeviceState, wire: FrameConsumer, batch: number) {
    this.#state = state;
    this.#wire = wire;
    this.#frames = new Int32Array(batch << FRAME_SHIFT);
  }

  /** Queue of frame `i`, if it is ordinary; else -1. */
  queueOf(i: number): number {
    const value = this.#frames[(i << FRAME_SHIFT) + VALUE] as number;
    return value === 0 ? -1 : value & 0xff;
  }

  /** First pass over the batch's frames 0 to `count` - 1. */
  classify(count: number): void {
    const wire = this.#wire;
    const input = wire.i32; // its entries, too
    const state = this.#state;
    const words = state.words;
    const tableMask = state.tableMask;
    const frames = this.#frames;
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
        ((words[slot] as number) ^ low) | ((words[slot + 1] as number) ^ high) | (low & 1) | (f & 7);
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
    const frames = this.#frames;
    const last = (frames.length >> FRAME_SHIFT) - 1;
    let plain = this.#plain;
    let tagCount = this.#tags;
    let i = from;
    for (; i < count; i++) {
      const at8 = i << FRAME_SHIFT;
      const value = frames[at8 + VALUE] as number;
      const bytes = frames[at8 + LENGTH] as number;
      const tagged = frames[at8 + TAGGED] as number;
      const q = (value & 0xff) << QUEUE_SHIFT;
      const way = rxq[q + SHORT_WAY] as number;
      const head = rxq[q + HEAD] as number;
      if (value === 0 || head === (rxq[q + LIMIT] as number) || bytes > (way & LONGEST)) break;
      const index = (head & (rxq[q + MASK] as number)) << 2;
      const descriptor = ((rxq[q + RING] as number) + index + (way >>> HEADER_SHIFT)) | 0;
      const target = host[descriptor] as number;
      // The whole range must be granted, in host memory; a page number beyond the table finds no rights there.
      const page = target >>> PAGE;
      const lastPage = (target + bytes - 1) >>> PAGE;
      if (
        ((host[descriptor + 1] as number) | (target & 7)) !== 0 ||
        lastPage >= rights.length ||
        lastPage - page > 1 ||
        ((rights[page] as number) & (rights[lastPage] as number) & WRITE) === 0
      )
        break;
      const completion = ((rxq[q + COMPLETIONS] as number) + index) | 0;
      host[completion] = bytes | DD | (tagged & VLAN) | (way >>> HEADER_SHIFT === 0 ? 0 : SPLIT);
      host[completion + 1] = (frames[at8 + TCI] as number) | ((value << 8) & 0xffff0000);
      host[completion + 2] = 0;
      host[completion + 3] = (stamp + i) | 0;
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
    return i;
  }

  /**
   * Takes frame `i`, which is longer than its split queue's header buffer, and moves both of its parts. False, and
   * nothing is done, if that is not how things are. `stamp` is that of frame 0.
   */
  takeSplit(i: number, stamp: number): boolean {
    const state = this.#state;
    const rxq = state.rxq;
    const frames = this.#frames;
    const at8 = i << FRAME_SHIFT;
    const value = frames[at8 + VALUE] as number;
    const bytes = frames[at8 + LENGTH] as number;
    const tagged = frames[at8 + TAGGED] as number;
    const q = (value & 0xff) << QUEUE_SHIFT;
    const way = rxq[q + SHORT_WAY] as number;
    const first = way & LONGEST;
    const head = rxq[q + HEAD] as number;
    if (value === 0 || way >>> HEADER_SHIFT === 0 || head === rxq[q + LIMIT]) return false;
    if (bytes <= first || bytes > (rxq[q + Q_PACKET_BYTES] as number) || first < 16) return false;
    const index = (head & (rxq[q + MASK] as number)) << 2;
    const memory = state.segments[0] as MemorySegment;
    const host = memory.i32;
    const descriptor = ((rxq[q + RING] as number) + index) | 0;
    const rest = ((host[descriptor] as number) + first) | 0;
    const segment = host[descriptor + 1] as number;
    const header = host[descriptor + 2] as number;
    if (((host[descriptor + 3] as number) | ((rest | header | first) & 7)) !== 0) return false;
    if (!state.permits(0, header, first, WRITE) || !state.permits(segment, rest, bytes - first, WRITE))
      return false;
    const completion = ((rxq[q + COMPLETIONS] as number) + index) | 0;
    host[completion] = bytes | DD | (tagged & VLAN) | SPLIT;
    host[completion + 1] = (frames[at8 + TCI] as number) | ((value << 8) & 0xffff0000);
    host[completion + 2] = 0;
    host[completion + 3] = (stamp + i) | 0;
    rxq[q + HEAD] = (head + 1) | 0;
    rxq[q + BYTES] = ((rxq[q + BYTES] as number) + bytes) | 0;
    const wire = this.#wire;
    const f = frames[at8] as number;
    const to = state.segments[segment] as MemorySegment;
    if (tagged === 0) {
      copyBytes(wire, f, memory, header, first);
      copyBytes(wire, f + first, to, rest, bytes - first);
    } else {
      copyWords(wire.i32, f >> 2, host, header >> 2, 3);
      copyWords(wire.i32, (f >> 2) + 4, host, (header >> 2) + 3, (first >> 2) - 3);
      copyBytes(wire, f + first + 4, to, rest, bytes - first);
    }
    return true;
  }

  /** Third pass: moves the bytes of all assigned frames, and exactly those (SEC-08). */
  copy(): void {
    const memory = this.#state.segments[0] as MemorySegment;
    this.#copyPlain(memory);
    this.#copyTagged(memory);
    this.#plain = 0;
    this.#tags = 0;
  }

  #copyPlain(memory: MemorySegment): void {
    const input = this.#wire.i32;
    const input64 = this.#wire.u64;
    const input8 = this.#wire.u8;
    const host = memory.i32;
    const host64 = memory.u64;
    const host8 = memory.u8;
    const frames = this.#frames;
    const end = this.#plain << FRAME_SHIFT;
    for (let k = 0; k < end; k += 1 << FRAME_SHIFT) {
      const at8 = frames[k + COPY] as number;
      const bytes = frames[at8 + LENGTH] as number;
      const from = frames[at8] as number;
      const target = frames[k + TARGET] as number;
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

  /** Tag out: the addresses, then everything from byte 16 on, four bytes further forward. */
  #copyTagged(memory: MemorySegment): void {
    const input = this.#wire.i32;
    const input8 = this.#wire.u8;
    const host = memory.i32;
    const host8 = memory.u8;
    const frames = this.#frames;
    const end = frames.length;
    for (let k = end - (this.#tags << FRAME_SHIFT); k < end; k += 1 << FRAME_SHIFT) {
      const at8 = frames[k + COPY] as number;
      const bytes = frames[at8 + LENGTH] as number;
      let s = (frames[at8] as number) >> 2;
      let t = (frames[k + TARGET] as number) >> 2;
      const stop = (t + (bytes >> 2)) | 0;
      host[t] = input[s] as number;
      host[t + 1] = input[s + 1] as number;
      host[t + 2] = input[s + 2] as number;
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
        host8[to++] = input8[a++] as number;
    }
  }
}
