/**
 * Why a frame goes where it goes: the datasheet's rules applied one by one, slowly, with every step kept. It
 * shares no code with the receive loop, so each checks the other (`compare-verdict.ts`).
 */
import { isFrameTooLong, type MemorySegment } from '@vmq/machine';
import type { NicProfile } from '../registers/profiles.ts';
import {
  QSTS_ENABLED,
  RCTL_AAM,
  RCTL_BAM,
  RCTL_MPE,
  RCTL_NVGRE,
  RCTL_UPE,
  REG,
  RX_QUEUE_STRIDE,
} from '../registers/register-constants.ts';
import type { AddressRule } from '../state/address-rules.ts';
import {
  DROP_BROADCAST,
  DROP_MULTICAST,
  DROP_NO_MATCH,
  DROP_OVERSIZE,
  DROP_RUNT,
  NIC_DROP_REASONS,
} from '../state/drop-reasons.ts';
import { type FilterTables, readFilterTables } from '../state/filter-tables.ts';

/** One filter entry tried on one frame. */
export interface NicFilterTest {
  readonly slot: number;
  readonly queue: number;
  /** False while the queue is disabled: the entry is as if absent. */
  readonly active: boolean;
  readonly macEqual: boolean;
  /** FLTVLAN_ANY, FLTVLAN_EXACT or FLTVLAN_UNTAGGED_OR_ZERO. */
  readonly mode: number;
  /** VLAN id of the test; 0 where it has none. */
  readonly vid: number;
  readonly vlanEqual: boolean;
  readonly passes: boolean;
}

export interface NicExplanation {
  /** Bytes on the wire, tag included. */
  readonly length: number;
  readonly destination: readonly number[];
  /** Tag control information, or -1 without a tag. */
  readonly tci: number;
  /** Behind the tag; 0 in a frame too short for one. */
  readonly etherType: number;
  /** Destination of the frame inside an NVGRE frame, which the filters test; null: they test the outer one. */
  readonly inner: readonly number[] | null;
  /** The tests made, in order; the last one passes if a filter took the frame. */
  readonly tests: readonly NicFilterTest[];
  readonly rule: AddressRule;
  /** Receive queue, or -1 if the frame is dropped here. */
  readonly queue: number;
  /** Filter slot that took it, or -1. */
  readonly slot: number;
  /** Accepted only because the device is promiscuous. */
  readonly inexact: boolean;
  /** Ledger name of the drop, or null. Whether the queue can store the frame is not asked. */
  readonly drop: (typeof NIC_DROP_REASONS)[number] | null;
}

/** What the device whose BAR is `segment` does with `frame`, by its registers and queue states as they are. */
export function explainClassification(
  segment: MemorySegment,
  profile: NicProfile,
  frame: Uint8Array,
): NicExplanation {
  const words = segment.i32;
  const isEnabled = (queue: number): boolean =>
    (words[(REG.RXSTS + queue * RX_QUEUE_STRIDE) >> 2] & QSTS_ENABLED) !== 0;
  return explain(readFilterTables(words, profile, isEnabled), frame, 0, frame.length);
}

/** The same by given tables, for `length` bytes at `offset`. */
export function explain(
  tables: FilterTables,
  u8: Uint8Array,
  offset: number,
  length: number,
): NicExplanation {
  const byte = (i: number): number => (i < length ? u8[offset + i] : 0);
  const destination = [0, 1, 2, 3, 4, 5].map(byte);
  const typeIsTag = byte(12) === 0x81 && byte(13) === 0x00;
  const type = typeIsTag ? 16 : 12;
  const etherType = byte(type) * 256 + byte(type + 1);
  const asked = { length, destination, etherType };
  const none = { ...asked, inner: null, tests: [], queue: -1, slot: -1, inexact: false } as const;
  if (length < 14 || (typeIsTag && length < 18))
    return { ...none, etherType: 0, tci: -1, rule: 'not asked', drop: NIC_DROP_REASONS[DROP_RUNT] };
  const tci = typeIsTag ? (byte(14) << 8) | byte(15) : -1;
  if (isFrameTooLong(u8, offset, length, tables.maxFrame, false))
    return { ...none, tci, rule: 'not asked', drop: NIC_DROP_REASONS[DROP_OVERSIZE] };

  const vid = tci < 0 ? 0 : tci & 0xfff;
  const [low, high] = addressWords(destination);
  const inner = (tables.rctl & RCTL_NVGRE) !== 0 ? innerDestination(byte, length) : null;
  const [testedLow, testedHigh] = addressWords(inner ?? destination);
  const tests: NicFilterTest[] = [];
  for (const filter of tables.filters) {
    const macEqual = filter.low === testedLow && filter.high === testedHigh;
    const vlanEqual = filter.vid < 0 || filter.vid === vid;
    const passes = filter.active && macEqual && vlanEqual;
    const { slot, queue, active, mode } = filter;
    tests.push({ slot, queue, active, macEqual, mode, vid: Math.max(filter.vid, 0), vlanEqual, passes });
    if (passes) return { ...none, tci, inner, tests, rule: 'not asked', queue, slot, drop: null };
  }

  const rule = addressRule(tables, low, high);
  const refusal =
    rule === 'unicast, not accepted'
      ? NIC_DROP_REASONS[DROP_NO_MATCH]
      : rule === 'broadcast, not accepted'
        ? NIC_DROP_REASONS[DROP_BROADCAST]
        : rule === 'multicast, not accepted'
          ? NIC_DROP_REASONS[DROP_MULTICAST]
          : null;
  const inexact = rule === 'unicast promiscuous (UPE)' || rule === 'all multicast (MPE)';
  return {
    ...asked,
    tci,
    inner,
    tests,
    rule,
    queue: refusal === null ? 0 : -1,
    slot: -1,
    inexact,
    drop: refusal,
  };
}

function addressRule(tables: FilterTables, low: number, high: number): AddressRule {
  const has = (bit: number): boolean => (tables.rctl & bit) !== 0;
  if ((low & 1) === 0) {
    if (has(RCTL_AAM) && low === tables.stationLow && high === tables.stationHigh)
      return 'station address (AAM)';
    return has(RCTL_UPE) ? 'unicast promiscuous (UPE)' : 'unicast, not accepted';
  }
  if (low === -1 && high === 0xffff) return has(RCTL_BAM) ? 'broadcast (BAM)' : 'broadcast, not accepted';
  for (let i = 0; i < tables.multicast.length; i += 2)
    if (tables.multicast[i] === low && tables.multicast[i + 1] === high) return 'multicast list';
  return has(RCTL_MPE) ? 'all multicast (MPE)' : 'multicast, not accepted';
}

/** Six bytes as the two words that the tables hold. */
function addressWords(address: readonly number[]): [low: number, high: number] {
  const [a, b, c, d, e, f] = address as [number, number, number, number, number, number];
  return [a | (b << 8) | (c << 16) | (d << 24), e | (f << 8)];
}

/** Destination of the frame inside an NVGRE frame; null for every other frame. `byte` reads zero beyond the end. */
function innerDestination(byte: (i: number) => number, length: number): number[] | null {
  const pair = (i: number): number => byte(i) * 256 + byte(i + 1);
  const network = pair(12) === 0x8100 ? 18 : 14;
  const version = { 2048: 4, 34525: 6 }[pair(network - 2)];
  if (version === undefined || Math.floor(byte(network) / 16) !== version) return null;
  const header = version === 4 ? (byte(network) % 16) * 4 : 40;
  const datagram = version === 4 ? pair(network + 2) : 40 + pair(network + 4);
  const protocol = byte(network + (version === 4 ? 9 : 6));
  const fragment = version === 4 ? pair(network + 6) % 0x4000 : 0;
  if (header < 20 || protocol !== 47 || fragment !== 0 || network + datagram > length) return null;
  // Flags with the key alone, then the EtherType of a whole Ethernet frame.
  const gre = network + header;
  if (pair(gre) !== 0x2000 || pair(gre + 2) !== 0x6558 || header + 8 + 14 > datagram) return null;
  return [0, 1, 2, 3, 4, 5].map((i) => byte(gre + 8 + i));
}
