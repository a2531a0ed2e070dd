import { expect, test } from 'vitest';
import { runSequences, summarize } from './index.ts';

test('random sequences: stack and reference model agree', () => {
  const report = runSequences({
    sequences: Number(process.env['SEQUENCES'] ?? 1000),
    seed: Number(process.env['SEED'] ?? 1),
  });
  console.log(summarize(report));
  expect(report.tally.onQueues).toBeGreaterThan(0);
});
