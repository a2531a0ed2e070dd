/** Completions that a bus has damaged on their way to memory: each costs its frame, which is counted, and nothing else. */
import { createRandom } from '@vmq/machine';
import { COMPLETION_BYTES, REG, RX_QUEUE_STRIDE } from '@vmq/nic';
import { expect, it } from 'vitest';
import { type Bench, createBench, frame, runningQueue } from '../bench.test-support.ts';

const RING = 32;
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

/** The first word of a completion of a queue's ring: length and status. */
function wordOf(bench: Bench, queueId: number, position: number): number {
  const base = bench.registers.read32(REG.RCBASE + queueId * RX_QUEUE_STRIDE);
  return (base + (position % RING) * COMPLETION_BYTES) >> 2;
}

const DAMAGES: readonly ((word: number) => number)[] = [
  () => 0, // never written
  (word) => word & ~0x10000, // without DD
  (word) => word & ~0xffff, // a frame of nothing
  (word) => word | 0xffff, // a frame that no buffer holds
];

it('a damaged completion loses its frame and no other, counted, and its buffer is used again', () => {
  const random = createRandom(5);
  let total = 0;
  for (let round = 0; round < 60; round++) {
    const bench = createBench({ seed: round });
    const { queueId } = runningQueue(bench, 1);
    const { i32 } = bench.machine.memory.host;
    const head = REG.RDH + queueId * RX_QUEUE_STRIDE;
    let position = 0;
    let lost = 0;
    const expected: number[] = [];
    for (let burst = 0; burst < 5; burst++) {
      const count = 1 + random.below(20);
      // The device is done with a burst before the processor looks at it: its step is a long one.
      bench.put(...range(position, count).map((sequence) => frame(1, { sequence })));
      const seen = bench.frames.length;
      bench.executor.runUntil(
        () => bench.registers.read32(head) === position + count || bench.frames.length > seen,
      );
      const isEarly = bench.frames.length > seen;
      for (let i = 0; i < count; i++) {
        const damage = isEarly ? 0 : random.below(8);
        if (damage >= 1 && damage <= DAMAGES.length) {
          const word = wordOf(bench, queueId, position + i);
          i32[word] = DAMAGES[damage - 1](i32[word]);
          lost++;
        } else expected.push(position + i);
      }
      position += count;
      bench.settle();
    }
    expect(bench.frames.map(({ sequence }) => sequence)).toEqual(expected);
    const { received, ends } = bench.machine.ledger.report();
    expect([received, ends.dropped]).toEqual([
      position,
      lost === 0 ? {} : { 'miniport.bad-completion': lost },
    ]);
    total += lost;
    // No buffer has gone astray: a whole ring's worth still fits.
    bench.receive(...range(1000, RING).map((sequence) => frame(1, { sequence })));
    expect(bench.frames.slice(-RING).map(({ sequence }) => sequence)).toEqual(range(1000, RING));
  }
  expect(total).toBeGreaterThan(100);
});
