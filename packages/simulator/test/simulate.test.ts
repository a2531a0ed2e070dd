import { expect, test } from 'vitest';
import { replayFailure, simulate } from '../src/shrink/simulate.ts';

test('a run stops where it is asked to, in the middle of a seed, and says where', () => {
  let asked = 0;
  const report = simulate({ seed: 40, seeds: 9, steps: 100, interrupted: () => ++asked > 230 });
  expect(report).toMatchObject({
    seed: 40,
    seeds: 2,
    steps: 230,
    failures: [],
    stopped: { seed: 42, step: 31, why: 'interrupted' },
  });
  // What was finished has the hash it would have had alone.
  const { traceHash, stopped } = simulate({ seed: 40, seeds: 2, steps: 100 });
  expect(report.traceHash).toBe(traceHash);
  expect(stopped).toBeNull();
});

test('a run that is stopped between seeds says so', () => {
  const report = simulate({ seed: 1, seeds: 5, steps: 20, onSeed: (seed) => seed < 3 });
  expect(report).toMatchObject({ seeds: 3, steps: 60, stopped: { seed: 3, step: 20, why: 'onSeed' } });
});

test('the repetition of a failure stops when asked to', () => {
  const steps = Array.from({ length: 50 }, () => ({ do: 'rest' as const }));
  const config = { hosts: [{ vms: [{ name: 'vm1', mac: '00-15-5D-00-01-01' }] }] };
  let asked = 0;
  expect(replayFailure({ config, steps }, () => ++asked > 5)).toMatchObject({
    steps: 5,
    failure: null,
    interrupted: true,
  });
});
