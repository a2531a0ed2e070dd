/** CRC-32 as Ethernet, gzip and zip compute it: polynomial 0xEDB88320, reflected, ones before and after. */

const TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) === 0 ? 0 : 0xedb8_8320);
  return value;
});

/** Of `bytes`, unsigned; `before` is that of the bytes which came before them. */
export function crc32(bytes: Uint8Array, before: number = 0): number {
  const table = TABLE;
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] as number)) & 255] as number);
  }
  return ~crc >>> 0;
}
