/**
 * Faults of the device and of what lies between it and memory: messages to its agent, damaged descriptors in host
 * memory, and an arm bit that goes out without anybody being told.
 */
import { NDIS_SHARED_MEMORY_USAGE } from '@vmq/abi';
import { HOST_SEGMENT, type MemorySegment, PAGE_SIZE, type Random } from '@vmq/machine';
import {
  attachNicRegisters,
  type CompletionDamage,
  DESCRIPTOR_BYTES,
  type DeviceFault,
  MSIX_STRIDE,
  MSIX_VCTRL_MASK,
  NIC_AGENT,
  type NicMessage,
  type NicRegisters,
  QSTS_ENABLED,
  REG,
  RX_QUEUE_STRIDE,
} from '@vmq/nic';
import type { FaultHost } from './fault-host.ts';
import { FAR_BEYOND, StrayDescriptors } from './stray-descriptors.ts';

const NO_SEGMENT = 0x7fff;
/** Less than the shortest frame has. */
const BYTES_BEFORE_THE_END = 32;
const { NdisSharedMemoryUsageReceive: RECEIVE } = NDIS_SHARED_MEMORY_USAGE;
const NEGATIVE = 0x8000_0000 | 0;

/** A receive queue that is in service, as its registers say. */
export interface QueueInService {
  readonly queue: number;
  /** Descriptors that the device has and has not used. */
  readonly posted: number;
}

export class DeviceFaultInjection {
  readonly #host: FaultHost;
  readonly #bar: MemorySegment;
  readonly #registers: NicRegisters;
  readonly #stray: StrayDescriptors;

  constructor(host: FaultHost) {
    this.#host = host;
    this.#stray = new StrayDescriptors(host);
    const bar = host.machine.memory.segments.find(({ name }) => name === NIC_AGENT);
    if (bar === undefined)
      throw new Error(`fault injector: no memory segment '${NIC_AGENT}', the NIC's registers`);
    this.#bar = bar;
    this.#registers = attachNicRegisters(bar, () => {});
  }

  get isPresent(): boolean {
    return this.#registers.read32(REG.VERSION) !== 0xffff_ffff;
  }

  /** Receive queues with DMA on. */
  queues(): QueueInService[] {
    if (!this.isPresent) return [];
    const found: QueueInService[] = [];
    const count = (this.#registers.read32(REG.CAPQ) & 0xff) + 1;
    for (let queue = 0; queue < count; queue++) {
      if ((this.#read(REG.RXSTS, queue) & QSTS_ENABLED) === 0) continue;
      const posted = (this.#read(REG.RDT, queue) - this.#read(REG.RDH, queue)) | 0;
      found.push({ queue, posted });
    }
    return found;
  }

  tell(fault: DeviceFault): void {
    this.#post({ op: 'fault', fault });
  }

  setLink(up: boolean): void {
    this.#post({ op: 'link', up });
  }

  /** Off the bus, or back on it with power-on values. */
  setPower(on: boolean): void {
    this.#post({ op: 'power', on });
  }

  pull(): void {
    this.#post({ op: 'remove' });
  }

  damageCompletions(damage: CompletionDamage, batches: number, pick: number): void {
    this.tell({ kind: 'damage', damage, batches, pick });
  }

  /** The interrupt that `queue` is owed is taken for sent; false if it is owed none. */
  loseInterrupt(queue: number): boolean {
    const at = (REG.RXARM + queue * RX_QUEUE_STRIDE) >> 2;
    return Atomics.exchange(this.#bar.i32, at, 0) !== 0;
  }

  /** The MSI-X entry of a queue, or -1 if it is masked. */
  entryOf(queue: number): number {
    const entry = this.#read(REG.RXENTRY, queue);
    const control = this.#registers.read32(REG.MSIXVCTRL + entry * MSIX_STRIDE);
    return (control & MSIX_VCTRL_MASK) !== 0 ? -1 : entry;
  }

  /** Damages up to `count` descriptors that the device will use next; returns how many. */
  damageDescriptors(queue: QueueInService, kind: string, count: number, random: Random): number {
    const words = this.#host.machine.memory.host.i32;
    const base = this.#read(REG.RDBASE, queue.queue) >> 2;
    const mask = this.#read(REG.RDLEN, queue.queue) - 1;
    const head = this.#read(REG.RDH, queue.queue);
    const damaged = Math.min(count, queue.posted);
    for (let i = 0; i < damaged; i++) {
      const at = base + (((head + i) & mask) * DESCRIPTOR_BYTES) / 4;
      if (kind === 'no such segment') words[at + 1] = NO_SEGMENT + random.below(0x8000);
      else if (kind === 'beyond memory') words[at] = FAR_BEYOND;
      else if (kind === 'negative offset') words[at] = NEGATIVE | random.below(0x1_0000);
      else if (kind === 'across the end') {
        const page = this.#endOfBuffers(random);
        this.#stray.point(at, page - BYTES_BEFORE_THE_END, page);
      } else this.#stray.point(at, this.#pageNotGranted(random));
    }
    return damaged;
  }

  /** Offset of a page of host memory that nobody has, so that nobody's device may write there. */
  #pageNotGranted(random: Random): number {
    const { machine, sharedMemory } = this.#host;
    const pages = machine.memory.host.byteLength / PAGE_SIZE;
    const first = random.below(pages);
    for (let i = 0; i < pages; i++) {
      const offset = ((first + i) % pages) * PAGE_SIZE;
      if (sharedMemory.blockAt(HOST_SEGMENT, offset) === null) return offset;
    }
    return FAR_BEYOND;
  }

  /** Offset of a page that nobody has, behind one into which the device may receive. */
  #endOfBuffers(random: Random): number {
    const { machine, sharedMemory } = this.#host;
    const pages = machine.memory.host.byteLength / PAGE_SIZE;
    const first = random.below(pages);
    for (let i = 0; i < pages; i++) {
      const offset = ((first + i) % pages) * PAGE_SIZE;
      const before = offset === 0 ? null : sharedMemory.blockAt(HOST_SEGMENT, offset - PAGE_SIZE);
      const isEnd = before?.usage === RECEIVE && sharedMemory.blockAt(HOST_SEGMENT, offset) === null;
      if (isEnd) return offset;
    }
    return this.#pageNotGranted(random);
  }

  #read(register: number, queue: number): number {
    return this.#registers.read32(register + queue * RX_QUEUE_STRIDE);
  }

  #post(message: NicMessage): void {
    const { executor } = this.#host;
    executor.post(NIC_AGENT, message);
    executor.publish();
  }
}
