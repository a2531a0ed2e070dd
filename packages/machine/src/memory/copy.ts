/**
 * Copying from one memory to another, exactly: not one byte beyond the end, since what lies there may be another
 * frame's or another partition's (SEC-08).
 *
 *   offsets alike modulo 8, and multiples of 4    64-bit elements, sixteen in a turn; a word first where they are odd
 *           both multiples of 4                   words, eight in a turn
 *           otherwise                             bytes
 */

/** The views of one memory: a segment, or a wire's ring. */
export interface MemoryViews {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
}

/** Copies `length` bytes from byte `source` of the one to byte `target` of the other. */
export function copyBytes(
  from: MemoryViews,
  source: number,
  to: MemoryViews,
  target: number,
  length: number,
): void {
  const both = source | target;
  if ((both & 7) === 0) copyElements(from, source, to, target, length);
  else if ((both & 3) !== 0 || length < 4)
    for (let i = 0; i < length; i++) to.u8[target + i] = from.u8[source + i];
  else if (((source ^ target) & 7) !== 0) copyWords(from, source, to, target, length);
  else {
    to.i32[target >> 2] = from.i32[source >> 2];
    copyElements(from, source + 4, to, target + 4, length - 4);
  }
}

/**
 * The same where most frames are of the shortest: those, of 40 to 64 bytes, are copied without a call and without a loop. So
 * the caller's loop may have all of it in itself, and arrays that it was made with as constants.
 */
export function copyFrame(
  from: MemoryViews,
  source: number,
  to: MemoryViews,
  target: number,
  length: number,
): void {
  if ((length - 40) >>> 0 > 24 || ((source | target) & 7) !== 0 || (length & 3) !== 0)
    copyBytes(from, source, to, target, length);
  else copyShort(from, source, to, target, length);
}

/** 40 to 64 bytes, a multiple of 4. */
function copyShort(from: MemoryViews, source: number, to: MemoryViews, target: number, length: number): void {
  const input = from.u64;
  const output = to.u64;
  const s = source >> 3;
  const t = target >> 3;
  output[t] = input[s];
  output[t + 1] = input[s + 1];
  output[t + 2] = input[s + 2];
  output[t + 3] = input[s + 3];
  output[t + 4] = input[s + 4];
  if (length > 48) output[t + 5] = input[s + 5];
  if (length > 56) output[t + 6] = input[s + 6];
  // The last two words, over again or behind them.
  const end = (source + length) >> 2;
  const stop = (target + length) >> 2;
  to.i32[stop - 2] = from.i32[end - 2];
  to.i32[stop - 1] = from.i32[end - 1];
}

/**
 * Sixteen in a turn rather than eight: as fast, and too much for V8 to inline. Inlined, it would look up the arrays' places
 * again at each element, for want of registers, and take twice as long.
 */
function copyElements(
  from: MemoryViews,
  source: number,
  to: MemoryViews,
  target: number,
  length: number,
): void {
  const input = from.u64;
  const output = to.u64;
  const first = source >>> 3;
  const shift = (target >>> 3) - first;
  const stop = first + (length >>> 3);
  let s = first;
  for (const stop16 = stop - 15; s < stop16; s += 16) {
    const t = s + shift;
    output[t] = input[s];
    output[t + 1] = input[s + 1];
    output[t + 2] = input[s + 2];
    output[t + 3] = input[s + 3];
    output[t + 4] = input[s + 4];
    output[t + 5] = input[s + 5];
    output[t + 6] = input[s + 6];
    output[t + 7] = input[s + 7];
    output[t + 8] = input[s + 8];
    output[t + 9] = input[s + 9];
    output[t + 10] = input[s + 10];
    output[t + 11] = input[s + 11];
    output[t + 12] = input[s + 12];
    output[t + 13] = input[s + 13];
    output[t + 14] = input[s + 14];
    output[t + 15] = input[s + 15];
  }
  // Fewer than sixteen are left: by the bits of how many, without a loop.
  const left = stop - s;
  let t = s + shift;
  if ((left & 8) !== 0) {
    output[t] = input[s];
    output[t + 1] = input[s + 1];
    output[t + 2] = input[s + 2];
    output[t + 3] = input[s + 3];
    output[t + 4] = input[s + 4];
    output[t + 5] = input[s + 5];
    output[t + 6] = input[s + 6];
    output[t + 7] = input[s + 7];
    s += 8;
    t += 8;
  }
  if ((left & 4) !== 0) {
    output[t] = input[s];
    output[t + 1] = input[s + 1];
    output[t + 2] = input[s + 2];
    output[t + 3] = input[s + 3];
    s += 4;
    t += 4;
  }
  if ((left & 2) !== 0) {
    output[t] = input[s];
    output[t + 1] = input[s + 1];
    s += 2;
    t += 2;
  }
  if ((left & 1) !== 0) output[t] = input[s];
  if ((length & 4) !== 0) to.i32[(stop + shift) << 1] = from.i32[stop << 1];
  for (let done = length & ~3; done < length; done++) to.u8[target + done] = from.u8[source + done];
}

function copyWords(from: MemoryViews, source: number, to: MemoryViews, target: number, length: number): void {
  const input = from.i32;
  const output = to.i32;
  let s = source >> 2;
  let t = target >> 2;
  const stop = s + (length >> 2);
  for (const stop8 = stop - 7; s < stop8; s += 8, t += 8) {
    output[t] = input[s];
    output[t + 1] = input[s + 1];
    output[t + 2] = input[s + 2];
    output[t + 3] = input[s + 3];
    output[t + 4] = input[s + 4];
    output[t + 5] = input[s + 5];
    output[t + 6] = input[s + 6];
    output[t + 7] = input[s + 7];
  }
  for (; s < stop; s++, t++) output[t] = input[s];
  for (let done = length & ~3; done < length; done++) to.u8[target + done] = from.u8[source + done];
}
