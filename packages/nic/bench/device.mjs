// ns per frame through the device alone: wire ring -> filter -> DMA -> completion -> interrupt, 8 queues.
// A trivial consumer reposts every descriptor. Run after `tsc -b`:  node packages/nic/bench/device.mjs [--child ...]
//
// Each case runs in a fresh process; five rounds, the median counts.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  createAgentContext,
  createDmaDomain,
  createFrameRing,
  createMachine,
  createVirtualClock,
  DMA_READ,
  DMA_WRITE,
  FrameProducer,
  msiMessage,
} from '@vmq/machine';
import * as nic from '@vmq/nic';

const QUEUES = 8;
const RING = 256;
const STRIDE = 2112;
const BATCH = 64;

if (process.argv[2] === undefined) {
  for (const mode of ['untagged', 'tagged', 'mixed', 'churned']) {
    for (const length of [60, 64, 512, 1514]) {
      const out = execFileSync(process.execPath, [fileURLToPath(import.meta.url), String(length), mode]);
      process.stdout.write(out);
    }
  }
} else measure(Number(process.argv[2]), process.argv[3] ?? 'untagged');

function measure(length, mode) {
  const machine = createMachine({
    hostMemoryBytes: 32 << 20,
    processors: 1,
    agents: [nic.NIC_AGENT],
    dropReasons: nic.NIC_DROP_REASONS,
    clock: createVirtualClock(),
  });
  const profile = nic.nicProfile('vmq-nic');
  const bar = nic.createNicBar(machine, { profile });
  const domain = createDmaDomain('nic', machine.memory);
  const host = machine.memory.host;
  domain.setRights(0, 0, host.byteLength, DMA_READ | DMA_WRITE);
  const rx = createFrameRing(1024, 1024 * 1600);
  const tx = createFrameRing(64, 64 * 1600);
  const context = createAgentContext(machine, machine.agent(nic.NIC_AGENT), () => {});
  const agent = nic.createNicAgent(context, { profile, bar: bar.id, dma: domain.image(), rx, tx });
  const registers = nic.attachNicRegisters(bar, () => {});
  const { REG } = nic;
  let free = 4096;
  const allocate = (bytes) => {
    const at = free;
    free += Math.ceil(bytes / 4096) * 4096;
    return at;
  };
  const queues = [];
  for (let q = 1; q <= QUEUES; q++) {
    const queue = {
      ring: allocate(RING * 16),
      done: allocate(RING * nic.COMPLETION_BYTES),
      status: allocate(64),
      buffers: allocate(RING * STRIDE),
      consumed: 0,
      bell: REG.RDT + q * nic.RX_QUEUE_STRIDE,
      arm: REG.RXARM + q * nic.RX_QUEUE_STRIDE,
    };
    queues.push(queue);
    const at = q * nic.RX_QUEUE_STRIDE;
    registers.write32(REG.RDBASE + at, queue.ring);
    registers.write32(REG.RDLEN + at, RING);
    registers.write32(REG.RCBASE + at, queue.done);
    registers.write32(REG.RSBASE + at, queue.status);
    registers.write32(REG.RXBUF + at, 2048);
    registers.write32(REG.RXCTL + at, nic.RXCTL_ENABLE | nic.RXCTL_DROPEN);
    registers.write32(REG.RXENTRY + at, q);
    registers.write32(REG.RDT + at, RING);
    registers.write32(queue.arm, 1);
    for (let i = 0; i < RING; i++) {
      host.i32[(queue.ring >> 2) + i * 4] = queue.buffers + i * STRIDE;
      host.i32[(queue.ring >> 2) + i * 4 + 1] = 0;
    }
    const message = msiMessage(0, 32 + q);
    registers.write32(REG.MSIXADDRLO + q * 16, message.address);
    registers.write32(REG.MSIXDATA + q * 16, message.data);
    registers.write32(REG.MSIXVCTRL + q * 16, 0);
    const filter = REG.FLTLO + q * nic.FILTER_STRIDE;
    registers.write32(filter, 0x02155d00);
    registers.write32(filter + 4, q);
    registers.write32(filter + 8, 0);
    registers.write32(filter + 12, (nic.FLTQ_VALID | q) >>> 0);
  }
  registers.write32(REG.CTRL, nic.CTRL_RXEN | nic.CTRL_TXEN);
  registers.write32(REG.CFGREQ, 1);
  agent.step();

  // 512 prepared frames in the wire's data area, replayed by reference.
  const wire = new FrameProducer(rx);
  const SLOT = Math.ceil(length / 64) * 64; // as the wire ring packs frames
  const FRAMES = 512;
  const prepare = () => {
    let random = 12345;
    for (let i = 0; i < FRAMES; i++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      const at = wire.dataStart + i * SLOT;
      for (let k = 0; k < length; k++) wire.u8[at + k] = (i + k) & 0xff;
      wire.u8.set([0x02, 0x15, 0x5d, 0x00, 0x00, 1 + ((random >>> 16) % QUEUES)], at);
      const tagged = mode === 'tagged' || (mode === 'mixed' && (random >>> 20) & 1);
      wire.u8.set(tagged ? [0x81, 0x00, 0x20, 0x64] : [0x08, 0x00, 0x45, 0x00], at + 12);
    }
  };
  prepare();

  let next = 0;
  let consumed = 0;
  const round = (batches) => {
    for (let b = 0; b < batches; b++) {
      for (let i = 0; i < BATCH; i++) {
        wire.commitReference(wire.dataStart + next * SLOT, length, 0);
        next = (next + 1) & (FRAMES - 1);
      }
      wire.publish();
      agent.step();
      for (const queue of queues) {
        const head = Atomics.load(host.i32, queue.status >> 2);
        const fresh = (head - queue.consumed) | 0;
        if (fresh === 0) continue;
        consumed += fresh;
        queue.consumed = head;
        registers.write32(queue.bell, head + RING);
        registers.write32(queue.arm, 1);
      }
    }
  };
  // Every rare path many times: what the optimiser learns there must not slow the common one afterwards.
  const churn = () => {
    const spare = REG.FLTLO + 100 * nic.FILTER_STRIDE;
    const q0 = {
      ring: allocate(4096),
      done: allocate(4096),
      status: allocate(64),
      buffers: allocate(65_536),
    };
    registers.write32(REG.RDBASE, q0.ring);
    registers.write32(REG.RCBASE, q0.done);
    registers.write32(REG.RSBASE, q0.status);
    registers.write32(REG.RDLEN, 16);
    for (let i = 0; i < 16; i++) {
      host.i32[(q0.ring >> 2) + i * 4] = i % 5 === 4 ? 0x7fff_0000 : q0.buffers + i * 2048 + (i % 4);
      host.i32[(q0.ring >> 2) + i * 4 + 2] = q0.buffers + 32_768 + i * 256;
    }
    for (let k = 2; k < 3000; k++) {
      registers.write32(spare + 4, k & 0xff);
      registers.write32(spare + 8, (k % 3) << nic.FLTVLAN_MODE_SHIFT);
      registers.write32(spare + 12, (nic.FLTQ_VALID | (k % 9)) >>> 0);
      registers.write32(REG.RCTL, k & 15);
      registers.write32(
        REG.RXCTL,
        k % 4 === 0 ? 0 : 1 | (k & 2) | (k % 3 === 0 ? 4 | (64 << 16) : 0) | (k & 16),
      );
      registers.write32(REG.RXBUF, (k % 7 === 0 ? 32 : 2048) | (256 << 16));
      registers.write32(REG.RDT, k % 40);
      registers.write32(REG.CFGREQ, k);
      agent.step();
      for (const [first, size] of [
        [0x02, 60],
        [0x01, 70],
        [0xff, 64],
        [0x06, 5],
        [0x02, 9000],
        [0x0a, 61],
      ]) {
        const at = wire.reserve(size);
        if (at < 0) break;
        wire.u8.fill(first, at, at + 6);
        if (k & 1) wire.u8.set([0x81, 0, 0, k & 3], at + 12);
        wire.commit(at, size, 0);
      }
      wire.publish();
      agent.step();
    }
    registers.write32(REG.RXCTL, 0);
    registers.write32(spare + 12, 0);
    registers.write32(REG.CFGREQ, 1);
    agent.step();
    prepare();
  };
  // What this harness costs by itself: the same without the device.
  const entries = wire.words;
  const harness = (batches) => {
    for (let b = 0; b < batches; b++) {
      for (let i = 0; i < BATCH; i++) {
        wire.commitReference(wire.dataStart + next * SLOT, length, 0);
        next = (next + 1) & (FRAMES - 1);
      }
      wire.publish();
      Atomics.store(entries, 0, Atomics.load(entries, 16));
      for (const queue of queues) {
        consumed += Atomics.load(host.i32, queue.status >> 2) & 1;
        registers.write32(queue.bell, queue.consumed + RING);
        registers.write32(queue.arm, 1);
      }
    }
  };
  if (mode === 'churned') churn();
  round(20_000);
  const samples = [];
  const batches = Math.max(2_000, Math.round(30_000 / (1 + length / 200)));
  for (let r = 0; r < 7; r++) {
    const before = process.hrtime.bigint();
    const consumedBefore = consumed;
    round(batches);
    const nanoseconds = Number(process.hrtime.bigint() - before);
    if (consumed - consumedBefore !== batches * BATCH) throw new Error('frames were lost');
    samples.push(nanoseconds / (batches * BATCH));
  }
  samples.sort((a, b) => a - b);
  harness(10_000);
  const before = process.hrtime.bigint();
  harness(20_000);
  const own = Number(process.hrtime.bigint() - before) / (20_000 * BATCH);
  const device = (samples[3] - own).toFixed(1).padStart(6);
  console.log(
    `${String(length).padStart(5)} bytes  ${mode.padEnd(9)} device ${device} ns/frame   (with harness: median ${samples[3].toFixed(1)}, best ${samples[0].toFixed(1)})`,
  );
}
