/**
 * CRC-32 as Ethernet, gzip and zip compute it: polynomial 0xEDB88320, reflected, ones before and after.
 *
 * Eight bytes at a time, as a migration sums whole memories: table k says what a byte comes to with k bytes of zeros
 * behind it, and the sum of eight bytes is that of each of them by the table of its place.
 *
 *   TABLES   | no byte behind: 256 words | one byte behind | ... | seven bytes behind |
 */
const BYTES = 8;

const TABLES: Int32Array = tables();

function tables(): Int32Array {
  const made = new Int32Array(BYTES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) === 0 ? 0 : 0xedb8_8320);
    made[byte] = value;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256];
    made[at] = (before >>> 8) ^ made[before & 255];
  }
  return made;
}

/** Of `bytes`, unsigned; `before` is that of the bytes which came before them. */
export function crc32(bytes: Uint8Array, before: number = 0): number {
  // Up to the first whole word, the words two by two, and what is left.
  const lead = Math.min(bytes.length, -bytes.byteOffset & 3);
  const pairs = (bytes.length - lead) >>> 3;
  let crc = crcOfBytes(bytes, 0, lead, ~before | 0);
  if (pairs > 0) crc = crcOfPairs(new Int32Array(bytes.buffer, bytes.byteOffset + lead, 2 * pairs), crc);
  return ~crcOfBytes(bytes, lead + 8 * pairs, bytes.length, crc) >>> 0;
}

function crcOfBytes(bytes: Uint8Array, from: number, to: number, before: number): number {
  const t = TABLES;
  let crc = before;
  for (let i = from; i < to; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]) & 255];
  return crc;
}

/** Of little-endian words, of which there is an even number. */
function crcOfPairs(words: Int32Array, before: number): number {
  const t = TABLES;
  let crc = before;
  for (let i = 0; i < words.length; i += 2) {
    const one = words[i] ^ crc;
    const two = words[i + 1];
    crc =
      t[1792 + (one & 255)] ^
      t[1536 + ((one >>> 8) & 255)] ^
      t[1280 + ((one >>> 16) & 255)] ^
      t[1024 + (one >>> 24)] ^
      t[768 + (two & 255)] ^
      t[512 + ((two >>> 8) & 255)] ^
      t[256 + ((two >>> 16) & 255)] ^
      t[two >>> 24];
  }
  return crc;
}
