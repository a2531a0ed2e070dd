/**
 * Receive stamps: 1, 2, 3 … 2^31 - 1, then 1 again. The port stamps every frame that it sees on the wire, and whoever
 * puts the frames there counts alike. No stamp is 0, which in a trace record says "no single frame"; none is negative, so
 * that others (a switch, for frames of its own) can number frames below 0.
 *
 *   0 ─> 1 ─> 2 ─> … ─> LAST_STAMP ─> 1 ─> …
 */
export const LAST_STAMP = 0x7fff_ffff;

/** The stamp of the frame behind the one with `stamp`; behind none (0) comes 1. */
export function nextStamp(stamp: number): number {
  return stamp === LAST_STAMP ? 1 : stamp + 1;
}

/** Frames from the one with stamp `from` to the one with stamp `to`, forwards: 0 … 2^31 - 2. */
export function stampDistance(from: number, to: number): number {
  return from <= to ? to - from : to - from + LAST_STAMP;
}

/** True if `stamp` is newer than `other`, as far as half a round of stamps can tell. */
export function isNewerStamp(stamp: number, other: number): boolean {
  const distance = stampDistance(other, stamp);
  return distance !== 0 && distance < LAST_STAMP / 2;
}
