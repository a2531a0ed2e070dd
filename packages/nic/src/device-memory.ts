/**
 * The device's memory: the BAR segment, registers first, then what only the device and its bus use.
 *
 *   0x00000  registers (the datasheet)
 *   0x10000  attention words: which part of the device a register write concerns
 *   0x10080  room
 *   0x11000  filter hash table
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
  MSIX_STRIDE,
  MSIX_VCTRL_MASK,
  REG,
  STATUS_LU,
  STATUS_RSTDONE,
  STATUS_SPEED_SHIFT,
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
const FILTER_ENTRY_BYTES = 16;

export const NIC_VERSION = 0x0001_0000;

export interface NicBarOptions {
  readonly profile: NicProfile;
  /** Permanent station address, six bytes; default 02-56-4D-51-00-01 (locally administered). */
  readonly macAddress?: Uint8Array;
  /** Name of the memory segment; default `nic`. */
  readonly name?: string;
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
  const bytes = FILTER_TABLE * 4 + FILTER_TABLE_ENTRIES * FILTER_ENTRY_BYTES;
  const bar = machine.memory.addSegment(options.name ?? 'nic', bytes);
  const words = bar.i32;
  const byte = (i: number): number => mac[i] as number;
  words[REG.PMACLO >> 2] = (byte(0) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3);
  words[REG.PMACHI >> 2] = (byte(4) << 8) | byte(5);
  resetRegisters(words, profile, STATUS_LU);
  return bar;
}

/** Power-on values everywhere; only the permanent address, the link state and the wake-up words stay. */
export function resetRegisters(words: Int32Array, profile: NicProfile, link: number): void {
  const low = words[REG.PMACLO >> 2] as number;
  const high = words[REG.PMACHI >> 2] as number;
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
  for (let entry = 0; entry < MAX_MSIX_ENTRIES; entry++)
    words[(REG.MSIXVCTRL + entry * MSIX_STRIDE) >> 2] = MSIX_VCTRL_MASK;
  words[REG.STATUS >> 2] = link | STATUS_RSTDONE | (profile.linkGbps << STATUS_SPEED_SHIFT);
  Atomics.store(words, REG.CTRL >> 2, 0);
}
