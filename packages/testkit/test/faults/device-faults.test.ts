// Faults of the device, its bus and its interrupts, on whole hosts.
import { afterEach, describe, expect, it } from 'vitest';
import { COMPLETION_DAMAGES } from '@vmq/nic';
import { FAULTS } from '../../src/faults/fault-names.ts';
import { type BenchOptions, FaultBench } from './fault-bench.ts';

const benches: FaultBench[] = [];
function createBench(options: BenchOptions = {}): FaultBench {
  const bench = new FaultBench(options);
  benches.push(bench);
  bench.expectFlow();
  return bench;
}
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.tearDown();
});

describe('a lost interrupt', () => {
  it('leaves frames lying until the check for hang looks, and no longer', () => {
    const bench = createBench();
    bench.inject('interrupt-lost', { queue: 1 });
    bench.send('web', 3);
    bench.send('mail', 3);
    const before = (bench.received.web as number[]).length;
    bench.run();
    expect(bench.received.web).toHaveLength(before);
    bench.pass(2.1);
    expect(bench.received.web).toHaveLength(before + 3);
    bench.recover();
    bench.expectOrder();
    expect(bench.dropped).toEqual({});
  });
});
