/**
 * The miniport's hold on the device: reset, sizes, the configuration handshake, filter and address registers.
 *
 *   write registers ──> CFGREQ = n ──> the device takes all over at its next batch boundary ──> CFGACK = n
 *
 * See the datasheet of `@vmq/nic`, chapter "Initialization".
 */
import type { MiniportAdapter } from '@vmq/ndis';
import {
  attachNicRegisters,
  CAPQ_FILTERS_SHIFT,
  CAPQ_MSIX_SHIFT,
  CTRL_RST,
  FILTER_STRIDE,
  MULTICAST_ENTRIES,
  MULTICAST_STRIDE,
  type NicRegisters,
  REG,
  STATUS_RSTDONE,
} from '@vmq/nic';
import type { HardwareSizes } from './capabilities.ts';

/** VLAN modes of FLTVLAN. */
export const FILTER_ANY_VLAN = 0;
export const FILTER_EXACT_VLAN = 1;
export const FILTER_UNTAGGED_OR_ZERO = 2;

/** One entry of the receive-filter table. */
export interface HardwareFilter {
  /** Destination MAC, six bytes. */
  readonly mac: Uint8Array;
  readonly vlanMode: number;
  readonly vlanId: number;
  readonly queue: number;
}

export class Device {
  readonly registers: NicRegisters;
  readonly sizes: HardwareSizes;
  /** Largest value of MFS. */
  readonly maxFrameBytes: number;
  readonly permanentMac: Uint8Array;
  /** Bits per second. */
  readonly linkSpeed: number;
  readonly #adapter: MiniportAdapter;
  #configuration = 0;

  /** Resets the device and reads what it is. Throws if it does not come out of reset. */
  constructor(adapter: MiniportAdapter) {
    this.#adapter = adapter;
    const registers = attachNicRegisters(adapter.resources.bar, adapter.resources.wakeDevice);
    this.registers = registers;
    registers.write32(REG.CTRL, CTRL_RST);
    const ready = (): boolean =>
      (registers.read32(REG.CTRL) & CTRL_RST) === 0 && (registers.read32(REG.STATUS) & STATUS_RSTDONE) !== 0;
    if (!adapter.runUntil(ready)) throw new Error(`${adapter.name}: the device did not come out of reset`);
    const capq = registers.read32(REG.CAPQ);
    const capl = registers.read32(REG.CAPL);
    this.sizes = {
      queues: capq & 0xff,
      filters: (capq >>> CAPQ_FILTERS_SHIFT) & 0xfff,
      msixEntries: capq >>> CAPQ_MSIX_SHIFT,
      lookaheadMin: capl & 0xffff,
      lookaheadMax: capl >>> 16,
    };
    this.maxFrameBytes = registers.read32(REG.CAPM);
    this.linkSpeed = ((registers.read32(REG.STATUS) >>> 8) & 0xff) * 1e9;
    const lo = registers.read32(REG.PMACLO);
    const hi = registers.read32(REG.PMACHI);
    this.permanentMac = Uint8Array.of(lo >>> 24, lo >>> 16, lo >>> 8, lo, hi >>> 8, hi);
  }

  /** Has the device take over what was written; false if it never answers (it hangs or is gone). */
  commit(): boolean {
    this.#configuration = (this.#configuration + 1) >>> 0;
    const wanted = this.#configuration;
    this.registers.write32(REG.CFGREQ, wanted);
    return this.#adapter.runUntil(() => this.registers.read32(REG.CFGACK) === wanted);
  }

  setBits(register: number, mask: number, on: boolean): void {
    const before = this.registers.read32(register);
    this.registers.write32(register, on ? before | mask : before & ~mask);
  }

  writeFilter(slot: number, filter: HardwareFilter | null): void {
    const at = slot * FILTER_STRIDE;
    const { registers } = this;
    if (filter === null) {
      registers.write32(REG.FLTQ + at, 0);
      return;
    }
    const mac = filter.mac;
    registers.write32(REG.FLTLO + at, firstFour(mac));
    registers.write32(REG.FLTHI + at, lastTwo(mac));
    registers.write32(REG.FLTVLAN + at, (filter.vlanMode << 16) | filter.vlanId);
    registers.write32(REG.FLTQ + at, (0x80000000 | filter.queue) >>> 0);
  }

  /** Programs the exact multicast list; false if it is longer than the device's. */
  writeMulticastList(addresses: readonly Uint8Array[]): boolean {
    if (addresses.length > MULTICAST_ENTRIES) return false;
    for (let i = 0; i < MULTICAST_ENTRIES; i++) {
      const address = addresses[i];
      const at = i * MULTICAST_STRIDE;
      if (address !== undefined) this.registers.write32(REG.MCLO + at, firstFour(address));
      this.registers.write32(
        REG.MCHI + at,
        address === undefined ? 0 : (0x80000000 | lastTwo(address)) >>> 0,
      );
    }
    return true;
  }

  /** A 64-bit statistics register pair. */
  counter(low: number): number {
    return this.registers.read32(low + 4) * 0x1_0000_0000 + this.registers.read32(low);
  }
}

const byte = (mac: Uint8Array, i: number): number => mac[i] as number;
const firstFour = (mac: Uint8Array): number =>
  ((byte(mac, 0) << 24) | (byte(mac, 1) << 16) | (byte(mac, 2) << 8) | byte(mac, 3)) >>> 0;
const lastTwo = (mac: Uint8Array): number => (byte(mac, 4) << 8) | byte(mac, 5);
