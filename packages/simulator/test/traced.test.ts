/** A failure is found without trace and shown with it: a traced world must be the same world, failures included. */
import { FrameProducer } from '@vmq/machine';
import { afterEach, expect, test, vi } from 'vitest';
import { FAULT_NAMES, simulate } from '../src/index.ts';
import { play, scenarioOf } from '../src/shrink/run-simulation.ts';

const SEEDS = Number(process.env['VMQ_TRACED_SEEDS'] ?? 60);
const STEPS = 250;
const TRACED = 40;

afterEach(() => {
  vi.restoreAllMocks();
});

test(`${SEEDS} worlds are the same with every trace record written and with none`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const scenario = scenarioOf(seed, STEPS, { faults: seed % 2 === 0 ? FAULT_NAMES : [], hostile: true });
    const { trace: none, ...plain } = play(scenario);
    const { trace, ...traced } = play(scenario, TRACED);
    expect(traced, `seed ${seed}`).toEqual(plain);
    expect([none.length, trace.length > 0]).toEqual([0, true]);
  }
});

/** A stack with a fault of its own: each producer of frames changes a byte of every `th` one it commits. */
function alterFrames(th: number): void {
  const counts = new WeakMap<FrameProducer, number>();
  const { commit } = FrameProducer.prototype;
  vi.spyOn(FrameProducer.prototype, 'commit').mockImplementation(function (
    this: FrameProducer,
    offset: number,
    length: number,
    stamp: number,
  ) {
    const count = (counts.get(this) ?? 0) + 1;
    counts.set(this, count);
    if (count % th === 0) this.u8[offset + length - 1] ^= 0x55;
    commit.call(this, offset, length, stamp);
  });
}

test('a failure that is found without trace repeats with it, at the same step, with the records before it', () => {
  alterFrames(5);
  const { failures } = simulate({ seed: 3, seeds: 6, steps: 300, mostFailures: 3 });
  expect(failures.length).toBeGreaterThan(0);
  for (const { config, steps, invariant, message, failedAfter, trace } of failures) {
    expect(message).not.toMatch(/NOT HAPPEN WHEN IT IS TRACED/);
    expect(trace.length).toBeGreaterThan(0);
    const { failure } = play({ config, steps });
    expect(failure).toMatchObject({ invariant, message, step: failedAfter });
  }
});
