import { readUint16 } from '../view/network-order.ts';

/** More extension headers than this are an attack, not traffic. */
export const MAX_IPV6_EXTENSION_HEADERS = 8;

const HOPOPTS = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AH = 51;
const DSTOPTS = 60;
const MOBILITY = 135;

/**
 * How a walk over extension headers ended.
 *
 * | end | meaning |
 * |-|-|
 * | `upper-layer` | `protocol` stands at `offset`; that may also be 59 (nothing) or 50 (ESP, which cannot be looked into) |
 * | `fragment` | a piece other than the first: `protocol` names what was cut, its header is not in here |
 * | `truncated` | an extension header ran past the payload |
 * | `too-many` | more than 8 extension headers |
 */
export type Ipv6WalkEnd = 'upper-layer' | 'fragment' | 'truncated' | 'too-many';

/** Finds what an IPv6 header's extension headers lead to. One object, walked again for each packet. */
export class Ipv6ExtensionWalk {
  protocol = 0;
  /** Where that protocol's header stands (absolute), and the bytes from there to the end of the payload. */
  offset = 0;
  length = 0;
  /** Extension headers passed. */
  headers = 0;
  /** Whether there was a fragment header, the first piece's included; an atomic fragment (all zero) does not count. */
  isFragment = false;
  /** In bytes. */
  fragmentOffset = 0;

  /** `offset` and `length` are those of the IPv6 payload, `nextHeader` the IPv6 header's. */
  walk(bytes: Uint8Array, offset: number, length: number, nextHeader: number): Ipv6WalkEnd {
    const end = (offset + length) | 0;
    let at = offset | 0;
    let protocol = nextHeader;
    let outcome: Ipv6WalkEnd | null = null;
    this.headers = 0;
    this.isFragment = false;
    this.fragmentOffset = 0;
    while (outcome === null) {
      if (
        protocol !== HOPOPTS &&
        protocol !== ROUTING &&
        protocol !== FRAGMENT &&
        protocol !== AH &&
        protocol !== DSTOPTS &&
        protocol !== MOBILITY
      ) {
        outcome = 'upper-layer';
      } else if (this.headers === MAX_IPV6_EXTENSION_HEADERS) {
        outcome = 'too-many';
      } else if (at + 8 > end) {
        outcome = 'truncated';
      } else {
        // The authentication header counts in units of 4 and from 2, the others in units of 8 and from 1.
        const units = bytes[at + 1]!;
        const size = protocol === FRAGMENT ? 8 : protocol === AH ? (units + 2) << 2 : (units + 1) << 3;
        if (at + size > end) {
          outcome = 'truncated';
        } else {
          if (protocol === FRAGMENT) {
            const field = readUint16(bytes, at + 2);
            this.fragmentOffset = field & 0xfff8;
            if ((field & 0xfff9) !== 0) this.isFragment = true;
            if (this.fragmentOffset !== 0) outcome = 'fragment';
          }
          this.headers++;
          protocol = bytes[at]!;
          at += size;
        }
      }
    }
    this.protocol = protocol;
    this.offset = at;
    this.length = end - at;
    return outcome;
  }
}
