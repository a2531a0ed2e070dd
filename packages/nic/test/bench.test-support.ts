/** A small driver for the tests and the benchmark: registers, rings and memory, nothing else. Not exported. */
import {
  createDeterministicExecutor,
  createDmaDomain,
  createFrameRing,
  createMachine,
  createVirtualClock,
  type DeterministicExecutor,
  DMA_READ,
  DMA_WRITE,
  type DmaDomain,
  FrameConsumer,
  FrameProducer,
  type FrameRingImage,
  type Machine,
  type MemorySegment,
  msiMessage,
  Processor,
  type VirtualClock,
} from '@vmq/machine';
import { createNicAgent } from '../src/device/device.ts';
import { NIC_AGENT, type NicAgentData, nicEngineAgent } from '../src/device/nic-agent.ts';
import { COMPLETION_BYTES } from '../src/registers/descriptors.ts';
import { createNicBar } from '../src/registers/device-memory.ts';
import { type NicProfile, nicProfile } from '../src/registers/profiles.ts';
import { attachNicRegisters, type NicRegisters } from '../src/registers/register-bus.ts';
import {
  CTRL_RXEN,
  CTRL_TXEN,
  FILTER_STRIDE,
  FLTQ_VALID,
  FLTVLAN_MODE_SHIFT,
  MSIX_STRIDE,
  RCTL_AAM,
  REG,
  RX_QUEUE_STRIDE,
  RXCTL_DROPEN,
  RXCTL_ENABLE,
  TX_QUEUE_STRIDE,
  TXCTL_ENABLE,
} from '../src/registers/register-constants.ts';
import { NIC_DROP_REASONS } from '../src/state/drop-reasons.ts';

export interface BenchOptions {
  readonly profile?: NicProfile;
  readonly hostBytes?: number;
  readonly wireSlots?: number;
  readonly wireBytes?: number;
  readonly txWireSlots?: number;
  readonly processors?: number;
  /** Default 1. */
  readonly receiveEngines?: number;
  /** Of the executor's choice among agents. */
  readonly seed?: number;
}

/** One frame as a driver found it in memory. */
export interface Received {
  readonly queue: number;
  readonly bytes: Uint8Array;
  readonly status: number;
  readonly tci: number;
  readonly slot: number;
  readonly stamp: number;
  /** Words 4 and 5 of the completion. */
  readonly verdict: number;
  readonly headerBytes: number;
}

const BUFFER_STRIDE = 2112;

/** A driver's view of one receive queue. */
export class BenchQueue {
  readonly bench: Bench;
  readonly queue: number;
  readonly size: number;
  readonly ring: number;
  readonly completions: number;
  readonly status: number;
  readonly buffers: number;
  readonly headers: number;
  readonly stride: number;
  posted: number = 0;
  consumed: number = 0;

  constructor(bench: Bench, queue: number, size: number, stride: number = BUFFER_STRIDE) {
    this.bench = bench;
    this.queue = queue;
    this.size = size;
    this.stride = stride;
    this.ring = bench.allocate(size * 16);
    this.completions = bench.allocate(size * COMPLETION_BYTES);
    this.status = bench.allocate(64);
    this.buffers = bench.allocate(size * stride);
    this.headers = bench.allocate(size * 256);
  }

  register(name: keyof typeof REG): number {
    return REG[name] + this.queue * RX_QUEUE_STRIDE;
  }

  /** Programs and enables the queue, with `post` descriptors; takes effect at the next configure(). */
  enable(post: number = this.size, control: number = RXCTL_ENABLE | RXCTL_DROPEN): void {
    const { registers } = this.bench;
    registers.write32(this.register('RDBASE'), this.ring);
    registers.write32(this.register('RDSEG'), 0);
    registers.write32(this.register('RDLEN'), this.size);
    registers.write32(this.register('RCBASE'), this.completions);
    registers.write32(this.register('RCSEG'), 0);
    registers.write32(this.register('RSBASE'), this.status);
    registers.write32(this.register('RXBUF'), 2048 | (256 << 16));
    registers.write32(this.register('RXCTL'), control);
    registers.write32(this.register('RXENTRY'), this.queue);
    this.posted = 0;
    this.consumed = 0;
    this.post(post);
  }

  disable(): void {
    this.bench.registers.write32(this.register('RXCTL'), 0);
  }

  bufferOf(index: number): number {
    return this.buffers + (index & (this.size - 1)) * this.stride;
  }

  post(count: number): void {
    const words = this.bench.host.i32;
    for (let i = 0; i < count; i++, this.posted++) {
      const d = (this.ring >> 2) + (this.posted & (this.size - 1)) * 4;
      words[d] = this.bufferOf(this.posted);
      words[d + 1] = 0;
      words[d + 2] = this.headers + (this.posted & (this.size - 1)) * 256;
      words[d + 3] = 0;
    }
    this.bench.registers.write32(this.register('RDT'), this.posted);
  }

  /** Completions not yet taken. */
  get waiting(): number {
    return (Atomics.load(this.bench.host.i32, this.status >> 2) - this.consumed) | 0;
  }

  /** Takes all completions; frames are read from the packet buffer. */
  take(repost: boolean = true): Received[] {
    const { host } = this.bench;
    const out: Received[] = [];
    for (let n = this.waiting; n > 0; n--, this.consumed++) {
      const c = (this.completions + (this.consumed & (this.size - 1)) * COMPLETION_BYTES) >> 2;
      const first = host.i32[c];
      const second = host.i32[c + 1];
      const buffer = this.bufferOf(this.consumed);
      out.push({
        queue: this.queue,
        bytes: host.u8.slice(buffer, buffer + (first & 0xffff)),
        status: first & ~0xffff,
        tci: second & 0xffff,
        slot: second >>> 16,
        stamp: host.i32[c + 3],
        verdict: host.i32[c + 4],
        headerBytes: host.i32[c + 5],
      });
    }
    if (repost && out.length > 0) this.post(out.length);
    return out;
  }
}

export class Bench {
  readonly machine: Machine;
  readonly clock: VirtualClock;
  readonly executor: DeterministicExecutor;
  readonly host: MemorySegment;
  readonly bar: MemorySegment;
  readonly registers: NicRegisters;
  readonly domain: DmaDomain;
  readonly rx: FrameRingImage;
  readonly wire: FrameProducer;
  readonly txWire: FrameConsumer;
  readonly profile: NicProfile;
  /** Interrupts taken, as [processor, vector]. */
  readonly interrupts: [processor: number, vector: number][] = [];
  #free: number = 4096;
  #configuration: number = 0;

  constructor(options: BenchOptions = {}) {
    this.profile = options.profile ?? nicProfile('vmq-nic');
    const processors = options.processors ?? 2;
    const receiveEngines = options.receiveEngines ?? 1;
    const engines = Array.from({ length: receiveEngines }, (_, engine) => engine);
    this.clock = createVirtualClock();
    this.machine = createMachine({
      hostMemoryBytes: options.hostBytes ?? 8 << 20,
      processors,
      agents: engines.map(nicEngineAgent),
      dropReasons: NIC_DROP_REASONS,
      clock: this.clock,
      traceRecords: 65_536,
    });
    this.host = this.machine.memory.host;
    this.bar = createNicBar(this.machine, { profile: this.profile, receiveEngines });
    this.domain = createDmaDomain('nic', this.machine.memory);
    this.domain.setRights(0, 4096, this.host.byteLength - 4096, DMA_READ | DMA_WRITE);
    const rx = createFrameRing(options.wireSlots ?? 1024, options.wireBytes ?? 1 << 20, receiveEngines);
    const tx = createFrameRing(options.txWireSlots ?? 256, 1 << 19);
    this.rx = rx;
    this.wire = new FrameProducer(rx);
    this.txWire = new FrameConsumer(tx);
    this.executor = createDeterministicExecutor(this.machine, this.clock, {
      seed: options.seed ?? 1,
      factories: {
        nic: createNicAgent,
        processor: (context, { index }: { index: number }) => {
          const processor = new Processor(index, context.machine.board);
          for (let vector = 0; vector < 256; vector++)
            processor.connect(vector, { interrupt: (v) => this.interrupts.push([index, v]) });
          return { step: () => processor.step(), refresh: () => {} };
        },
      },
    });
    const data: NicAgentData = { profile: this.profile, bar: this.bar.id, dma: this.domain.image(), rx, tx };
    this.executor.start([
      ...Array.from({ length: processors }, (_, index) => ({
        name: `processor:${index}`,
        factory: 'processor',
        data: { index },
      })),
      ...engines.map((engine) => ({
        name: nicEngineAgent(engine),
        factory: 'nic',
        data: { ...data, engine },
      })),
    ]);
    this.registers = attachNicRegisters(this.bar, (engine) =>
      this.machine.board.wake(this.machine.agent(NIC_AGENT) + engine),
    );
    this.aimInterrupts();
    this.registers.write32(REG.CTRL, CTRL_RXEN | CTRL_TXEN);
    this.registers.write32(REG.RCTL, RCTL_AAM);
  }

  /** Entry n is vector 32 + n; again after a reset. */
  aimInterrupts(): void {
    for (let entry = 0; entry < this.profile.msixEntries; entry++) {
      const message = msiMessage(entry % this.machine.processorCount, 32 + entry);
      this.registers.write32(REG.MSIXADDRLO + entry * MSIX_STRIDE, message.address);
      this.registers.write32(REG.MSIXDATA + entry * MSIX_STRIDE, message.data);
      this.registers.write32(REG.MSIXVCTRL + entry * MSIX_STRIDE, 0);
    }
  }

  wake(): void {
    this.machine.board.wake(this.machine.agent(NIC_AGENT));
  }

  /** Page-aligned host memory; never freed. */
  allocate(bytes: number): number {
    const at = this.#free;
    this.#free += Math.ceil(bytes / 4096) * 4096;
    if (this.#free > this.host.byteLength) throw new Error('bench: out of host memory');
    return at;
  }

  queue(queue: number, size: number = 64, stride?: number): BenchQueue {
    return new BenchQueue(this, queue, size, stride);
  }

  filter(slot: number, mac: readonly number[], mode: number, vid: number, queue: number): void {
    const at = REG.FLTLO + slot * FILTER_STRIDE;
    const m = (i: number): number => mac[i];
    this.registers.write32(at, (m(0) << 24) | (m(1) << 16) | (m(2) << 8) | m(3));
    this.registers.write32(at + 4, (m(4) << 8) | m(5));
    this.registers.write32(at + 8, (mode << FLTVLAN_MODE_SHIFT) | vid);
    this.registers.write32(at + 12, FLTQ_VALID | queue);
  }

  clearFilter(slot: number): void {
    this.registers.write32(REG.FLTQ + slot * FILTER_STRIDE, 0);
  }

  /** CFGREQ, then waits for CFGACK as a driver does. */
  configure(): void {
    const number = ++this.#configuration;
    this.registers.write32(REG.CFGREQ, number);
    if (!this.executor.runUntil(() => this.registers.read32(REG.CFGACK) === number))
      throw new Error('bench: configuration was not acknowledged');
  }

  /** Puts a frame on the wire; false if the wire is full. Not yet published. `shift` is that of `FrameProducer.reserve`. */
  offer(frame: Uint8Array, shift: number = 0): boolean {
    const at = this.wire.reserve(frame.length, shift);
    if (at < 0) return false;
    this.wire.u8.set(frame, at);
    this.wire.commit(at, frame.length, 0);
    return true;
  }

  /** Sends frames and lets everything come to rest. */
  send(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) if (!this.offer(frame)) throw new Error('bench: wire full');
    this.wire.publish();
    this.wake();
    this.executor.runUntilIdle();
  }

  statistic(offset: number): number {
    return this.registers.read32(offset + 4) * 2 ** 32 + this.registers.read32(offset);
  }

  /** What came out of the transmit wire since the last call. */
  transmitted(): Uint8Array[] {
    const out: Uint8Array[] = [];
    const count = this.txWire.available();
    for (let i = 0; i < count; i++) {
      const at = this.txWire.offsetOf(i);
      out.push(this.txWire.u8.slice(at, at + this.txWire.lengthOf(i)));
    }
    this.txWire.release(count);
    this.wake();
    return out;
  }
}

/** A driver's view of one transmit queue. */
export class BenchSender {
  readonly bench: Bench;
  readonly queue: number;
  readonly size: number;
  readonly ring: number;
  readonly status: number;
  readonly buffers: number;
  posted: number = 0;

  constructor(bench: Bench, queue: number, size: number = 64) {
    this.bench = bench;
    this.queue = queue;
    this.size = size;
    this.ring = bench.allocate(size * 16);
    this.status = bench.allocate(64);
    this.buffers = bench.allocate(size * BUFFER_STRIDE);
    const at = TX_QUEUE_STRIDE * queue;
    bench.registers.write32(REG.TDBASE + at, this.ring);
    bench.registers.write32(REG.TDLEN + at, size);
    bench.registers.write32(REG.TSBASE + at, this.status);
    bench.registers.write32(REG.TXCTL + at, TXCTL_ENABLE);
    bench.registers.write32(REG.TXENTRY + at, 64 + queue);
  }

  /** Writes one descriptor; no doorbell yet. `shift` misaligns the buffer. */
  put(bytes: Uint8Array, flags: number, tci: number = 0, shift: number = 0): void {
    const { host } = this.bench;
    const slot = this.posted & (this.size - 1);
    const buffer = this.buffers + slot * BUFFER_STRIDE + shift;
    host.u8.set(bytes, buffer);
    const d = (this.ring >> 2) + slot * 4;
    host.i32[d] = buffer;
    host.i32[d + 1] = flags;
    host.i32[d + 2] = bytes.length;
    host.i32[d + 3] = tci;
    this.posted++;
  }

  ringDoorbell(): void {
    this.bench.registers.write32(REG.TDT + this.queue * TX_QUEUE_STRIDE, this.posted);
  }

  get completed(): number {
    return Atomics.load(this.bench.host.i32, this.status >> 2);
  }
}

/** An Ethernet frame of `length` bytes to `mac`; payload bytes count up from `seed`. `tci` -1 = untagged. */
export function frameTo(
  mac: readonly number[],
  length: number,
  tci: number = -1,
  seed: number = 0,
): Uint8Array {
  const frame = new Uint8Array(length);
  for (let i = 0; i < length; i++) frame[i] = (seed + i * 7 + (i >> 8)) & 0xff;
  const put = (at: number, ...bytes: readonly number[]): void => {
    bytes.forEach((byte, i) => {
      if (at + i < length) frame[at + i] = byte;
    });
  };
  put(0, ...mac);
  put(6, 0x02, 0, 0, 0, 0, 0xfe);
  if (tci >= 0) put(12, 0x81, 0x00, tci >> 8, tci & 0xff, 0x88, 0xb5);
  else put(12, 0x88, 0xb5);
  return frame;
}

/** A locally administered unicast address ending in `n`. */
export const macOf = (n: number): readonly number[] => [0x02, 0x15, 0x5d, 0, n >> 8, n & 0xff];
