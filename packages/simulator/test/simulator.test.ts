// The simulator: some hundred seeds, from source, so that a failure can be debugged; what it has found before; and that
// it sees what it is to see.
//
//   VMQ_SEED=5000 VMQ_SEEDS=2000 npx vitest run packages/simulator/test/simulator
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { missingMarks, unlisted } from '../../../tools/mutation/src/marks.ts';
import { FAULT_NAMES, readFailureFile, replayFailure, simulate } from '../src/index.ts';

const SEED = Number(process.env['VMQ_SEED'] ?? 1);
const SEEDS = Number(process.env['VMQ_SEEDS'] ?? 300);
const STEPS = 600;
const FAULTY_SEEDS = 100;
const FAULTY_STEPS = 500;
/** The seeds for which tools/mutation/src/marks.ts says what they reach. */
const IS_USUAL = SEED === 1 && SEEDS === 300;
const PACKAGES = fileURLToPath(new URL('../..', import.meta.url));
const REGRESSIONS = fileURLToPath(new URL('./regressions', import.meta.url));
const VMQ = fileURLToPath(new URL('../../cli/dist/main.js', import.meta.url));

test(`every invariant holds for ${SEEDS} seeds of ${STEPS} steps`, () => {
  const marks = new Map<string, number>();
  const { failures, steps, traceHash } = simulate({ seed: SEED, seeds: SEEDS, steps: STEPS, marks });
  console.log(`seeds ${SEED} to ${SEED + SEEDS - 1}: ${steps} steps, trace ${traceHash}`);
  const shown = failures.map(({ seed, message, steps: needed }) => ({ seed, message, steps: needed }));
  expect(shown).toEqual([]);
  if (IS_USUAL) expect(missingMarks(marks, 'fast', false)).toEqual([]);
});

test(`every invariant holds for ${FAULTY_SEEDS} seeds in which everything goes wrong`, () => {
  const faults = FAULT_NAMES;
  const marks = new Map<string, number>();
  const { failures, steps } = simulate({
    seed: SEED,
    seeds: FAULTY_SEEDS,
    steps: FAULTY_STEPS,
    faults,
    marks,
  });
  console.log(`seeds ${SEED} to ${SEED + FAULTY_SEEDS - 1} with faults: ${steps} steps`);
  const shown = failures.map(({ seed, message, steps: needed }) => ({ seed, message, steps: needed }));
  expect(shown).toEqual([]);
  if (IS_USUAL) expect(missingMarks(marks, 'fast', true)).toEqual([]);
});

test('every mark of the sources is listed with the run that reaches it, and no other', () => {
  const sources = readdirSync(PACKAGES, { recursive: true, encoding: 'utf8' })
    .filter((file) => /^[^/]+\/src\/.*\.ts$/.test(file) && !file.includes('.test'))
    .map((file) => readFileSync(join(PACKAGES, file), 'utf8'));
  expect(unlisted(sources)).toEqual({ notListed: [], notInSources: [] });
});

test('a seed has one trace hash, here and in the built command', async () => {
  const { traceHash, steps } = simulate({ seed: 20_261, seeds: 3, steps: 400 });
  expect(simulate({ seed: 20_261, seeds: 3, steps: 400 }).traceHash).toBe(traceHash);
  expect(simulate({ seed: 20_262, seeds: 3, steps: 400 }).traceHash).not.toBe(traceHash);
  const args = ['simulate', '--seed', '20261', '--seeds', '3', '--steps', '400', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [VMQ, ...args]);
  expect(JSON.parse(stdout)).toMatchObject({ traceHash, steps, failures: [] });
});

test.each(readdirSync(REGRESSIONS))('what it found once is gone: %s', (file) => {
  const read = readFailureFile(readFileSync(join(REGRESSIONS, file), 'utf8'));
  if (!read.ok) throw new Error(`${file}: ${read.reason}`);
  expect(replayFailure(read.failure).failure).toBeNull();
});
