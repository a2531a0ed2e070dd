// The stack against the reference model: a few thousand sequences here, from source, where a failure can be
// debugged; and 200 000 from the build, over all processors (`tools/soak/dist/model-run.js`).
//
//   VMQ_SEED=7 VMQ_SEQUENCES=2000000 npx vitest run packages/reference-model/test/agreement
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { runSequences, summarize } from '../src/index.ts';

const SEED = Number(process.env['VMQ_SEED'] ?? 20_260_728);
const SEQUENCES = Number(process.env['VMQ_SEQUENCES'] ?? 200_000);
const SHORT_RUN = 2000;
const RUN = fileURLToPath(new URL('../../../tools/soak/dist/model-run.js', import.meta.url));

test(`stack and reference model agree on ${SHORT_RUN} random sequences`, () => {
  const report = runSequences({ sequences: SHORT_RUN, seed: SEED });
  console.log(summarize(report).split('\n', 1)[0]);
  const { tally } = report;
  // The sequences do reach what they are meant to reach.
  expect(tally.onQueues).toBeGreaterThan(SHORT_RUN / 4);
  expect(tally.pended).toBeGreaterThan(SHORT_RUN / 20);
  expect(tally.returned).toBeGreaterThan(SHORT_RUN / 10);
});

test(`stack and reference model agree on ${SEQUENCES} random sequences`, async () => {
  const run = await promisify(execFile)(process.execPath, [
    RUN,
    '--sequences',
    `${SEQUENCES}`,
    '--seed',
    `${SEED + 1}`,
  ]);
  console.log(run.stdout.trim());
  expect(run.stdout).toContain(`${SEQUENCES} sequences agree`);
}, 0);
