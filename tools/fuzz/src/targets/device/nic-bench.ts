// A NIC alone on a machine, with a driver that is not sound: host memory of which the device may reach a part.
import {
  createDeterministicExecutor,
  createDmaDomain,
  createFrameRing,
  createMachine,
  createVirtualClock,
  type DeterministicExecutor,
  DMA_READ,
  DMA_WRITE,
  FrameConsumer,
  FrameProducer,
  type FrameRingImage,
  type Machine,
  type MemorySegment,
} from '@vmq/machine';
import {
  attachNicRegisters,
  createNicAgent,
  createNicBar,
  NIC_DROP_REASONS,
  type NicProfile,
  type NicRegisters,
  REG,
} from '@vmq/nic';
import { digest } from '../../guard.ts';

const PAGE = 4096;
export const HOST_BYTES = 1 << 17;
export const HOST_PAGES = HOST_BYTES / PAGE;
/** The driver's own pages, which the device may read and write. */
export const DRIVER_PAGES = 8;
/** Turns of the device for one write. */
const MOST_TURNS = 2000;
/** Turns that a change of the configuration may take. */
const CONFIGURATION_TURNS = 50;
/** The VM has this one page that the device may read and write. */
const VM_PAGE = 1;
const VM_PAGES = 4;

export type RegisterWrite = readonly [offset: number, value: number];

/** A frame on the wire; `group` is the first byte of its address, `vlan` -1 for one without a tag. */
export interface Frame {
  readonly length: number;
  readonly group: number;
  readonly mac: number;
  readonly vlan: number;
}

export interface NicBenchOptions {
  readonly profile: NicProfile;
  /** Of each page of host memory. */
  readonly rights: readonly number[];
  /** Fills the pages that the device may not read. */
  readonly canary: number;
}

export class NicBench {
  readonly #options: NicBenchOptions;
  readonly #clock = createVirtualClock();
  readonly #machine: Machine;
  readonly #bar: MemorySegment;
  readonly #vm: MemorySegment;
  readonly #executor: DeterministicExecutor;
  readonly #registers: NicRegisters;
  readonly #wire: FrameProducer;
  readonly #out: FrameConsumer;
  /** Host memory as it was. */
  readonly #kept: Uint8Array;

  constructor(options: NicBenchOptions) {
    this.#options = options;
    this.#machine = createMachine({
      hostMemoryBytes: HOST_BYTES,
      processors: 2,
      agents: ['nic'],
      dropReasons: NIC_DROP_REASONS,
      clock: this.#clock,
    });
    this.#bar = createNicBar(this.#machine, { profile: options.profile });
    this.#vm = this.#machine.memory.addSegment('vm:a', VM_PAGES * PAGE);
    const rx = createFrameRing(64, 1 << 16);
    const tx = createFrameRing(64, 1 << 17);
    this.#executor = this.#start(rx, tx);
    this.#registers = attachNicRegisters(this.#bar, () => this.#wake());
    this.#wire = new FrameProducer(rx);
    this.#out = new FrameConsumer(tx);
    this.#paint();
    this.#kept = this.#machine.memory.host.u8.slice();
  }

  #start(rx: FrameRingImage, tx: FrameRingImage): DeterministicExecutor {
    const { profile, rights } = this.#options;
    const domain = createDmaDomain('nic', this.#machine.memory);
    domain.setRights(0, 0, HOST_BYTES, 0);
    rights.forEach((right, page) => {
      domain.setRights(0, page * PAGE, PAGE, right);
    });
    domain.setRights(this.#vm.id, VM_PAGE * PAGE, PAGE, DMA_READ | DMA_WRITE);
    const executor = createDeterministicExecutor(this.#machine, this.#clock, {
      factories: { nic: createNicAgent },
    });
    const data = { profile, bar: this.#bar.id, dma: domain.image(), rx, tx };
    executor.start([{ name: 'nic', factory: 'nic', data }]);
    return executor;
  }

  #paint(): void {
    const { canary } = this.#options;
    const { u8 } = this.#machine.memory.host;
    for (let page = 0; page < HOST_PAGES; page++)
      if (!this.#may(page, DMA_READ)) u8.fill(canary, page * PAGE, (page + 1) * PAGE);
    this.#vm.u8.fill(canary);
    this.#vm.u8.fill(0x11, VM_PAGE * PAGE, (VM_PAGE + 1) * PAGE);
  }

  #may(page: number, right: number): boolean {
    return (this.#options.rights[page] & right) !== 0;
  }

  #wake(): void {
    this.#machine.board.wake(this.#machine.agent('nic'));
  }

  #isBusy(): boolean {
    return this.#machine.board.looksPending(this.#machine.agent('nic'));
  }

  /** A driver's words: never on the pages that tell whether the device read or wrote. */
  put(at: number, words: readonly number[]): void {
    words.forEach((value, i) => {
      const page = ((at + i) * 4) >>> 12;
      if (page < HOST_PAGES && this.#may(page, DMA_READ) && this.#may(page, DMA_WRITE))
        this.#machine.memory.host.i32[at + i] = value;
    });
  }

  /** Writes registers and asks for the configuration of this number, without waiting for it. */
  write(writes: readonly RegisterWrite[], configuration: number): void {
    for (const [offset, value] of writes) this.#registers.write32(offset, value);
    if ((writes[0][0] & 4) === 0) this.#registers.write32(REG.CTRL, 6);
    this.#registers.write32(REG.CFGREQ, configuration);
  }

  /** Writes registers as a sound driver does, and waits until they are taken. */
  configure(writes: readonly RegisterWrite[], configuration: number): void {
    for (const [offset, value] of writes) this.#registers.write32(offset, value);
    this.#registers.write32(REG.CTRL, 6);
    this.#registers.write32(REG.CFGREQ, configuration);
    for (let n = 0; n < CONFIGURATION_TURNS && this.#isBusy(); n++) this.#executor.step();
  }

  /** Puts frames on the wire. */
  receive(frames: readonly Frame[]): void {
    const wire = this.#wire;
    for (const { length, group, mac, vlan } of frames) {
      const at = wire.reserve(Math.max(length, 64));
      if (at < 0) break;
      wire.u8.fill(0, at, at + length);
      wire.u8.set(group === 0xff ? [255, 255, 255, 255, 255, 255] : [group, 0x15, 0x5d, 0, 0, mac], at);
      if (vlan >= 0) wire.u8.set([0x81, 0, 0, vlan], at + 12);
      wire.commit(at, length, 0);
    }
    wire.publish();
    this.#wake();
  }

  /** Runs the device until it is at rest. */
  rest(): void {
    for (let n = 0; this.#isBusy(); n++) {
      if (n >= MOST_TURNS) throw new Error(`the device is not at rest after ${MOST_TURNS} turns`);
      this.#executor.step();
    }
  }

  /** Takes all that went out on the wire; digests of the frames. */
  sentFrames(): number[] {
    const out = this.#out;
    const waiting = out.available();
    const sent = Array.from({ length: waiting }, (_, i) => {
      const offset = out.offsetOf(i);
      const length = out.lengthOf(i);
      if (length < 60 || length > this.#options.profile.maxFrameBytes + 4)
        throw new Error(`a frame of ${length} bytes was sent`);
      return digest(out.u8.subarray(offset, offset + length), length);
    });
    out.release(waiting);
    if (waiting > 0) this.#wake();
    return sent;
  }

  /** Throws if a page was written that the device may not write. */
  check(): void {
    const { host } = this.#machine.memory;
    for (let page = 0; page < HOST_PAGES; page++) {
      if (this.#may(page, DMA_WRITE)) continue;
      const now = Buffer.from(host.buffer, page * PAGE, PAGE);
      if (!now.equals(Buffer.from(this.#kept.buffer, page * PAGE, PAGE)))
        throw new Error(`page ${page}, which the device may not write, was written`);
    }
    const clean = Buffer.alloc(PAGE, this.#options.canary);
    for (let page = 0; page < VM_PAGES; page++)
      if (page !== VM_PAGE && !Buffer.from(this.#vm.buffer, page * PAGE, PAGE).equals(clean))
        throw new Error(`page ${page} of the VM, which the device may not write, was written`);
  }

  /** What is to be the same whatever the canary is: registers, and pages that can be read and written by all. */
  digest(): number {
    const { host } = this.#machine.memory;
    let hash = digest(host.i32.subarray(0, (DRIVER_PAGES * PAGE) >> 2));
    hash = digest(this.#bar.i32.subarray(0, 0x1400 >> 2), hash);
    return digest(this.#bar.i32.subarray(0xf000 >> 2, 0xf200 >> 2), hash);
  }
}
