/**
 * The receive-filter unit: destination MAC and VLAN to queue, and what becomes of frames no filter takes.
 *
 * At each configuration request the filter table is compiled into a hash table in device memory:
 *
 *   key    word 0  first four bytes of the MAC, as the frame's first word shows them
 *          word 1  bits 0..15 the last two bytes, 16..19 and 24..31 the VLAN id in wire order, bit 20 any VLAN
 *   value  word 2  bits 0..7 queue, 8..23 filter slot, 24..28 receive engine of the queue, bit 30 used
 *
 * Precedence is settled while compiling, so one look decides: queues in ascending order, queue 0 last, lower
 * slots first within a queue. A key for any VLAN serves the VLAN ids that have no key of their own; untagged
 * frames look under VLAN id 0. With RCTL.NVGRE the inner frame's MAC is looked up (`encapsulation.ts`).
 */

import { FILTER_TABLE, FILTER_TABLE_ENTRIES } from '../registers/device-memory.ts';
import { RCTL_AAM, RCTL_BAM, RCTL_MPE, RCTL_UPE, RXCTL_ENABLE } from '../registers/register-constants.ts';
import { type DeviceState, Q_ENGINE, Q_FLAGS, Q_SHIFT } from '../state/device-state.ts';
import { DROP_BROADCAST, DROP_MULTICAST, DROP_NO_MATCH } from '../state/drop-reasons.ts';
import { readFilterTables } from '../state/filter-tables.ts';
import { ADDRESS_RULES } from './explain.ts';

export const ANY_VLAN: number = 1 << 20;
const VALUE_USED = 1 << 30;
/** Where in a value of the table the engine stands; 5 bits. Values of {@link acceptByAddress} do not say it. */
export const VALUE_ENGINE_SHIFT = 24;
/** Slot number that stands for no filter. */
const NO_SLOT = 0xffff;
/** Where in a value of {@link acceptByAddress} its rule stands, an index into ADDRESS_RULES; a filter's value has its engine there. */
export const RULE_SHIFT = 24;
export const RULE_MASK = 15;
/** A frame for queue 0 that no filter took, by address rule `rule`. */
const accepted = (rule: number): number => VALUE_USED | (NO_SLOT << 8) | (rule << RULE_SHIFT);
const VALUE_STATION: number = accepted(ADDRESS_RULES.indexOf('station address (AAM)'));
const VALUE_BROADCAST: number = accepted(ADDRESS_RULES.indexOf('broadcast (BAM)'));
const VALUE_MULTICAST: number = accepted(ADDRESS_RULES.indexOf('multicast list'));
/** Accepted only because a promiscuous bit is set. */
const INEXACT = 1 << 29;
const VALUE_UNICAST_INEXACT: number = INEXACT | accepted(ADDRESS_RULES.indexOf('unicast promiscuous (UPE)'));
const VALUE_MULTICAST_INEXACT: number = INEXACT | accepted(ADDRESS_RULES.indexOf('all multicast (MPE)'));

/** Multipliers of the hash: odd, with well-mixed bits. */
export const HASH_LOW: number = 0x9e3779b1 | 0;
export const HASH_HIGH: number = 0x85ebca6b | 0;

/** A VLAN id where the frame's word of bytes 12..15 would show it. */
export function wireVlan(vid: number): number {
  return ((vid >> 8) << 16) | ((vid & 0xff) << 24);
}

/** Compiles the filter registers, the packet filter and the address lists; queues must have been latched. */
export function latchFilters(state: DeviceState): void {
  const { words, rxq } = state;
  state.latchRegisters();
  readTables(state);
  const active = state.tables.filters.filter((filter) => filter.active);
  // Sparse, so that a key is nearly always found at once: collisions are branches nobody can predict.
  let entries = 1024;
  while (entries < FILTER_TABLE_ENTRIES && entries < active.length * 32) entries *= 2;
  words.fill(0, FILTER_TABLE, FILTER_TABLE + entries * 4);
  state.tableMask = entries - 1;
  state.anyVlanKeys = false;
  for (const { slot, queue, low, high, vid } of active) {
    const engine = rxq[(queue << Q_SHIFT) + Q_ENGINE];
    const value = VALUE_USED | (engine << VALUE_ENGINE_SHIFT) | (slot << 8) | queue;
    // A better filter for every VLAN of this MAC leaves nothing to those after it.
    if (lookUp(words, state.tableMask, low, high | ANY_VLAN) !== 0) continue;
    if (vid < 0) {
      insert(words, state.tableMask, low, high | ANY_VLAN, value);
      state.anyVlanKeys = true;
    }
    insert(words, state.tableMask, low, high | wireVlan(Math.max(vid, 0)), value);
  }
}

/** Reads what was latched; the hash table is another engine's doing. */
export function readTables(state: DeviceState): void {
  const { latched, profile, rxq } = state;
  const isEnabled = (queue: number): boolean => (rxq[(queue << Q_SHIFT) + Q_FLAGS] & RXCTL_ENABLE) !== 0;
  state.tables = readFilterTables(latched, profile, isEnabled);
}

/** Entry number at which the search for a key begins, before masking. */
function hashKey(low: number, high: number): number {
  const mixed = Math.imul(low, HASH_LOW) ^ Math.imul(high, HASH_HIGH);
  return mixed ^ (mixed >>> 15);
}

/** Keeps what is there: the earlier filter wins. */
function insert(words: Int32Array, mask: number, low: number, high: number, value: number): void {
  let entry = hashKey(low, high) & mask;
  for (;;) {
    const at = FILTER_TABLE + entry * 4;
    if (words[at + 2] === 0) {
      words[at] = low;
      words[at + 1] = high;
      words[at + 2] = value;
      return;
    }
    if (words[at] === low && words[at + 1] === high) return;
    entry = (entry + 1) & mask;
  }
}

/** Value of a key, or 0. The receive loop has this inline. */
export function lookUp(words: Int32Array, mask: number, low: number, high: number): number {
  let entry = hashKey(low, high) & mask;
  for (;;) {
    const at = FILTER_TABLE + entry * 4;
    const value = words[at + 2];
    if (value === 0 || (words[at] === low && words[at + 1] === high)) return value;
    entry = (entry + 1) & mask;
  }
}

/**
 * A frame whose MAC and VLAN have no key: the any-VLAN key, then address filter and packet filter. Returns a
 * value as the table holds it, or the complement of a drop code (negative).
 */
export function classifyUnmatched(state: DeviceState, low: number, high: number): number {
  const address = high & 0xffff;
  if (state.anyVlanKeys) {
    const value = lookUp(state.words, state.tableMask, low, address | ANY_VLAN);
    if (value !== 0) return value;
  }
  return acceptByAddress(state, low, address);
}

/** Address filter and packet filter: a value for queue 0 with the rule that accepted, or the complement of a drop code. */
export function acceptByAddress(state: DeviceState, low: number, address: number): number {
  const tables = state.tables;
  const rctl = tables.rctl;
  if ((low & 1) === 0) {
    if ((rctl & RCTL_AAM) !== 0 && low === tables.stationLow && address === tables.stationHigh)
      return VALUE_STATION;
    return (rctl & RCTL_UPE) !== 0 ? VALUE_UNICAST_INEXACT : ~DROP_NO_MATCH;
  }
  if (low === -1 && address === 0xffff) return (rctl & RCTL_BAM) !== 0 ? VALUE_BROADCAST : ~DROP_BROADCAST;
  const list = tables.multicast;
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === low && list[i + 1] === address) return VALUE_MULTICAST;
  }
  return (rctl & RCTL_MPE) !== 0 ? VALUE_MULTICAST_INEXACT : ~DROP_MULTICAST;
}
