/**
 * Explanation = verdict = ledger, and tracing changes nothing: random frames under random filters, packet filters, queue
 * options and engines, on two benches that differ in their trace level alone.
 *
 * `VMQ_VERDICT_FRAMES=200000` says how many frames; 20,000 without it.
 */
import { createRandom, type Random, TRACE_ALL, TraceReader } from '@vmq/machine';
import { expect, test } from 'vitest';
import { compareVerdict } from '../../src/filter/compare-verdict.ts';
import { explainClassification } from '../../src/filter/explain.ts';
import { COMPLETION_BYTES } from '../../src/registers/descriptors.ts';
import { DROP_RING_ENTRIES } from '../../src/registers/device-memory.ts';
import { nicProfile } from '../../src/registers/profiles.ts';
import {
  CTRL_RXEN,
  CTRL_TXEN,
  RCTL_NVGRE,
  REG,
  RX_QUEUE_STRIDE,
  RXCTL_CSUMEN,
  RXCTL_DROPEN,
  RXCTL_ENABLE,
  RXCTL_HEADER_SHIFT,
  RXCTL_SPLIT,
} from '../../src/registers/register-constants.ts';
import { readCompletion, readDroppedFrames } from '../../src/state/receive-record.ts';
import { NIC_TRACE } from '../../src/state/trace-kinds.ts';
import { Bench, type BenchQueue, frameTo, macOf } from '../bench.test-support.ts';

const FRAMES = Number(process.env['VMQ_VERDICT_FRAMES'] ?? 20_000);
const PER_ROUND = 400;
const RING = 128;
const MULTICAST = [1, 0, 0x5e, 0, 0, 5];
const ADDRESSES = [
  ...[1, 2, 3, 4, 5].map(macOf),
  [255, 255, 255, 255, 255, 255],
  MULTICAST,
  [1, 9, 9, 9, 9, 9],
];

interface Scene {
  readonly bench: Bench;
  readonly queues: readonly BenchQueue[];
}

/** True once in `n` times. */
const once = (random: Random, n: number): boolean => random.below(n) === 0;
const pick = <T>(random: Random, values: readonly T[]): T => values[random.below(values.length)] as T;

/** Two scenes are the same if `random` says the same. */
function scene(random: Random, engines: number): Scene {
  const profile = nicProfile(pick(random, ['vmq-nic', 'vmq-nic', 'netvmini', 'i350', '82599']));
  const bench = new Bench({ profile, receiveEngines: engines, seed: 1 });
  const queues = [0, 1, 2, 3].map((number) => {
    const queue = bench.queue(number, RING);
    const splits = profile.lookaheadMax > 0 && once(random, 3);
    const checks = once(random, 2) ? RXCTL_CSUMEN : 0;
    const control =
      RXCTL_ENABLE | RXCTL_DROPEN | checks | (splits ? RXCTL_SPLIT | (64 << RXCTL_HEADER_SHIFT) : 0);
    // Few descriptors now and then, and no queue at all: those drop.
    if (!once(random, 8)) queue.enable(once(random, 3) ? random.below(20) : RING, control);
    if (once(random, 4)) bench.registers.write32(queue.register('RXBUF'), 100 | (256 << 16));
    bench.registers.write32(queue.register('RXENG'), random.below(engines));
    return queue;
  });
  for (let slot = 0; slot < 12; slot++)
    if (!once(random, 4))
      bench.filter(slot, macOf(1 + random.below(4)), random.below(4), random.below(4), random.below(5));
  bench.registers.write32(REG.RCTL, random.below(16) | (once(random, 2) ? RCTL_NVGRE : 0));
  bench.registers.write32(REG.MCLO, 0x01005e00);
  bench.registers.write32(REG.MCHI, (0x80000000 | 5) >>> 0);
  if (once(random, 8)) bench.registers.write32(REG.CTRL, CTRL_TXEN);
  else bench.registers.write32(REG.CTRL, CTRL_RXEN | CTRL_TXEN);
  bench.configure();
  return { bench, queues };
}

function randomFrame(random: Random): Uint8Array {
  const long = once(random, 20) ? 1500 + random.below(40) : 60 + random.below(300);
  const length = once(random, 12) ? 1 + random.below(24) : long;
  const tci = once(random, 2) ? -1 : random.below(4) | (random.below(8) << 13);
  const frame = frameTo(pick(random, ADDRESSES), length, tci, random.below(256));
  if (once(random, 2) || length < 60) return frame;
  // IPv4, and half of the time NVGRE with a frame inside, whole or almost.
  const type = tci < 0 ? 12 : 16;
  const total = length - type - 2;
  const gre = once(random, 2);
  frame.set([8, 0, 0x45, 0, total >> 8, total & 255, 0, 0, 0, 0, 64, gre ? 47 : 17], type);
  if (gre)
    frame.set(
      [once(random, 8) ? 0xa0 : 0x20, 0, 0x65, 0x58, 0, 0, 1, 0, ...pick(random, ADDRESSES)],
      type + 22,
    );
  return frame;
}

for (const engines of [1, 3])
  test(`FLT-14: explanation, record and ledger agree, and tracing changes nothing (${engines} engines)`, () => {
    let frames = 0;
    for (let seed = 1; frames < FRAMES / 2; seed++, frames += PER_ROUND) {
      const [plain, traced] = [1, 2].map(() => scene(createRandom(seed), engines));
      if (plain === undefined || traced === undefined) throw new Error('two scenes');
      const reader = new TraceReader(traced.bench.machine.traceImage);
      reader.setLevel(TRACE_ALL);
      traced.bench.executor.publish();
      const random = createRandom(seed + 1_000_000);
      const sent = Array.from({ length: PER_ROUND }, () => randomFrame(random));
      for (let at = 0; at < sent.length; at += 40) {
        const burst = sent.slice(at, at + 40);
        plain.bench.send(...burst);
        traced.bench.send(...burst);
        const told = reader.drain().filter(({ kind }) => kind === NIC_TRACE.VERDICT_DIFFERS);
        expect(told, `seed ${seed}`).toEqual([]);
      }
      sameEverywhere(plain, traced, seed);
      everyRecordAgrees(plain, sent, seed);
    }
  });

function sameEverywhere({ bench: a }: Scene, { bench: b }: Scene, seed: number): void {
  expect(Buffer.compare(a.host.u8, b.host.u8), `host memory, seed ${seed}`).toBe(0);
  expect(Buffer.compare(a.bar.u8, b.bar.u8), `registers, counters, dropped frames, seed ${seed}`).toBe(0);
  expect(a.machine.ledger.report()).toEqual(b.machine.ledger.report());
}

/** Each frame has one record, and what it says is what the tests, made anew, say. */
function everyRecordAgrees({ bench, queues }: Scene, sent: readonly Uint8Array[], seed: number): void {
  const { i32 } = bench.host;
  const dropped = readDroppedFrames(bench.bar);
  const written = queues.flatMap((queue) => {
    const head = bench.registers.read32(REG.RDH + queue.queue * RX_QUEUE_STRIDE);
    return Array.from({ length: head }, (_, k) =>
      readCompletion(i32, (queue.completions + k * COMPLETION_BYTES) >> 2),
    );
  });
  const stamps = [...dropped, ...written].map(({ stamp }) => stamp).sort((x, y) => x - y);
  expect(stamps, `seed ${seed}`).toEqual(sent.map((_, i) => i + 1));
  for (const record of [...dropped, ...written]) {
    const frame = sent[record.stamp - 1] ?? new Uint8Array();
    const story = explainClassification(bench.bar, bench.profile, frame);
    expect(compareVerdict(record, story), `seed ${seed}, frame ${record.stamp}`).toEqual([]);
  }
  const counted = Object.values(bench.machine.ledger.report().ends.dropped).reduce((x, y) => x + y, 0);
  expect([dropped.length, written.length]).toEqual([counted, sent.length - counted]);
}

test('the ring of dropped frames keeps the newest, and no more', () => {
  const bench = new Bench();
  bench.configure();
  for (let k = 0; k < 1300; k += 50)
    bench.send(...Array.from({ length: 50 }, (_, i) => frameTo(macOf(k + i), 60)));
  const stamps = readDroppedFrames(bench.bar).map(({ stamp }) => stamp);
  expect(stamps).toEqual(
    Array.from({ length: DROP_RING_ENTRIES }, (_, i) => 1300 - DROP_RING_ENTRIES + 1 + i),
  );
});
