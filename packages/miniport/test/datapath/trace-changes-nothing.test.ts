/** Watching a miniport leaves everything as it is: what goes up, what is sent, counters, rings and buffers, byte for byte. */
import { createRandom, TRACE_ALL, TraceReader } from '@vmq/machine';
import { COMPLETION_BYTES, REG, RX_QUEUE_STRIDE } from '@vmq/nic';
import { expect, it } from 'vitest';
import { createBench, frame, move, runningQueue, SendMemory } from '../bench.test-support.ts';

const SUCCESS = 'NDIS_STATUS_SUCCESS';
const RING = 32;

/** Traffic of all kinds, some of its completions damaged; what can be seen of it. */
function run(seed: number, split: boolean, isTraced: boolean) {
  const random = createRandom(seed);
  const version = split ? ({ minorNdisVersion: 20 } as const) : {};
  const bench = createBench({
    seed,
    processors: 3,
    hostPages: 1024,
    miniport: { ...version, receiveRingEntries: RING, transmitRingEntries: 4, indicationBudget: 16 },
    ...(split ? { hostVersion: 620 as const, keywords: SPLIT_KEYWORDS } : {}),
  });
  const reader = new TraceReader(bench.machine.traceImage);
  if (isTraced) reader.setLevel(TRACE_ALL);
  let records = 0;
  const memory = new SendMemory(bench);
  const change = split ? { Flags: 2, LookaheadSize: 128 } : {};
  const queues = [1, 2].map((mac) => ({ mac, ...runningQueue(bench, mac, mac, change) }));
  const { i32 } = bench.machine.memory.host;
  let sequence = 0;
  for (let round = 0; round < 40; round++) {
    const { mac, queueId } = queues[random.below(2)];
    const count = 1 + random.below(20);
    const frames = Array.from({ length: count }, () =>
      frame(random.below(8) === 0 ? [255, 255, 255, 255, 255, 255] : mac, {
        sequence: sequence++,
        length: 60 + random.below(200),
      }),
    );
    bench.put(...frames);
    for (let turns = random.below(4); turns > 0; turns--) bench.executor.step();
    if (random.below(3) === 0) {
      const base = bench.registers.read32(REG.RCBASE + queueId * RX_QUEUE_STRIDE) >> 2;
      i32[base + random.below(RING) * (COMPLETION_BYTES >> 2)] &= ~0xffff;
    }
    if (random.below(3) === 0) bench.holding.add(queueId);
    // A 6.20 adapter has no dynamic affinity.
    if (!split && random.below(4) === 0) expect(move(bench, queueId, random.below(3))).toBe(SUCCESS);
    if (random.below(2) === 0) {
      const processor = random.below(3);
      const sends = Array.from({ length: 1 + random.below(8) }, () =>
        memory.nbl([{ mdls: [frame(9).slice(0, 30), frame(9).slice(30)] }]),
      );
      bench.on(processor, (path) => path.send(sends));
    }
    bench.settle();
    if (random.below(3) === 0) {
      bench.holding.clear();
      for (const processor of [0, 1, 2]) {
        bench.on(processor, (path) => path.giveBack(path.held));
        bench.settle();
      }
    }
    records += reader.drain().length;
  }
  return {
    records,
    seen: {
      frames: bench.frames,
      indications: bench.indications,
      completions: bench.completions.map(({ processor, flags, statuses }) => [processor, flags, statuses]),
      sent: bench.sent(),
      ledger: bench.machine.ledger.report(),
    },
    // Compared as bytes: there are too many words for a deep comparison.
    memory: bench.machine.memory.segments.map(({ u8 }) => Buffer.from(u8)),
  };
}

const SPLIT_KEYWORDS = {
  '*RssOrVmqPreference': 1,
  '*VMQ': 1,
  '*VMQLookaheadSplit': 1,
  '*VMQVlanFiltering': 1,
};

it('trace on or off: the same NBLs, completions, counters, rings, buffers and registers', () => {
  const reached = { split: 0, lost: 0, completions: 0 };
  for (let seed = 1; seed <= 12; seed++) {
    const split = seed % 3 === 0;
    const plain = run(seed, split, false);
    const traced = run(seed, split, true);
    expect(plain.records).toBe(0);
    expect(traced.records).toBeGreaterThan(500);
    expect(plain.seen.frames.length).toBeGreaterThan(200);
    expect(traced.seen).toEqual(plain.seen);
    expect(traced.memory.map((bytes, i) => bytes.equals(plain.memory[i]))).toEqual(
      plain.memory.map(() => true),
    );
    const { frames, completions, ledger } = plain.seen;
    reached.split += frames.filter(({ mdls }) => mdls.length === 2).length;
    reached.lost += ledger.ends.dropped['miniport.bad-completion'] ?? 0;
    reached.completions += completions.length;
  }
  expect(Math.min(...Object.values(reached))).toBeGreaterThan(10);
});
