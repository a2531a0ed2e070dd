/** Both byte orders occur in one file (each pcapng section has its own), so the order is an argument. */

const TWO_32 = 0x1_0000_0000;

export function readU16(bytes: Uint8Array, offset: number, bigEndian: boolean): number {
  const a = bytes[offset]!;
  const b = bytes[offset + 1]!;
  return bigEndian ? (a << 8) | b : (b << 8) | a;
}

export function readU32(bytes: Uint8Array, offset: number, bigEndian: boolean): number {
  const a = bytes[offset]!;
  const b = bytes[offset + 1]!;
  const c = bytes[offset + 2]!;
  const d = bytes[offset + 3]!;
  return (bigEndian ? (a << 24) | (b << 16) | (c << 8) | d : (d << 24) | (c << 16) | (b << 8) | a) >>> 0;
}

/** Exact up to 2^53, which no packet counter reaches. */
export function readU64(bytes: Uint8Array, offset: number, bigEndian: boolean): number {
  const first = readU32(bytes, offset, bigEndian);
  const second = readU32(bytes, offset + 4, bigEndian);
  return bigEndian ? first * TWO_32 + second : second * TWO_32 + first;
}

/** Two's complement; exact between -2^53 and 2^53. */
export function readI64(bytes: Uint8Array, offset: number, bigEndian: boolean): number {
  const first = readU32(bytes, offset, bigEndian);
  const second = readU32(bytes, offset + 4, bigEndian);
  return bigEndian ? (first | 0) * TWO_32 + second : (second | 0) * TWO_32 + first;
}
