// Where buffers come from: noise, and valid buffers with something wrong with them.
import type { Chance } from './target.ts';

/** Numbers on the edges of lengths, offsets, counts, indexes and signs. */
export const EDGES: readonly number[] = [
  0, 1, 2, 3, 4, 7, 8, 12, 14, 15, 16, 20, 24, 28, 31, 32, 36, 44, 56, 60, 63, 64, 127, 128, 255, 256, 511,
  512, 1023, 1024, 1514, 1518, 2047, 2048, 2112, 4095, 4096, 4097, 0x7fff, 0x8000, 0xffff, 0x10000,
  0x7fff_fff8, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_f000, 0xffff_fff0, 0xffff_fff8, 0xffff_fffe,
  0xffff_ffff,
];

/** A number that breaks things: an edge, small, or any. */
export function edge(random: Chance): number {
  const kind = random.next() & 3;
  if (kind < 2) return random.pick(EDGES);
  return kind === 2 ? random.below(256) : random.next();
}

/** Bytes without any sense, up to `most` of them; short ones often. */
export function noise(random: Chance, most: number): Uint8Array {
  const length = random.below(random.once(2) ? Math.min(most, 64) + 1 : most + 1);
  const bytes = new Uint8Array(length);
  for (let i = 0; i + 4 <= length; i += 4) putU32(bytes, i, random.next(), true);
  for (let i = length & ~3; i < length; i++) bytes[i] = random.next();
  // Zeros let parsers get further than noise does.
  if (random.once(4)) bytes.fill(0, random.below(length + 1));
  return bytes;
}

/**
 * `valid` with one to eight things wrong: bits, bytes, edge numbers, lengths one too long or too short, cuts,
 * additions, parts of `other` spliced in, parts doubled, removed or zeroed. A new array.
 */
export function mutate(random: Chance, valid: Uint8Array, other = valid, most = 4096): Uint8Array {
  let bytes: Uint8Array = valid.slice();
  for (let n = random.once(3) ? 1 : 1 + random.below(8); n > 0; n--) bytes = mutateOnce(random, bytes, other);
  return bytes.length > most ? bytes.subarray(0, most) : bytes;
}

function mutateOnce(random: Chance, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length === 0) return random.once(2) ? bytes : noise(random, 16);
  const at = place(random, length);
  switch (random.below(16)) {
    case 0:
    case 1:
      bytes[at] ^= 1 << random.below(8);
      return bytes;
    case 2:
      bytes[at] = random.next();
      return bytes;
    case 3:
    case 4:
    case 5:
      putU32(bytes, at & ~3, edge(random), (random.next() & 1) === 1);
      return bytes;
    case 6:
      putU16(bytes, at & ~1, edge(random), (random.next() & 1) === 1);
      return bytes;
    case 7:
    case 8: {
      // A length, an offset, a count: one more, one less, one unit more or less.
      const little = (random.next() & 1) === 1;
      const delta = random.pick([1, -1, 2, -2, 4, -4, 8, -8, 0x100, -0x100]);
      putU32(bytes, at & ~3, getU32(bytes, at & ~3, little) + delta, little);
      return bytes;
    }
    case 9: {
      const delta = random.pick([1, -1, 2, -2, 4, -4, 8, -8]);
      const little = (random.next() & 1) === 1;
      putU16(bytes, at & ~1, getU16(bytes, at & ~1, little) + delta, little);
      return bytes;
    }
    case 10:
      return bytes.slice(0, random.once(2) ? at : Math.max(0, length - 1 - random.below(16)));
    case 11:
      return joined(bytes, noise(random, 64));
    case 12: {
      const from = random.below(other.length + 1);
      return joined(bytes.subarray(0, at), other.subarray(from));
    }
    case 13: {
      const end = at + random.below(Math.min(64, length - at) + 1);
      return joined(bytes.subarray(0, end), bytes.subarray(at));
    }
    case 14: {
      const end = at + random.below(Math.min(32, length - at) + 1);
      return joined(bytes.subarray(0, at), bytes.subarray(end));
    }
    default:
      bytes.fill(random.once(2) ? 0 : 0xff, at, at + 1 + random.below(16));
      return bytes;
  }
}

/** Half of all damage is done to the first 64 bytes, where headers are. */
function place(random: Chance, length: number): number {
  return random.below(random.once(2) ? Math.min(length, 64) : length);
}

export function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

export function getU32(bytes: Uint8Array, at: number, little: boolean): number {
  const a = bytes[at] ?? 0;
  const b = bytes[at + 1] ?? 0;
  const c = bytes[at + 2] ?? 0;
  const d = bytes[at + 3] ?? 0;
  return (little ? a | (b << 8) | (c << 16) | (d << 24) : (a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Bytes past the end are lost, as in any typed array. */
export function putU32(bytes: Uint8Array, at: number, value: number, little: boolean): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (8 * (little ? i : 3 - i));
}

function getU16(bytes: Uint8Array, at: number, little: boolean): number {
  const a = bytes[at] ?? 0;
  const b = bytes[at + 1] ?? 0;
  return little ? a | (b << 8) : (a << 8) | b;
}

function putU16(bytes: Uint8Array, at: number, value: number, little: boolean): void {
  bytes[at + (little ? 0 : 1)] = value;
  bytes[at + (little ? 1 : 0)] = value >>> 8;
}

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
