// Does the simulator get where it claims to go? Runs seeds, without faults and with all, and fails for each mark of
// tools/marks/marks.mjs that was never reached. The fast part of it is in the test command.
//
//   node tools/marks.mjs [--seeds 1500] [--steps 1000] [--seed 1]
//
// Needs a build (`npx tsc -b packages/testkit`). Some minutes of processor time; each half has a thread of its own.
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { FAULT_NAMES, simulate } from '../packages/testkit/dist/index.js';
import { MARKS, missingMarks } from './marks/marks.mjs';

if (isMainThread) await main();
else {
  const { seed, seeds, steps, faults } = workerData;
  const marks = new Map();
  const { failures } = simulate({
    seed,
    seeds,
    steps,
    faults: faults ? FAULT_NAMES : [],
    shrink: false,
    marks,
  });
  parentPort.postMessage({
    marks,
    failures: failures.map(({ seed: failed, message }) => `seed ${failed}: ${message}`),
  });
}

async function main() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1500' },
      steps: { type: 'string', default: '1000' },
    },
  });
  const [seed, seeds, steps] = ['seed', 'seeds', 'steps'].map((name) => Number(values[name]));
  const run = (faults) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { seed, seeds, steps, faults } });
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  const halves = await Promise.all([run(false), run(true)]);
  let bad = 0;
  halves.forEach(({ marks, failures }, i) => {
    const missing = missingMarks(marks, 'full', i === 1);
    console.log(`${i === 1 ? 'all faults' : 'no faults'}: ${marks.size} marks, ${missing.length} missing`);
    for (const name of missing) console.log(`  never reached: ${name}`);
    for (const failure of failures) console.log(`  ${failure}`);
    bad += missing.length + failures.length;
  });
  for (const { name, why } of MARKS.filter((one) => one.run === 'elsewhere'))
    console.log(`elsewhere: ${name}: ${why}`);
  process.exitCode = bad === 0 ? 0 : 1;
}
