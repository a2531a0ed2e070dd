/** Copying many frames from host memory into one VM's, exactly those bytes (SEC-08). */
import type { MemorySegment } from '@vmq/machine';

/** A move: byte offset in host memory, byte offset in the VM's, both multiples of 8; bytes; nothing. */
export const MOVE_WORDS = 4;

const MOVE = MOVE_WORDS;

/**
 * Carries out the moves in the first `end` words of `moves`. Eight 64-bit elements at a time; no call in the loop: behind
 * one V8 asks again what each array is.
 */
export function copyMoves(moves: Int32Array, end: number, host: MemorySegment, guest: MemorySegment): void {
  const source = host.u64;
  const target = guest.u64;
  const source32 = host.i32;
  const target32 = guest.i32;
  const source8 = host.u8;
  const target8 = guest.u8;
  for (let move = 0; move < end; move += MOVE) {
    const from = moves[move] as number;
    const to = moves[move + 1] as number;
    const length = moves[move + 2] as number;
    let s = from >> 3;
    let t = to >> 3;
    const last = (s + (length >> 3)) | 0;
    for (const last8 = last - 7; s < last8; s += 8, t += 8) {
      target[t] = source[s] as bigint;
      target[t + 1] = source[s + 1] as bigint;
      target[t + 2] = source[s + 2] as bigint;
      target[t + 3] = source[s + 3] as bigint;
      target[t + 4] = source[s + 4] as bigint;
      target[t + 5] = source[s + 5] as bigint;
      target[t + 6] = source[s + 6] as bigint;
      target[t + 7] = source[s + 7] as bigint;
    }
    if ((length & 63) === 0) continue;
    for (; s < last; s++, t++) target[t] = source[s] as bigint;
    if ((length & 4) !== 0) target32[t << 1] = source32[s << 1] as number;
    for (let done = length & ~3; done < length; done++) target8[to + done] = source8[from + done] as number;
  }
}
