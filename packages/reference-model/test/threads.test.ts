// The same sequences under both executors: each request ends with the same status. Frames are given time to
// arrive, for what races with a request may end differently.
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { openingSteps, SequenceDriver, type Step, sequenceArbitrary } from '../src/index.ts';

const SEQUENCES = 200;
const SEED = 20_260_728;
const KINDS = ['6.30', '6.20 split'] as const;

const drivers: SequenceDriver[] = [];
afterAll(() => Promise.all(drivers.map((driver) => driver.stop())));

const settled = (step: Step): Step => (step.do === 'frames' ? { ...step, racing: false } : step);

test(`${SEQUENCES} sequences end in the same statuses under threads as under the deterministic executor`, () => {
  const benches = KINDS.map((kind) => {
    const alone = new SequenceDriver({ kind });
    const threads = new SequenceDriver({ kind, executor: 'threads' });
    drivers.push(alone, threads);
    return { kind, alone, threads };
  });
  let requests = 0;
  for (const { kind, opening, steps, ending } of fc.sample(sequenceArbitrary(KINDS, 8), {
    numRuns: SEQUENCES,
    seed: SEED,
  })) {
    const bench = benches.find((candidate) => candidate.kind === kind);
    const sequence = [...openingSteps(opening, kind === '6.20 split'), ...steps.map(settled)];
    const statuses = bench?.alone.run(sequence, ending);
    requests += statuses?.length ?? 0;
    expect(bench?.threads.run(sequence, ending)).toEqual(statuses);
  }
  expect(requests).toBeGreaterThan(SEQUENCES * 3);
  expect(benches.every(({ threads }) => threads.tally.onQueues > 0)).toBe(true);
});
