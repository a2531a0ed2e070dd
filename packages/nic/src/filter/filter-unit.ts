/**
 * The receive-filter unit: destination MAC and VLAN to queue, and what becomes of frames no filter takes.
 *
 * At each configuration request the filter table is compiled into a hash table in device memory, four words a row:
 *
 *   key      0  first four bytes of the MAC, as the frame's first word shows them
 *            1  bits 0..15 the last two bytes, 16..19 and 24..31 the VLAN id in wire order, bit 20 any VLAN,
 *               bit 21 nothing: the row is empty
 *   verdict  2  bits 0..7 queue, 8..15 address rule, 16..31 filter slot or FFFF
 *   owner    3  receive engine of the queue, or the complement of a drop code
 *
 * Precedence is settled while compiling, so one look decides: queues in ascending order, queue 0 last, lower
 * slots first within a queue. A key for any VLAN serves the VLAN ids that have no key of their own; untagged
 * frames look under VLAN id 0. With RCTL.NVGRE the inner frame's MAC is looked up (`encapsulation.ts`).
 *
 * Behind the table each address rule has a row without a key, so that what no filter takes ends in a row, too.
 */

import { RXC_NO_FILTER, VERDICT_RULE_SHIFT } from '../registers/descriptors.ts';
import {
  ADDRESS_RULE_ROWS,
  FILTER_ROW_WORDS,
  FILTER_TABLE,
  FILTER_TABLE_ENTRIES,
} from '../registers/device-memory.ts';
import { RCTL_AAM, RCTL_BAM, RCTL_MPE, RCTL_UPE, RXCTL_ENABLE } from '../registers/register-constants.ts';
import {
  RULE_ANY_MULTICAST,
  RULE_ANY_UNICAST,
  RULE_BROADCAST,
  RULE_BROADCAST_REFUSED,
  RULE_DROPS,
  RULE_MULTICAST_LIST,
  RULE_MULTICAST_REFUSED,
  RULE_STATION,
  RULE_UNICAST_REFUSED,
} from '../state/address-rules.ts';
import { type DeviceState, Q_ENGINE, Q_FLAGS, Q_SHIFT } from '../state/device-state.ts';
import { type FilterTables, readFilterTables } from '../state/filter-tables.ts';

/** Words of a row behind its key. */
export const ROW_VERDICT = 2;
export const ROW_OWNER = 3;
/** Where in a verdict the filter slot stands. */
export const VERDICT_SLOT_SHIFT = 16;
/** A verdict's queue where there is none. */
export const NO_QUEUE = 0xff;
/** The verdict on a frame that never came to the filters. */
export const NOT_ASKED: number = (RXC_NO_FILTER << VERDICT_SLOT_SHIFT) | NO_QUEUE;

const ANY_VLAN: number = 1 << 20;
const EMPTY: number = 1 << 21;

/** Multipliers of the hash: odd, with well-mixed bits. */
const HASH_LOW: number = 0x9e3779b1 | 0;
const HASH_HIGH: number = 0x85ebca6b | 0;

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
  for (let entry = 0; entry < entries; entry++) words[FILTER_TABLE + entry * FILTER_ROW_WORDS + 1] = EMPTY;
  state.tableMask = entries - 1;
  state.anyVlanKeys = false;
  for (const { slot, queue, low, high, vid } of active) {
    const owner = rxq[(queue << Q_SHIFT) + Q_ENGINE];
    const verdict = (slot << VERDICT_SLOT_SHIFT) | queue;
    // A better filter for every VLAN of this MAC leaves nothing to those after it.
    if (lookUp(state, low, high | ANY_VLAN) !== 0) continue;
    if (vid < 0) {
      insert(state, low, high | ANY_VLAN, verdict, owner);
      state.anyVlanKeys = true;
    }
    insert(state, low, high | wireVlan(Math.max(vid, 0)), verdict, owner);
  }
  compileAddressRules(state);
}

/** Accepted frames are queue 0's, refused ones nobody's. */
function compileAddressRules({ words, rxq }: DeviceState): void {
  RULE_DROPS.forEach((drop, rule) => {
    const row = addressRow(rule);
    const queue = drop < 0 ? 0 : NO_QUEUE;
    words[row + ROW_VERDICT] = (RXC_NO_FILTER << VERDICT_SLOT_SHIFT) | (rule << VERDICT_RULE_SHIFT) | queue;
    words[row + ROW_OWNER] = drop < 0 ? rxq[Q_ENGINE] : ~drop;
  });
}

const addressRow = (rule: number): number => ADDRESS_RULE_ROWS + rule * FILTER_ROW_WORDS;

/** Reads what was latched; the hash table is another engine's doing. */
export function readTables(state: DeviceState): void {
  const { latched, profile, rxq } = state;
  const isEnabled = (queue: number): boolean => (rxq[(queue << Q_SHIFT) + Q_FLAGS] & RXCTL_ENABLE) !== 0;
  state.tables = readFilterTables(latched, profile, isEnabled);
}

/** The row at which the search for a key begins, in a table of `mask` + 1 rows. */
export function firstRow(mask: number, low: number, high: number): number {
  const mixed = Math.imul(low, HASH_LOW) ^ Math.imul(high, HASH_HIGH);
  return FILTER_TABLE + ((mixed ^ (mixed >>> 15)) & mask) * FILTER_ROW_WORDS;
}

/** The row behind `row`, the table being a ring. */
const rowBehind = (mask: number, row: number): number =>
  FILTER_TABLE + ((row - FILTER_TABLE + FILTER_ROW_WORDS) & (mask * FILTER_ROW_WORDS));

/** Keeps what is there: the earlier filter wins. */
function insert(state: DeviceState, low: number, high: number, verdict: number, owner: number): void {
  const { words, tableMask } = state;
  let row = firstRow(tableMask, low, high);
  for (; words[row + 1] !== EMPTY; row = rowBehind(tableMask, row))
    if (words[row] === low && words[row + 1] === high) return;
  words[row] = low;
  words[row + 1] = high;
  words[row + ROW_VERDICT] = verdict;
  words[row + ROW_OWNER] = owner;
}

/** Row of a key, or 0. */
function lookUp({ words, tableMask }: DeviceState, low: number, high: number): number {
  let row = firstRow(tableMask, low, high);
  for (; words[row + 1] !== EMPTY; row = rowBehind(tableMask, row))
    if (words[row] === low && words[row + 1] === high) return row;
  return 0;
}

/**
 * The row that decides about a frame: its key's, its MAC's for any VLAN, or that of the address rule. `low` and `high` are
 * the key that the filters test; `outerLow` and `outerAddress` whom the frame was sent to on this wire, which the address
 * filter asks about.
 */
export function decidingRow(
  state: DeviceState,
  low: number,
  high: number,
  outerLow: number,
  outerAddress: number,
): number {
  let row = lookUp(state, low, high);
  if (row === 0 && state.anyVlanKeys) row = lookUp(state, low, (high & 0xffff) | ANY_VLAN);
  return row === 0 ? addressRow(addressRule(state.tables, outerLow, outerAddress)) : row;
}

/** Address filter and packet filter: one of RULE_*. */
function addressRule(tables: FilterTables, low: number, address: number): number {
  const { rctl, multicast } = tables;
  if ((low & 1) === 0) {
    if ((rctl & RCTL_AAM) !== 0 && low === tables.stationLow && address === tables.stationHigh)
      return RULE_STATION;
    return (rctl & RCTL_UPE) !== 0 ? RULE_ANY_UNICAST : RULE_UNICAST_REFUSED;
  }
  if (low === -1 && address === 0xffff)
    return (rctl & RCTL_BAM) !== 0 ? RULE_BROADCAST : RULE_BROADCAST_REFUSED;
  for (let i = 0; i < multicast.length; i += 2)
    if (multicast[i] === low && multicast[i + 1] === address) return RULE_MULTICAST_LIST;
  return (rctl & RCTL_MPE) !== 0 ? RULE_ANY_MULTICAST : RULE_MULTICAST_REFUSED;
}
