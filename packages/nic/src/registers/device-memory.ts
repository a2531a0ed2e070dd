/**
 * The device's memory: the BAR segment, registers first, then what only the device and its bus use.
 *
 *   0x00000  registers (the datasheet)
 *   0x10000  attention words: which part of the device a register write concerns
 *   0x10100  what receive engines tell each other, and attention words of the secondary ones
 *   0x11000  filter hash table, and a row for each address rule (`filter-unit.ts`)
 *   with more than one receive engine, behind it:
 *            state of the receive queues (`device-state.ts`), a cache line each
 *            registers 0 … 0xCFFF as the filter unit last took them over
 *   last     a ring of dropped frames for each receive engine (`dropped-frames.ts`)
 */
import type { Machine, MemorySegment } from '@vmq/machine';
import { checkNicProfile, type NicProfile } from './profiles.ts';
import {
  BAR_REGISTER_BYTES,
  CAPF_MODERATION,
  CAPF_NVGRE,
  CAPF_RX_CHECKSUM,
  CAPF_SPLIT,
  CAPF_TX_VLAN,
  CAPQ_FILTERS_SHIFT,
  CAPQ_MSIX_SHIFT,
  MAX_FILTERS,
  MAX_MSIX_ENTRIES,
  MAX_QUEUES,
  MAX_RECEIVE_ENGINES,
  MSIX_STRIDE,
  MSIX_VCTRL_MASK,
  REG,
  RX_QUEUE_STRIDE,
  STATUS_LU,
  STATUS_RSTDONE,
  STATUS_SPEED_SHIFT,
  TX_QUEUE_STRIDE,
} from './register-constants.ts';

/** Word indices into the BAR segment. */
export const ATTENTION: number = BAR_REGISTER_BYTES / 4;
/** One bit per receive queue whose RXARM or RDT was written. */
export const ATTENTION_RX: number = ATTENTION + 1;
/** One bit per transmit queue whose TXARM or TDT was written. */
export const ATTENTION_TX: number = ATTENTION_RX + 5;
/** Nonzero while the bus does not reach the registers: the device is in D3, or out of its slot. */
export const UNREACHABLE: number = ATTENTION + 16;
export const FILTER_TABLE: number = (BAR_REGISTER_BYTES + 0x1000) / 4;

/** Bits of the attention word. */
export const ATTEND_CONFIG = 1;
export const ATTEND_RX = 2;
export const ATTEND_TX = 4;
export const ATTEND_MSIX = 8;

/** Hash table: at most two keys per filter, at most an eighth full. */
export const FILTER_TABLE_ENTRIES: number = MAX_FILTERS * 16;
export const FILTER_ROW_WORDS = 4;
/** Behind the table: rows that no key finds, one for each address rule. */
export const ADDRESS_RULE_ROWS: number = FILTER_TABLE + FILTER_TABLE_ENTRIES * FILTER_ROW_WORDS;
const ADDRESS_RULES_MOST = 16;

/** 0 = the engines may receive; else GATE_ bits why those besides engine 0 may not. */
export const GATE: number = (BAR_REGISTER_BYTES + 0x100) / 4;
export const GATE_CLOSED = 1;
/** The device hangs. */
export const GATE_HALTED = 2;
/** What follows changes only while the gate is closed, but for the number of engines, which never does. */
const SHARED: number = GATE + 16;
/** Counts the changes. */
export const SHARED_CHANGES: number = SHARED;
export const SHARED_ENGINES: number = SHARED + 1;
/** Bits: 1 the port receives, 2 the link is up, 4 some filter is for any VLAN. */
export const SHARED_FLAGS: number = SHARED + 2;
export const SHARED_TABLE_MASK: number = SHARED + 3;
/** Counts the resets. */
export const SHARED_RESETS: number = SHARED + 4;
/** Where the indices of rings begin after a reset: 0, unless a test wants to see their ends. */
export const RING_START: number = SHARED + 5;
/** Per engine two cache lines; what only the engine writes, and its attention words. Engine 0 has no use for them. */
const ENGINE_LINES: number = (BAR_REGISTER_BYTES + 0x200) / 4;
/** Nonzero while the engine uses what is shared. */
export const ENGINE_BUSY = 0;
/** Stamp of the last frame it has seen. */
export const ENGINE_STAMP = 1;
/** Word index of an engine's lines. */
export function engineLine(engine: number): number {
  return ENGINE_LINES + engine * 32;
}
/** An engine's attention word; the queues that are meant follow, as behind {@link ATTENTION}. */
export function attentionOf(engine: number): number {
  return engine === 0 ? ATTENTION : engineLine(engine) + 16;
}

export const SHARED_QUEUES: number = ADDRESS_RULE_ROWS + ADDRESS_RULES_MOST * FILTER_ROW_WORDS;
/** Words of a receive queue's state, and where in it its engine stands. */
export const QUEUE_STATE_SHIFT = 4;
export const QUEUE_STATE_ENGINE = 15;
export const SHADOW: number = SHARED_QUEUES + (MAX_QUEUES << QUEUE_STATE_SHIFT);
export const SHADOW_WORDS: number = REG.MSIXADDRLO / 4;

/** Entries of a ring of dropped frames, a power of two: no fewer than the frames of a batch. */
export const DROP_RING_ENTRIES = 512;
export const DROP_ENTRY_WORDS = 8;
/** In front of the entries: word 0 counts the frames dropped since power-on, free-running; the rest of its line is free. */
export const DROP_RING_HEADER_WORDS = 16;
const DROP_RING_WORDS: number = DROP_RING_HEADER_WORDS + DROP_RING_ENTRIES * DROP_ENTRY_WORDS;

/** Word index of an engine's ring of dropped frames, in the BAR of a device with `engines` engines. */
export function dropRing(engines: number, engine: number): number {
  return (engines === 1 ? SHARED_QUEUES : SHADOW + SHADOW_WORDS) + engine * DROP_RING_WORDS;
}

/** The engine that serves a receive queue. */
export function engineOf(words: Int32Array, queue: number): number {
  return words[SHARED_ENGINES] === 1
    ? 0
    : words[SHARED_QUEUES + (queue << QUEUE_STATE_SHIFT) + QUEUE_STATE_ENGINE];
}

/** Has `engine` look at the interrupt of a receive queue; it must be woken then. */
export function markReceiveQueue(words: Int32Array, engine: number, queue: number): void {
  const at = attentionOf(engine);
  Atomics.or(words, at + 1 + (queue >> 5), 1 << (queue & 31));
  Atomics.or(words, at, ATTEND_RX);
}

export const NIC_VERSION = 0x0001_0000;

export interface NicBarOptions {
  readonly profile: NicProfile;
  /** Permanent station address, six bytes; default 02-56-4D-51-00-01 (locally administered). */
  readonly macAddress?: Uint8Array;
  /** Name of the memory segment; default `nic`. */
  readonly name?: string;
  /** Agents that receive side by side, 1 (default) to 8; see {@link nicEngineAgent}. */
  readonly receiveEngines?: number;
}

const DEFAULT_MAC = [0x02, 0x56, 0x4d, 0x51, 0x00, 0x01];

/**
 * Plugs the card in: adds its BAR to the machine's memory and gives every register its power-on value. Control
 * path, before the device's agent starts, so that a driver may look at once.
 */
export function createNicBar(machine: Machine, options: NicBarOptions): MemorySegment {
  const { profile } = options;
  checkNicProfile(profile);
  const mac = options.macAddress ?? DEFAULT_MAC;
  if (mac.length !== 6) throw new RangeError(`NIC address: need 6 bytes, got ${mac.length}`);
  const engines = options.receiveEngines ?? 1;
  if (!(Number.isInteger(engines) && engines >= 1 && engines <= MAX_RECEIVE_ENGINES))
    throw new RangeError(`NIC: ${engines} receive engines, need 1..${MAX_RECEIVE_ENGINES}`);
  const bar = machine.memory.addSegment(options.name ?? 'nic', dropRing(engines, engines) * 4);
  const words = bar.i32;
  words[SHARED_ENGINES] = engines;
  words[REG.RXSTAMP >> 2] = machine.counters.stamps;
  for (let engine = 1; engine < engines; engine++)
    words[engineLine(engine) + ENGINE_STAMP] = machine.counters.stamps;
  words[RING_START] = machine.counters.words;
  // Until the device's first agent has looked at the registers.
  words[GATE] = GATE_CLOSED;
  const byte = (i: number): number => mac[i];
  words[REG.PMACLO >> 2] = (byte(0) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3);
  words[REG.PMACHI >> 2] = (byte(4) << 8) | byte(5);
  resetRegisters(words, profile, STATUS_LU);
  return bar;
}

/**
 * Power-on values everywhere; only the permanent address, the link state, the receive stamp and the wake-up words stay. Who
 * feeds the wire counts its frames and does not hear of resets.
 */
export function resetRegisters(words: Int32Array, profile: NicProfile, link: number): void {
  const low = words[REG.PMACLO >> 2];
  const high = words[REG.PMACHI >> 2];
  const stamp = words[REG.RXSTAMP >> 2];
  words.fill(0, 1, BAR_REGISTER_BYTES / 4); // CTRL comes last: its RST bit tells the driver to keep waiting
  words[REG.PMACLO >> 2] = low;
  words[REG.PMACHI >> 2] = high;
  words[REG.MACLO >> 2] = low;
  words[REG.MACHI >> 2] = high;
  words[REG.MFS >> 2] = Math.min(1514, profile.maxFrameBytes);
  words[REG.VERSION >> 2] = NIC_VERSION;
  words[REG.CAPQ >> 2] =
    profile.queues | (profile.filters << CAPQ_FILTERS_SHIFT) | (profile.msixEntries << CAPQ_MSIX_SHIFT);
  words[REG.CAPF >> 2] =
    (profile.lookaheadMax > 0 ? CAPF_SPLIT : 0) |
    (profile.receiveChecksum ? CAPF_RX_CHECKSUM : 0) |
    (profile.nvgre === true ? CAPF_NVGRE : 0) |
    CAPF_MODERATION |
    CAPF_TX_VLAN;
  words[REG.CAPL >> 2] = profile.lookaheadMin | (profile.lookaheadMax << 16);
  words[REG.CAPM >> 2] = profile.maxFrameBytes;
  words[REG.RXSTAMP >> 2] = stamp;
  const engines = words[SHARED_ENGINES];
  words[REG.ENGINES >> 2] = engines;
  const start = words[RING_START];
  for (let queue = 0; queue <= profile.queues; queue++) {
    words[(REG.RXENG + queue * RX_QUEUE_STRIDE) >> 2] = queue % engines;
    for (const index of [REG.RDH, REG.RDT, REG.RCT]) words[(index + queue * RX_QUEUE_STRIDE) >> 2] = start;
    for (const index of [REG.TDH, REG.TDT, REG.TCT]) words[(index + queue * TX_QUEUE_STRIDE) >> 2] = start;
  }
  for (let entry = 0; entry < MAX_MSIX_ENTRIES; entry++)
    words[(REG.MSIXVCTRL + entry * MSIX_STRIDE) >> 2] = MSIX_VCTRL_MASK;
  words[REG.STATUS >> 2] = link | STATUS_RSTDONE | (profile.linkGbps << STATUS_SPEED_SHIFT);
  Atomics.store(words, REG.CTRL >> 2, 0);
}
