/**
 * How the data path writes a MAC address and a VLAN: two 32-bit words, taken from the frame as they lie there.
 *
 *   frame   | d0 d1 d2 d3 | d4 d5 s0 s1 | s2 s3 s4 s5 | …        little-endian words of the frame
 *   key a   d0 d1 d2 d3            first four bytes, little-endian
 *   key b   d4 d5 | VLAN << 16     last two bytes and the VLAN
 *
 * So comparing an address costs two word compares, and a table entry is the key and a port.
 */

/** First word of a MAC given as numbers in wire order (hi16, lo32). Signed, as an Int32Array holds it. */
export function keyA(macHi: number, macLo: number): number {
  return (
    ((macHi >>> 8) & 0xff) |
    ((macHi & 0xff) << 8) |
    (((macLo >>> 24) & 0xff) << 16) |
    (((macLo >>> 16) & 0xff) << 24)
  );
}

/** Second word, VLAN 0 … 4095 in bits 16 up. */
export function keyB(macLo: number, vlan: number): number {
  return ((macLo >>> 8) & 0xff) | ((macLo & 0xff) << 8) | (vlan << 16);
}

/** hi16 of the MAC in a key. */
export function macHiOf(a: number): number {
  return ((a & 0xff) << 8) | ((a >>> 8) & 0xff);
}

/** lo32 of the MAC in a key, unsigned. */
export function macLoOf(a: number, b: number): number {
  return (
    ((((a >>> 16) & 0xff) << 24) | (((a >>> 24) & 0xff) << 16) | ((b & 0xff) << 8) | ((b >>> 8) & 0xff)) >>> 0
  );
}

/**
 * The keys of a frame, out of its words as they lie in memory: w0 = bytes 0–3, w1 = 4–7, w2 = 8–11. Key a of the destination is w0
 * itself.
 */
export function destinationB(w1: number, vlan: number): number {
  return (w1 & 0xffff) | (vlan << 16);
}

export function sourceA(w1: number, w2: number): number {
  return (w1 >>> 16) | (w2 << 16);
}

export function sourceB(w2: number, vlan: number): number {
  return (w2 >>> 16) | (vlan << 16);
}

export function vlanOf(b: number): number {
  return (b >>> 16) & 0xfff;
}

/** Mixes a key's words; take as many low bits as the table needs. */
export function hashKey(a: number, b: number): number {
  let h = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b);
  h ^= h >>> 15;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 13);
}
