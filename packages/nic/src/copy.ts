/** Copies between memories of any alignment. The receive loop has its own copy for the aligned case. */

/** The three views of one memory. */
export interface MemoryViews {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
}

/**
 * Copies exactly `length` bytes. Takes the widest elements that both offsets allow; 64-byte aligned on both
 * sides is fastest.
 */
export function copyBytes(
  from: MemoryViews,
  source: number,
  to: MemoryViews,
  target: number,
  length: number,
): void {
  const both = source | target;
  if ((both & 7) === 0) {
    copyAligned8(from, source, to, target, length);
  } else if ((both & 3) === 0) {
    copyWords(from.i32, source >> 2, to.i32, target >> 2, length >> 2);
    copySingly(from.u8, source + (length & ~3), to.u8, target + (length & ~3), length & 3);
  } else {
    copySingly(from.u8, source, to.u8, target, length);
  }
}

function copyAligned8(
  from: MemoryViews,
  source: number,
  to: MemoryViews,
  target: number,
  length: number,
): void {
  const input = from.u64;
  const output = to.u64;
  let s = source >> 3;
  let t = target >> 3;
  const stop = s + (length >> 3);
  const stop8 = stop - 7;
  for (; s < stop8; s += 8, t += 8) {
    output[t] = input[s] as bigint;
    output[t + 1] = input[s + 1] as bigint;
    output[t + 2] = input[s + 2] as bigint;
    output[t + 3] = input[s + 3] as bigint;
    output[t + 4] = input[s + 4] as bigint;
    output[t + 5] = input[s + 5] as bigint;
    output[t + 6] = input[s + 6] as bigint;
    output[t + 7] = input[s + 7] as bigint;
  }
  for (; s < stop; s++, t++) output[t] = input[s] as bigint;
  const done = length & ~7;
  if (done !== length) copySingly(from.u8, source + done, to.u8, target + done, length & 7);
}

/** Copies `count` 32-bit words; offsets are word indices. */
export function copyWords(
  input: Int32Array,
  source: number,
  output: Int32Array,
  target: number,
  count: number,
): void {
  let s = source;
  let t = target;
  const stop = s + count;
  const stop8 = stop - 7;
  for (; s < stop8; s += 8, t += 8) {
    output[t] = input[s] as number;
    output[t + 1] = input[s + 1] as number;
    output[t + 2] = input[s + 2] as number;
    output[t + 3] = input[s + 3] as number;
    output[t + 4] = input[s + 4] as number;
    output[t + 5] = input[s + 5] as number;
    output[t + 6] = input[s + 6] as number;
    output[t + 7] = input[s + 7] as number;
  }
  for (; s < stop; s++, t++) output[t] = input[s] as number;
}

/** Copies byte by byte. */
export function copySingly(
  input: Uint8Array,
  source: number,
  output: Uint8Array,
  target: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) output[target + i] = input[source + i] as number;
}
