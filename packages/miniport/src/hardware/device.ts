/**
 * The miniport's hold on the device: reset, sizes, the configuration handshake, filter and address registers.
 *
 *   write registers ──> CFGREQ = n ──> the device takes all over at its next batch boundary ──> CFGACK = n
 *
 * See the datasheet of `@vmq/nic`, chapter "Initialization".
 */
import type { MiniportAdapter } from '@vmq/ddi';
import {
  attachNicRegisters,
  CAPF_NVGRE,
  CAPQ_FILTERS_SHIFT,
  CAPQ_MSIX_SHIFT,
  CTRL_RST,
  FILTER_STRIDE,
  FLTQ_VALID,
  FLTVLAN_MODE_SHIFT,
  MCHI_VALID,
  MULTICAST_ENTRIES,
  MULTICAST_STRIDE,
  type NicRegisters,
  QSTS_ENABLED,
  REG,
  RX_QUEUE_STRIDE,
  RXCTL_DROPEN,
  RXCTL_ENABLE,
  RXCTL_HEADER_SHIFT,
  RXCTL_SPLIT,
  STATUS_RSTDONE,
  STATUS_SPEED_SHIFT,
  TX_QUEUE_STRIDE,
  TXCTL_ENABLE,
} from '@vmq/nic';
import type { HardwareSizes } from '../model/capabilities.ts';
import { ALL_ONES } from './head-register.ts';

/** One entry of the receive-filter table. */
export interface HardwareFilter {
  /** Destination MAC, six bytes. */
  readonly mac: Uint8Array;
  /** FLTVLAN_ANY, FLTVLAN_EXACT, FLTVLAN_UNTAGGED_OR_ZERO. */
  readonly vlanMode: number;
  readonly vlanId: number;
  readonly queue: number;
}

/** The version of the register map this driver is written for, without its minor number. */
const KNOWN_VERSION = 1;

export class Device {
  readonly registers: NicRegisters;
  /** In low power: the device is not there to answer, and what is written is lost; the end of it writes all. */
  isAsleep = false;
  /** Times it was told to reset. */
  resets = 0;
  /** It has kept {@link commit} waiting in vain since its last reset: whoever asked for something went without. */
  hasGivenUp = false;
  readonly #adapter: MiniportAdapter;
  #configuration = 0;

  constructor(adapter: MiniportAdapter) {
    this.#adapter = adapter;
    this.registers = attachNicRegisters(adapter.resources.bar, adapter.resources.wakeDevice);
  }

  /** False once the card has been pulled: then the bus answers all ones. */
  get isPresent(): boolean {
    return this.registers.read32(REG.VERSION) !== ALL_ONES;
  }

  /** True if the register map is one this driver knows. */
  get isKnown(): boolean {
    return this.registers.read32(REG.VERSION) >>> 16 === KNOWN_VERSION;
  }

  /** Puts every register back and ends all DMA; false if the device does not come out of reset. */
  reset(): boolean {
    const { registers } = this;
    this.#configuration = 0;
    this.isAsleep = false;
    this.hasGivenUp = false;
    this.resets++;
    if (!this.isPresent) return false;
    registers.write32(REG.CTRL, CTRL_RST);
    return this.#adapter.runUntil(
      () =>
        (registers.read32(REG.CTRL) & CTRL_RST) === 0 &&
        (registers.read32(REG.STATUS) & STATUS_RSTDONE) !== 0,
    );
  }

  get sizes(): HardwareSizes {
    const capq = this.registers.read32(REG.CAPQ);
    const capl = this.registers.read32(REG.CAPL);
    return {
      queues: capq & 0xff,
      filters: (capq >>> CAPQ_FILTERS_SHIFT) & 0xfff,
      msixEntries: capq >>> CAPQ_MSIX_SHIFT,
      lookaheadMin: capl & 0xffff,
      lookaheadMax: capl >>> 16,
    };
  }

  /** Filters can test the inner destination of NVGRE frames. */
  get looksInside(): boolean {
    return (this.registers.read32(REG.CAPF) & CAPF_NVGRE) !== 0;
  }

  /** Largest value of MFS. */
  get maxFrameBytes(): number {
    return this.registers.read32(REG.CAPM);
  }

  /** STATUS_* of the device. */
  get status(): number {
    return this.registers.read32(REG.STATUS);
  }

  /** Bits per second. */
  get linkSpeed(): number {
    return ((this.registers.read32(REG.STATUS) >>> STATUS_SPEED_SHIFT) & 0xff) * 1e9;
  }

  /** The receive engine for queues of `processor`: each engine works for the processors with its number modulo theirs. */
  engineFor(processor: number): number {
    // A device of the map's first version has one and reads 0.
    return processor % Math.max(1, this.registers.read32(REG.ENGINES));
  }

  get permanentMac(): Uint8Array {
    const lo = this.registers.read32(REG.PMACLO);
    const hi = this.registers.read32(REG.PMACHI);
    return Uint8Array.of(lo >>> 24, lo >>> 16, lo >>> 8, lo, hi >>> 8, hi);
  }

  /**
   * Has the device take over what was written; false if it does not answer (it hangs or is gone). While it still owes
   * the answer that was last waited for in vain, nobody waits for another.
   */
  commit(): boolean {
    if (this.isAsleep) return true;
    const { registers } = this;
    if (!this.isPresent) return false;
    const owesAnswer = this.hasGivenUp && registers.read32(REG.CFGACK) !== this.#configuration;
    this.#configuration = (this.#configuration + 1) >>> 0;
    const wanted = this.#configuration;
    registers.write32(REG.CFGREQ, wanted);
    if (owesAnswer) return false;
    const answered = this.#adapter.runUntil(() => registers.read32(REG.CFGACK) === wanted);
    this.hasGivenUp ||= !answered;
    if (!answered) this.#adapter.resources.reach?.('miniport.device-does-not-answer');
    return answered;
  }

  /**
   * Whether it took over what it was last told to; and tells it once more, so that the next look has something to see.
   * Nothing may be half written.
   */
  answers(): boolean {
    const { registers } = this;
    // It had two seconds; one that is starved of turns by others gets as long again.
    const answered = this.#adapter.runUntil(() => registers.read32(REG.CFGACK) === this.#configuration);
    this.#configuration = (this.#configuration + 1) >>> 0;
    registers.write32(REG.CFGREQ, this.#configuration);
    return answered;
  }

  setBits(register: number, mask: number, on: boolean): void {
    const before = this.registers.read32(register);
    this.registers.write32(register, on ? before | mask : before & ~mask);
  }

  // --- queues: what is enabled or disabled here happens at the next commit ------------------------------

  /**
   * DROPEN: without a descriptor the queue drops its own frames and does not hold up the others (RX-18).
   * `lookaheadBytes` go to the header buffer; 0 = no split.
   */
  enableReceiveQueue(queue: number, lookaheadBytes: number): void {
    const split = lookaheadBytes === 0 ? 0 : RXCTL_SPLIT | (lookaheadBytes << RXCTL_HEADER_SHIFT);
    this.registers.write32(REG.RXCTL + queue * RX_QUEUE_STRIDE, RXCTL_ENABLE | RXCTL_DROPEN | split);
  }

  disableReceiveQueue(queue: number): void {
    this.registers.write32(REG.RXCTL + queue * RX_QUEUE_STRIDE, 0);
  }

  isReceiveQueueEnabled(queue: number): boolean {
    if (this.isAsleep) return true;
    return (this.registers.read32(REG.RXSTS + queue * RX_QUEUE_STRIDE) & QSTS_ENABLED) !== 0;
  }

  enableTransmitQueue(queue: number): void {
    this.registers.write32(REG.TXCTL + queue * TX_QUEUE_STRIDE, TXCTL_ENABLE);
  }

  isTransmitQueueEnabled(queue: number): boolean {
    return (this.registers.read32(REG.TXSTS + queue * TX_QUEUE_STRIDE) & QSTS_ENABLED) !== 0;
  }

  // --- tables -------------------------------------------------------------------------------------------

  writeFilter(slot: number, filter: HardwareFilter | null): void {
    const at = slot * FILTER_STRIDE;
    const { registers } = this;
    if (filter === null) {
      registers.write32(REG.FLTQ + at, 0);
      return;
    }
    const { mac, vlanMode, vlanId, queue } = filter;
    registers.write32(REG.FLTLO + at, firstFour(mac));
    registers.write32(REG.FLTHI + at, lastTwo(mac));
    registers.write32(REG.FLTVLAN + at, (vlanMode << FLTVLAN_MODE_SHIFT) | vlanId);
    registers.write32(REG.FLTQ + at, FLTQ_VALID | queue);
  }

  /** Programs the exact multicast list, of at most MULTICAST_ENTRIES addresses. */
  writeMulticastList(addresses: readonly Uint8Array[]): void {
    for (let i = 0; i < MULTICAST_ENTRIES; i++) {
      const address = addresses[i];
      const at = i * MULTICAST_STRIDE;
      if (address !== undefined) this.registers.write32(REG.MCLO + at, firstFour(address));
      this.registers.write32(REG.MCHI + at, address === undefined ? 0 : MCHI_VALID | lastTwo(address));
    }
  }

  /** A 64-bit statistics register pair; the high word is read again in case the low one wrapped meanwhile. */
  counter(low: number): number {
    const { registers } = this;
    for (;;) {
      const high = registers.read32(low + 4);
      const value = high * 0x1_0000_0000 + registers.read32(low);
      if (registers.read32(low + 4) === high) return value;
    }
  }
}

const byte = (mac: Uint8Array, i: number): number => mac[i];
const firstFour = (mac: Uint8Array): number =>
  ((byte(mac, 0) << 24) | (byte(mac, 1) << 16) | (byte(mac, 2) << 8) | byte(mac, 3)) >>> 0;
const lastTwo = (mac: Uint8Array): number => (byte(mac, 4) << 8) | byte(mac, 5);
