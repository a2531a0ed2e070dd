/**
 * Copying a frame from one segment to another, exactly: not one byte beyond its end, since what lies there may
 * be another partition's (SEC-08).
 */
import type { MemorySegment } from '@vmq/machine';

/**
 * Copies `length` bytes. Both offsets multiples of 8: eight 64-bit elements per turn, the last bytes singly.
 * Otherwise byte by byte, which only a guest with odd data offsets can cause.
 */
export function copyFrame(
  from: MemorySegment,
  fromOffset: number,
  to: MemorySegment,
  toOffset: number,
  length: number,
): void {
  if (((fromOffset | toOffset) & 7) !== 0) {
    copyBytes(from.u8, fromOffset, to.u8, toOffset, length);
    return;
  }
  const source = from.u64;
  const target = to.u64;
  let s = fromOffset >>> 3;
  let t = toOffset >>> 3;
  let left = length >>> 3;
  for (; left >= 8; left -= 8) {
    target[t] = source[s] as bigint;
    target[t + 1] = source[s + 1] as bigint;
    target[t + 2] = source[s + 2] as bigint;
    target[t + 3] = source[s + 3] as bigint;
    target[t + 4] = source[s + 4] as bigint;
    target[t + 5] = source[s + 5] as bigint;
    target[t + 6] = source[s + 6] as bigint;
    target[t + 7] = source[s + 7] as bigint;
    s += 8;
    t += 8;
  }
  if ((length & 63) !== 0) copyRest(from, s << 3, to, t << 3, length & 63);
}

/** Copies less than 64 bytes between multiples of 8, in as few steps as their number allows. */
export function copyRest(
  from: MemorySegment,
  fromOffset: number,
  to: MemorySegment,
  toOffset: number,
  length: number,
): void {
  const source = from.u64;
  const target = to.u64;
  let s = fromOffset >>> 3;
  let t = toOffset >>> 3;
  for (let left = length >>> 3; left > 0; left--) target[t++] = source[s++] as bigint;
  let done = length & ~7;
  if ((length & 4) !== 0) {
    to.i32[t << 1] = from.i32[s << 1] as number;
    done += 4;
  }
  for (; done < length; done++) to.u8[toOffset + done] = from.u8[fromOffset + done] as number;
}

function copyBytes(from: Uint8Array, source: number, to: Uint8Array, target: number, length: number): void {
  for (let i = 0; i < length; i++) to[target + i] = from[source + i] as number;
}
