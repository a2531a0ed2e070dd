/**
 * The frames the driver sends: 60 or 300 bytes that carry their number, whether to hold them, and a pattern.
 *
 *   destination 6 | source 6 | [tag 4] | type 88-B5 | number 4 | hold 1 | pattern …
 */
import { TAG_PRIORITY } from '../reference/frame-tracker.ts';
import type { Frame } from '../reference/vocabulary.ts';
import { macBytes } from './request-bytes.ts';

/** Bytes without a tag: every third frame is long enough to be split. */
export const frameLength = (number: number): number => (number % 3 === 0 ? 300 : 60);
const SOURCE = [2, 0, 0, 0, 0, 9];
/** Offset of the number once the tag is removed. */
export const NUMBER_AT = 14;
export const HOLD_AT = 18;
const PATTERN_AT = 19;

const addresses = new Map<string, Uint8Array>();
const bytesOf = (mac: string): Uint8Array => {
  let bytes = addresses.get(mac);
  if (bytes === undefined) {
    bytes = macBytes(mac);
    addresses.set(mac, bytes);
  }
  return bytes;
};

/** The frame as it goes over the wire. */
export function frameBytes({ number, destination, vlan, hold }: Frame): Uint8Array {
  const tag = vlan === null ? [] : [0x81, 0x00, (TAG_PRIORITY << 5) | (vlan >> 8), vlan & 0xff];
  const length = frameLength(number);
  const bytes = new Uint8Array(length + tag.length);
  bytes.set(bytesOf(destination));
  bytes.set(SOURCE, 6);
  bytes.set(tag, 12);
  const rest = 12 + tag.length;
  bytes.set([0x88, 0xb5, number >>> 24, number >>> 16, number >>> 8, number, hold ? 1 : 0], rest);
  for (let i = PATTERN_AT; i < length; i++) bytes[tag.length + i] = (number + i) & 0xff;
  return bytes;
}

/** True if the bytes are frame `number` without its tag; its address is left out. */
export function isIntact(bytes: Uint8Array, number: number): boolean {
  if (bytes.length !== frameLength(number)) return false;
  for (let i = 0; i < SOURCE.length; i++) if (bytes[6 + i] !== SOURCE[i]) return false;
  if (bytes[12] !== 0x88 || bytes[13] !== 0xb5) return false;
  for (let i = PATTERN_AT; i < bytes.length; i++) if (bytes[i] !== ((number + i) & 0xff)) return false;
  return true;
}
