/**
 * NVGRE (RFC 7637): where the frame inside a frame begins.
 *
 *   outer Ethernet [802.1Q] │ IPv4 or IPv6, protocol 47 │ GRE: key present, type 6558, 8 bytes │ inner Ethernet …
 *
 * With RCTL.NVGRE the filter table is asked about the inner destination. The VLAN is the outer tag's in any case:
 * an inner frame of NVGRE has none. What is not exactly this (fragments, IPv6 extension headers, GRE with checksum or
 * sequence number, no room for an inner header) has no inner frame.
 */

import type { DeviceState } from '../state/device-state.ts';
import { ANY_VLAN, acceptByAddress, lookUp } from './filter-unit.ts';

const GRE = 47;
/** Flags and version: the key is there, nothing else. */
const NVGRE_FLAGS = 0x2000;
const TRANSPARENT_ETHERNET = 0x6558;
const GRE_BYTES = 8;
const ETHERNET_BYTES = 14;

/** Offset of the inner Ethernet header of the frame at `f`, or -1. */
export function innerFrame(bytes: Uint8Array, f: number, length: number): number {
  const end = f + length;
  let at = f + 12;
  let type = word(bytes, at);
  if (type === 0x8100) {
    at += 4;
    type = word(bytes, at);
  }
  at += 2;
  if (type === 0x0800) {
    if (at + 20 > end) return -1;
    const first = bytes[at];
    const header = (first & 15) << 2;
    const total = word(bytes, at + 2);
    const isWhole = (word(bytes, at + 6) & 0x3fff) === 0;
    if (first >> 4 !== 4 || header < 20 || bytes[at + 9] !== GRE || !isWhole || at + total > end) return -1;
    return behindGre(bytes, at + header, at + total);
  }
  if (type !== 0x86dd || at + 40 > end) return -1;
  const total = 40 + word(bytes, at + 4);
  if (bytes[at] >> 4 !== 6 || bytes[at + 6] !== GRE || at + total > end) return -1;
  return behindGre(bytes, at + 40, at + total);
}

function behindGre(bytes: Uint8Array, gre: number, end: number): number {
  const inner = gre + GRE_BYTES;
  if (inner + ETHERNET_BYTES > end) return -1;
  return word(bytes, gre) === NVGRE_FLAGS && word(bytes, gre + 2) === TRANSPARENT_ETHERNET ? inner : -1;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/**
 * What the receive loop's look into the table and the address filter behind it come to with RCTL.NVGRE: a value as
 * the table holds it, or the complement of a drop code. `low` and `high` are the outer frame's key. The address
 * filter is asked about the outer destination: that is whom the frame was sent to on this wire.
 */
export function classifyEncapsulated(
  state: DeviceState,
  bytes: Uint8Array,
  f: number,
  length: number,
  low: number,
  high: number,
): number {
  const inner = innerFrame(bytes, f, length);
  let keyLow = low;
  let keyHigh = high;
  if (inner >= 0) {
    keyLow = bytes[inner] | (bytes[inner + 1] << 8) | (bytes[inner + 2] << 16) | (bytes[inner + 3] << 24);
    keyHigh = (high & 0xffff0000) | bytes[inner + 4] | (bytes[inner + 5] << 8);
  }
  let value = lookUp(state.words, state.tableMask, keyLow, keyHigh);
  if (value === 0 && state.anyVlanKeys)
    value = lookUp(state.words, state.tableMask, keyLow, (keyHigh & 0xffff) | ANY_VLAN);
  return value === 0 ? acceptByAddress(state, low, high & 0xffff) : value;
}
