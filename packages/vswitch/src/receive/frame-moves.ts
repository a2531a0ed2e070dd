/** Copying many frames from host memory into one VM's, exactly those bytes (SEC-08). */
import type { MemorySegment } from '@vmq/machine';

/** A move: byte offset in host memory, byte offset in the VM's, both multiples of 8; bytes; nothing. */
export const MOVE_WORDS = 4;

/** Carries out the moves in the first `end` words of `moves`. */
export type CopyMoves = (moves: Int32Array, end: number, guest: MemorySegment) => void;

/**
 * Makes the {@link CopyMoves} of one processor. A function of its own, as in `ordinary-frames.ts`, so that the arrays of
 * `host` are constants; and the loop over a frame's bytes is another one, since in a loop within a loop they would not be.
 */
export function createCopyMoves(host: MemorySegment): CopyMoves {
  const source64 = host.u64;
  const source32 = host.i32;
  const source8 = host.u8;
  return copyMoves;

  function copyMoves(moves: Int32Array, end: number, guest: MemorySegment): void {
    for (let move = 0; move < end; move += MOVE_WORDS)
      copy(moves[move], guest, moves[move + 1], moves[move + 2]);
  }

  /** Eight 64-bit elements at a time; no call in the loop: behind one V8 asks again what each array is. */
  function copy(from: number, guest: MemorySegment, to: number, length: number): void {
    const target64 = guest.u64;
    let s = from >>> 3;
    const shift = (to >>> 3) - s;
    const last = s + (length >>> 3);
    for (const last8 = last - 7; s < last8; s += 8) {
      const t = s + shift;
      target64[t] = source64[s];
      target64[t + 1] = source64[s + 1];
      target64[t + 2] = source64[s + 2];
      target64[t + 3] = source64[s + 3];
      target64[t + 4] = source64[s + 4];
      target64[t + 5] = source64[s + 5];
      target64[t + 6] = source64[s + 6];
      target64[t + 7] = source64[s + 7];
    }
    if ((length & 63) === 0) return;
    for (; s < last; s++) target64[s + shift] = source64[s];
    if ((length & 4) !== 0) guest.i32[(s + shift) << 1] = source32[s << 1];
    for (let done = length & ~3; done < length; done++) guest.u8[to + done] = source8[from + done];
  }
}
