import { writeMacAddress } from '../link/mac-address.ts';
import { HeaderView } from '../view/header-view.ts';
import { readUint16, writeUint32 } from '../view/network-order.ts';
import type { WireRefusal } from '../view/refusal.ts';

export const ICMPV6_NEIGHBOUR_SOLICITATION = 135;
export const ICMPV6_NEIGHBOUR_ADVERTISEMENT = 136;
/** Without options. */
export const NEIGHBOUR_MESSAGE_LENGTH = 24;
/** A link-layer address option with a MAC address. */
export const LINK_LAYER_OPTION_LENGTH = 8;
export const ND_OPTION_SOURCE_LINK_LAYER = 1;
export const ND_OPTION_TARGET_LINK_LAYER = 2;

/** Flags of an advertisement: from a router, in answer to a solicitation, to replace what is cached. */
export const NA_ROUTER = 0x8000_0000;
export const NA_SOLICITED = 0x4000_0000;
export const NA_OVERRIDE = 0x2000_0000;

/**
 * Neighbour solicitation and advertisement, RFC 4861.
 *
 * ```text
 *    0  type 8 | code 8 | checksum 16
 *    4  flags 32 (advertisement) or reserved
 *    8  target address 128
 *   24  options …
 * ```
 */
export class NeighbourView extends HeaderView {
  get type(): number {
    return this.bytes[this.offset]!;
  }
  get checksum(): number {
    return readUint16(this.bytes, this.offset + 2);
  }
  get isRouter(): boolean {
    return (this.bytes[this.offset + 4]! & 0x80) !== 0;
  }
  get isSolicited(): boolean {
    return (this.bytes[this.offset + 4]! & 0x40) !== 0;
  }
  get isOverride(): boolean {
    return (this.bytes[this.offset + 4]! & 0x20) !== 0;
  }
  /** Where the 16 bytes of the target address stand (absolute). */
  get targetOffset(): number {
    return this.offset + 8;
  }
  /** Options stand from here to the end of the message; see `NeighbourOptionWalk`. */
  get optionsOffset(): number {
    return this.offset + NEIGHBOUR_MESSAGE_LENGTH;
  }
  refusal(): WireRefusal | null {
    if (this.length < NEIGHBOUR_MESSAGE_LENGTH) return 'too-short';
    const { type } = this;
    return type === ICMPV6_NEIGHBOUR_SOLICITATION || type === ICMPV6_NEIGHBOUR_ADVERTISEMENT
      ? null
      : 'unsupported-type';
  }
}

/** Steps through neighbour discovery options: type 8, length 8 in units of 8 bytes, data. */
export class NeighbourOptionWalk {
  type = 0;
  /** Where the option's data starts (absolute), and how long it is. A MAC address stands right there. */
  dataOffset = 0;
  dataLength = 0;
  /** True when an option had no length or ran past the end: the whole message is then to be dropped (RFC 4861, 4.6). */
  broken = false;

  #bytes: Uint8Array = new Uint8Array(0);
  #next = 0;
  #end = 0;

  start(bytes: Uint8Array, offset: number, end: number): this {
    this.#bytes = bytes;
    this.#next = offset | 0;
    this.#end = end | 0;
    this.broken = false;
    return this;
  }

  next(): boolean {
    const at = this.#next;
    const end = this.#end;
    this.#next = end;
    if (at >= end) return false;
    const size = at + 1 < end ? this.#bytes[at + 1]! << 3 : 0;
    if (size === 0 || at + size > end) {
      this.broken = true;
      return false;
    }
    this.type = this.#bytes[at]!;
    this.dataOffset = at + 2;
    this.dataLength = size - 2;
    this.#next = at + size;
    return true;
  }
}

/**
 * Writes a solicitation or advertisement with one link-layer address option (source for the former, target for the latter),
 * checksum 0; returns 32. Finish with `fillIcmpv6Checksum`. `flags` are the `NA_` bits, 0 for a solicitation.
 */
export function writeNeighbourMessage(
  bytes: Uint8Array,
  offset: number,
  type: number,
  flags: number,
  target: Uint8Array,
  macHi: number,
  macLo: number,
): number {
  writeUint32(bytes, offset, type << 24);
  writeUint32(bytes, offset + 4, flags);
  for (let i = 0; i < 16; i++) bytes[offset + 8 + i] = target[i]!;
  bytes[offset + 24] =
    type === ICMPV6_NEIGHBOUR_SOLICITATION ? ND_OPTION_SOURCE_LINK_LAYER : ND_OPTION_TARGET_LINK_LAYER;
  bytes[offset + 25] = 1;
  writeMacAddress(bytes, offset + 26, macHi, macLo);
  return NEIGHBOUR_MESSAGE_LENGTH + LINK_LAYER_OPTION_LENGTH;
}

/** Writes the 16 bytes of `ff02::1:ffXX:XXXX`, the group that the owner of the unicast address at `from` listens to. */
export function writeSolicitedNodeAddress(
  bytes: Uint8Array,
  offset: number,
  unicast: Uint8Array,
  from = 0,
): void {
  writeUint32(bytes, offset, 0xff02_0000);
  writeUint32(bytes, offset + 4, 0);
  writeUint32(bytes, offset + 8, 1);
  bytes[offset + 12] = 0xff;
  for (let i = 13; i < 16; i++) bytes[offset + i] = unicast[from + i]!;
}
