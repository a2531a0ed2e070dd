/**
 * The short way of ordinary frames through the receive port, frame by frame in one loop:
 *
 *   wire ring ──parse──> key ──table──> queue ──descriptor──rights──> copy ──> completion
 *                         │               └── another engine's: passed over
 *                         └── not ordinary, or nothing to put it into: back to the caller
 *
 * Whatever is not ordinary (no exact filter, odd length, group address, a buffer elsewhere, no descriptor) is left to
 * `receive-unit.ts`, in its place in the order; so nothing here decides a drop.
 *
 * The loop is a function made once for the port rather than a method: what such a function has from outside V8 takes as
 * constants, so that the arrays' addresses and lengths stand in the code, and a call for the rare case costs the others
 * nothing. Where several ports live in one thread the loop is the same, only slower. `| 0` behind a sum of indices spares
 * the check that it is still an integer.
 */
import { copyBytes, DMA_WRITE, type FrameConsumer, type MemorySegment } from '@vmq/machine';
import { HASH_HIGH, HASH_LOW, VALUE_ENGINE_SHIFT } from '../filter/filter-unit.ts';
import { RXC_DD, RXC_SPLIT, RXC_VLAN } from '../registers/descriptors.ts';
import { FILTER_TABLE } from '../registers/device-memory.ts';
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
} from '../state/device-state.ts';

const PAGE = 12;
/** Shorter frames than any that Ethernet carries are not ordinary: so there are at least 16 bytes to copy. */
const SHORTEST = 24;

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
export function shortWayWord(longest: number, intoHeader: boolean): number {
  return Math.min(longest, LONGEST) | ((intoHeader ? 2 : 0) << HEADER_SHIFT);
}

export interface ShortWay {
  /**
   * Takes frames `from` to `count` - 1 of those that wait in `wire` for `engine`; returns the first that cannot go on the
   * short way as things are, or `count`. `stamp` is that of frame 0.
   */
  take(wire: FrameConsumer, engine: number, from: number, count: number, stamp: number): number;
  /** Queue of the frame that the last {@link take} stopped at, if an exact filter has it; else -1. */
  readonly queue: number;
  /** Frames of other engines' queues that were passed over; the caller sets it back. */
  passed: number;
}

/** The short way of a port, for whichever of its engines is at work; `ring` is any consumer of its wire. */
export function createShortWay(state: DeviceState, ring: FrameConsumer): ShortWay {
  const input = ring.i32; // its entries, too
  const input64 = ring.u64;
  const input8 = ring.u8;
  const { firstEntry } = ring;
  const slots = ring.slots - 1;
  const { words, rxq } = state;
  const memory = state.context.machine.memory.host;
  const host = memory.i32;
  const host64 = memory.u64;
  const isShared = state.engines > 1;
  const way = { take, queue: -1, passed: 0 };
  return way;

  function take(wire: FrameConsumer, engine: number, from: number, count: number, stamp: number): number {
    const tableMask = state.tableMask | 0;
    // Frames from SHORTEST to MFS bytes need no second look at their length.
    const usual = (state.tables.maxFrame - SHORTEST) | 0;
    const position = wire.position | 0;
    const rights = state.rights[0];
    const pages = rights.length | 0;
    let i = from | 0;
    let value = 0;
    let passed = 0;
    for (; i < count; i = (i + 1) | 0) {
      const entry = (firstEntry + (((position + i) & slots) << 2)) | 0;
      const f = input[entry];
      const length = input[(entry + 1) | 0];
      // MAC and VLAN as one two-word key; a mask instead of a branch, since tags cannot be predicted.
      const at = f >> 2;
      const low = input[at];
      const second = input[(at + 1) | 0];
      const third = input[(at + 3) | 0];
      const tagged = (((third & 0xffff) ^ 0x0081) - 1) >> 31;
      const high = (second & 0xffff) | (third & 0xff0f0000 & tagged);
      const mixed = Math.imul(low, HASH_LOW) ^ Math.imul(high, HASH_HIGH);
      const slot = (FILTER_TABLE + (((mixed ^ (mixed >>> 15)) & tableMask) << 2)) | 0;
      value = words[(slot + 2) | 0];
      const other = (words[slot] ^ low) | (words[(slot + 1) | 0] ^ high) | (low & 1) | (f & 3);
      if (other !== 0 || value === 0 || ((length - SHORTEST) | 0) >>> 0 > usual) {
        value = 0;
        break;
      }
      if (isShared && ((value >>> VALUE_ENGINE_SHIFT) & 31) !== engine) {
        passed = (passed + 1) | 0;
        continue;
      }
      const q = (value & 0xff) << Q_SHIFT;
      const head = rxq[(q + Q_HEAD) | 0];
      if (head === rxq[(q + Q_LIMIT) | 0]) break;
      const kind = rxq[(q + Q_SHORT_WAY) | 0];
      const part = kind & LONGEST;
      const toHeader = kind >>> HEADER_SHIFT;
      const bytes = (length + (tagged & -4)) | 0;
      const index = (head & rxq[(q + Q_MASK) | 0]) << 2;
      const descriptor = (rxq[(q + Q_RING) | 0] + index) | 0;
      const target = host[(descriptor + toHeader) | 0];
      const first = Math.min(bytes, part);
      // The whole range must be granted, in host memory; a page number beyond the table finds no rights there.
      const page = target >>> PAGE;
      const lastPage = ((target + first - 1) | 0) >>> PAGE;
      if (
        (host[(descriptor + toHeader + 1) | 0] | (target & 7)) !== 0 ||
        lastPage >= pages ||
        lastPage - page > 1 ||
        (rights[page] & rights[lastPage] & DMA_WRITE) === 0
      )
        break;
      // What comes behind the addresses, as if it had no tag, begins with this byte of the wire ring.
      const body = (f + (tagged & 4)) | 0;
      if (first !== bytes && !placeRest(q, descriptor, toHeader, part, bytes, body)) break;

      // The addresses; then what follows, tag out. Where the frame begins four bytes behind a multiple of eight, which is
      // where producers put frames with a tag, both sides agree in their alignment from there on.
      const t4 = target >> 2;
      host[t4] = low;
      host[(t4 + 1) | 0] = second;
      host[(t4 + 2) | 0] = input[(at + 2) | 0];
      if ((body & 7) !== 0) copyBytes(ring, body + 12, memory, target + 12, first - 12);
      else {
        host[(t4 + 3) | 0] = input[((body >> 2) + 3) | 0];
        if (((first - 56) | 0) >>> 0 <= 8 && (first & 3) === 0) {
          // The shortest frames: up to byte 56, and the last two words over again or behind them.
          const s = ((body >> 3) + 2) | 0;
          const t = ((target >> 3) + 2) | 0;
          host64[t] = input64[s];
          host64[(t + 1) | 0] = input64[(s + 1) | 0];
          host64[(t + 2) | 0] = input64[(s + 2) | 0];
          host64[(t + 3) | 0] = input64[(s + 3) | 0];
          host64[(t + 4) | 0] = input64[(s + 4) | 0];
          const end = (body + first) >> 2;
          const t4End = (target + first) >> 2;
          host[(t4End - 2) | 0] = input[(end - 2) | 0];
          host[(t4End - 1) | 0] = input[(end - 1) | 0];
        } else copyTo(memory, body + 16, target + 16, first - 16);
      }

      const completion = (rxq[(q + Q_COMPLETIONS) | 0] + (index << 1)) | 0;
      const tci = (((third >>> 8) & 0xff00) | (third >>> 24)) & tagged;
      host[completion] = bytes | RXC_DD | (tagged & RXC_VLAN) | (toHeader === 0 ? 0 : RXC_SPLIT);
      host[(completion + 1) | 0] = tci | ((value << 8) & 0xffff0000);
      host[(completion + 2) | 0] = 0;
      host[(completion + 3) | 0] = (stamp + i) | 0;
      const type = input[((body >> 2) + 3) | 0];
      host[(completion + 4) | 0] = (value & 0xff) | ((type & 0xff) << 24) | ((type & 0xff00) << 8);
      host[(completion + 5) | 0] = toHeader === 0 ? 0 : first;
      host[(completion + 6) | 0] = 0;
      host[(completion + 7) | 0] = 0;
      rxq[(q + Q_HEAD) | 0] = (head + 1) | 0;
      rxq[(q + Q_BYTES) | 0] = (rxq[(q + Q_BYTES) | 0] + bytes) | 0;
    }
    way.queue = value === 0 ? -1 : value & 0xff;
    way.passed += passed;
    return i;
  }

  /**
   * Puts what does not fit the header buffer where the descriptor's other buffer has room behind as many bytes: mostly
   * hundreds of bytes, so that a call is nothing. False if it cannot go there by the short way.
   */
  function placeRest(
    q: number,
    descriptor: number,
    toHeader: number,
    part: number,
    bytes: number,
    body: number,
  ): boolean {
    const rest = (host[descriptor] + part) | 0;
    const segment = host[descriptor + 1];
    const granted = state.rights[segment];
    const page = rest >>> PAGE;
    const lastPage = (rest + bytes - part - 1) >>> PAGE;
    if (
      toHeader === 0 ||
      bytes > rxq[q + Q_PACKET_BYTES] ||
      part < 16 ||
      ((part | rest) & 7) !== 0 ||
      granted === undefined ||
      lastPage >= granted.length ||
      lastPage - page > 1 ||
      (granted[page] & granted[lastPage] & DMA_WRITE) === 0
    )
      return false;
    const target = state.segments[segment];
    if ((body & 7) !== 0) copyBytes(ring, body + part, target, rest, bytes - part);
    else copyTo(target, body + part, rest, bytes - part);
    return true;
  }

  /**
   * As {@link copyBytes} from the wire, whose arrays are constants here; both begin at multiples of eight. In a function of
   * its own: with a loop inside its loop `take` would have no constants any more, for V8 then finds out too late which
   * context both are in.
   */
  function copyTo(to: MemorySegment, from: number, target: number, length: number): void {
    const to64 = to.u64;
    let s = from >>> 3;
    const shift = (target >>> 3) - s;
    const stop = s + (length >>> 3);
    for (const stop8 = stop - 7; s < stop8; s += 8) {
      const t = s + shift;
      to64[t] = input64[s];
      to64[t + 1] = input64[s + 1];
      to64[t + 2] = input64[s + 2];
      to64[t + 3] = input64[s + 3];
      to64[t + 4] = input64[s + 4];
      to64[t + 5] = input64[s + 5];
      to64[t + 6] = input64[s + 6];
      to64[t + 7] = input64[s + 7];
    }
    for (; s < stop; s++) to64[s + shift] = input64[s];
    const t = s + shift;
    if ((length & 4) !== 0) to.i32[t << 1] = input[s << 1];
    for (let b = length & ~3; b < length; b = (b + 1) | 0) to.u8[(target + b) | 0] = input8[(from + b) | 0];
  }
}
