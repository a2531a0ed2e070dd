/** The share of the random sequences that one test file runs; two files share the work, for two processors. */
import { expect, test } from 'vitest';
import { runSequences, summarize } from '../src/index.ts';

const sequences = Number(process.env['VMQ_SEQUENCES'] ?? 200_000);
const seed = Number(process.env['VMQ_SEED'] ?? 20_260_728);

export function agreementTest(share: 0 | 1): void {
  test(`stack and reference model agree on ${sequences / 2} random sequences`, () => {
    const report = runSequences({ sequences: sequences / 2, seed: seed + share });
    console.log(summarize(report).split('\n', 1)[0]);
    const { tally } = report;
    // The sequences do reach what they are meant to reach.
    expect(tally.onQueues).toBeGreaterThan(sequences / 20);
    expect(tally.pended).toBeGreaterThan(sequences / 200);
    expect(tally.returned).toBeGreaterThan(sequences / 50);
  });
}
