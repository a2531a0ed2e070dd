// The NIC alone on a machine: its registers written by hand, frames by reference on its wire, a trivial consumer.
import {
  type Agent,
  createAgentContext,
  createDmaDomain,
  createFrameRing,
  createMachine,
  createVirtualClock,
  DMA_READ,
  DMA_WRITE,
  FrameProducer,
  type Machine,
  type MemorySegment,
  msiMessage,
} from '@vmq/machine';
import {
  attachNicRegisters,
  COMPLETION_BYTES,
  CTRL_RXEN,
  CTRL_TXEN,
  createNicAgent,
  createNicBar,
  FILTER_STRIDE,
  FLTQ_VALID,
  FLTVLAN_MODE_SHIFT,
  NIC_AGENT,
  NIC_DROP_REASONS,
  type NicRegisters,
  nicProfile,
  REG,
  RX_QUEUE_STRIDE,
  RXCTL_DROPEN,
  RXCTL_ENABLE,
} from '@vmq/nic';

const QUEUES = 8;
const RING = 256;
const STRIDE = 2112;
export const BATCH = 64;
/** Prepared frames in the wire's data area, replayed by reference. */
const FRAMES = 512;
/** Words of a frame ring's header, as machine/frame-ring draws them. */
const HEAD_WORD = 0;
const TAIL_WORD = 16;
/** Changes of the configuration, each with frames of all kinds. */
const CHURNS = 3000;
const SPARE_FILTER = REG.FLTLO + 100 * FILTER_STRIDE;
/** First byte and length of frames that take rare ways. */
const ODD_FRAMES: readonly (readonly [first: number, length: number])[] = [
  [0x02, 60],
  [0x01, 70],
  [0xff, 64],
  [0x06, 5],
  [0x02, 9000],
  [0x0a, 61],
];

export type TagMode = 'untagged' | 'tagged' | 'mixed';

/** A receive queue, as its driver sees it. */
interface Queue {
  readonly ring: number;
  readonly done: number;
  readonly status: number;
  readonly buffers: number;
  readonly bell: number;
  readonly arm: number;
  consumed: number;
}

export class DeviceBench {
  /** Frames of which the consumer has seen the completion. */
  consumed = 0;
  readonly #length: number;
  readonly #tags: TagMode;
  readonly #host: MemorySegment;
  readonly #agent: Agent;
  readonly #registers: NicRegisters;
  readonly #wire: FrameProducer;
  readonly #queues: readonly Queue[];
  /** Bytes from one prepared frame to the next, as the wire ring packs frames. */
  readonly #slot: number;
  #free = 4096;
  #next = 0;

  constructor(length: number, tags: TagMode) {
    const machine = createMachine({
      hostMemoryBytes: 32 << 20,
      processors: 1,
      agents: [NIC_AGENT],
      dropReasons: NIC_DROP_REASONS,
      clock: createVirtualClock(),
    });
    const rx = createFrameRing(1024, 1024 * 1600);
    const profile = nicProfile('vmq-nic');
    const bar = createNicBar(machine, { profile });
    this.#length = length;
    this.#tags = tags;
    this.#host = machine.memory.host;
    this.#registers = attachNicRegisters(bar, () => {});
    this.#agent = createNicAgent(
      createAgentContext(machine, machine.agent(NIC_AGENT), () => {}),
      {
        profile,
        bar: bar.id,
        dma: fullRights(machine),
        rx,
        tx: createFrameRing(64, 64 * 1600),
      },
    );
    this.#wire = new FrameProducer(rx);
    this.#slot = Math.ceil(length / 64) * 64;
    this.#queues = Array.from({ length: QUEUES }, (_, i) => this.#setUp(i + 1));
    this.#registers.write32(REG.CTRL, CTRL_RXEN | CTRL_TXEN);
    this.#registers.write32(REG.CFGREQ, 1);
    this.#agent.step();
    this.#prepare();
  }

  #allocate(bytes: number): number {
    const at = this.#free;
    this.#free += Math.ceil(bytes / 4096) * 4096;
    return at;
  }

  /** Queue `q` with all its buffers posted, a vector of its own, and a filter for its address. */
  #setUp(q: number): Queue {
    const registers = this.#registers;
    const at = q * RX_QUEUE_STRIDE;
    const queue: Queue = {
      ring: this.#allocate(RING * 16),
      done: this.#allocate(RING * COMPLETION_BYTES),
      status: this.#allocate(64),
      buffers: this.#allocate(RING * STRIDE),
      bell: REG.RDT + at,
      arm: REG.RXARM + at,
      consumed: 0,
    };
    const words = this.#host.i32;
    for (let i = 0; i < RING; i++) {
      words[(queue.ring >> 2) + i * 4] = queue.buffers + i * STRIDE;
      words[(queue.ring >> 2) + i * 4 + 1] = 0;
    }
    registers.write32(REG.RDBASE + at, queue.ring);
    registers.write32(REG.RDLEN + at, RING);
    registers.write32(REG.RCBASE + at, queue.done);
    registers.write32(REG.RSBASE + at, queue.status);
    registers.write32(REG.RXBUF + at, 2048);
    registers.write32(REG.RXCTL + at, RXCTL_ENABLE | RXCTL_DROPEN);
    registers.write32(REG.RXENTRY + at, q);
    registers.write32(queue.bell, RING);
    registers.write32(queue.arm, 1);
    const { address, data } = msiMessage(0, 32 + q);
    registers.write32(REG.MSIXADDRLO + q * 16, address);
    registers.write32(REG.MSIXDATA + q * 16, data);
    registers.write32(REG.MSIXVCTRL + q * 16, 0);
    const filter = REG.FLTLO + q * FILTER_STRIDE;
    registers.write32(filter, 0x02155d00);
    registers.write32(filter + 4, q);
    registers.write32(filter + 8, 0);
    registers.write32(filter + 12, (FLTQ_VALID | q) >>> 0);
    return queue;
  }

  #prepare(): void {
    const { u8, dataStart } = this.#wire;
    let random = 12345;
    for (let i = 0; i < FRAMES; i++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      const at = dataStart + i * this.#slot;
      for (let k = 0; k < this.#length; k++) u8[at + k] = i + k;
      u8.set([0x02, 0x15, 0x5d, 0x00, 0x00, 1 + ((random >>> 16) % QUEUES)], at);
      const tagged = this.#tags === 'tagged' || (this.#tags === 'mixed' && ((random >>> 20) & 1) === 1);
      u8.set(tagged ? [0x81, 0x00, 0x20, 0x64] : [0x08, 0x00, 0x45, 0x00], at + 12);
    }
  }

  #offer(): void {
    const wire = this.#wire;
    for (let i = 0; i < BATCH; i++) {
      wire.commitReference(wire.dataStart + this.#next * this.#slot, this.#length, 0);
      this.#next = (this.#next + 1) & (FRAMES - 1);
    }
    wire.publish();
  }

  /** Batches through the device; every descriptor is posted again. */
  round(batches: number): void {
    for (let b = 0; b < batches; b++) {
      this.#offer();
      this.#agent.step();
      for (const queue of this.#queues) {
        const head = Atomics.load(this.#host.i32, queue.status >> 2);
        const fresh = (head - queue.consumed) | 0; // heads wrap
        if (fresh === 0) continue;
        this.consumed += fresh;
        queue.consumed = head;
        this.#registers.write32(queue.bell, head + RING);
        this.#registers.write32(queue.arm, 1);
      }
    }
  }

  /** What the consumer and the wire cost by themselves: the same without the device. */
  harness(batches: number): void {
    const entries = this.#wire.words;
    for (let b = 0; b < batches; b++) {
      this.#offer();
      Atomics.store(entries, HEAD_WORD, Atomics.load(entries, TAIL_WORD));
      for (const queue of this.#queues) {
        this.consumed += Atomics.load(this.#host.i32, queue.status >> 2) & 1;
        this.#registers.write32(queue.bell, queue.consumed + RING);
        this.#registers.write32(queue.arm, 1);
      }
    }
  }

  /** Every rare path many times: what the optimiser learns there must not slow the common one afterwards. */
  churn(): void {
    this.#setUpDefaultQueue();
    for (let k = 2; k < CHURNS; k++) {
      this.#reconfigure(k);
      this.#agent.step();
      this.#offerOddFrames(k);
      this.#agent.step();
    }
    this.#registers.write32(REG.RXCTL, 0);
    this.#registers.write32(SPARE_FILTER + 12, 0);
    this.#registers.write32(REG.CFGREQ, 1);
    this.#agent.step();
    this.#prepare();
  }

  /** The default queue with sixteen descriptors, some of which are unsound. */
  #setUpDefaultQueue(): void {
    const ring = this.#allocate(4096);
    const buffers = this.#allocate(65_536);
    this.#registers.write32(REG.RDBASE, ring);
    this.#registers.write32(REG.RCBASE, this.#allocate(4096));
    this.#registers.write32(REG.RSBASE, this.#allocate(64));
    this.#registers.write32(REG.RDLEN, 16);
    const words = this.#host.i32;
    for (let i = 0; i < 16; i++) {
      words[(ring >> 2) + i * 4] = i % 5 === 4 ? 0x7fff_0000 : buffers + i * 2048 + (i % 4);
      words[(ring >> 2) + i * 4 + 2] = buffers + 32_768 + i * 256;
    }
  }

  #reconfigure(k: number): void {
    const registers = this.#registers;
    const control = 1 | (k & 2) | (k % 3 === 0 ? 4 | (64 << 16) : 0) | (k & 16);
    registers.write32(SPARE_FILTER + 4, k & 0xff);
    registers.write32(SPARE_FILTER + 8, (k % 3) << FLTVLAN_MODE_SHIFT);
    registers.write32(SPARE_FILTER + 12, (FLTQ_VALID | (k % 9)) >>> 0);
    registers.write32(REG.RCTL, k & 15);
    registers.write32(REG.RXCTL, k % 4 === 0 ? 0 : control);
    registers.write32(REG.RXBUF, (k % 7 === 0 ? 32 : 2048) | (256 << 16));
    registers.write32(REG.RDT, k % 40);
    registers.write32(REG.CFGREQ, k);
  }

  #offerOddFrames(k: number): void {
    const wire = this.#wire;
    for (const [first, length] of ODD_FRAMES) {
      const at = wire.reserve(length);
      if (at < 0) break;
      wire.u8.fill(first, at, at + 6);
      if ((k & 1) === 1) wire.u8.set([0x81, 0, 0, k & 3], at + 12);
      wire.commit(at, length, 0);
    }
    wire.publish();
  }
}

/** The image of a domain in which the device may read and write all of host memory. */
function fullRights(machine: Machine): ReturnType<ReturnType<typeof createDmaDomain>['image']> {
  const domain = createDmaDomain('nic', machine.memory);
  domain.setRights(0, 0, machine.memory.host.byteLength, DMA_READ | DMA_WRITE);
  return domain.image();
}
