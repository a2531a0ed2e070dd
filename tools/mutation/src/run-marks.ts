// Does the simulator get where it claims to go? Runs seeds, without faults and with all, and fails for each mark of
// marks.ts that was never reached. The fast part of it is in the test command.
//
//   node tools/mutation/dist/run-marks.js [--seeds 1500] [--steps 1000] [--seed 1]
//
// Needs a build. Some minutes of processor time; the runs with and without faults have a thread each.
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { FAULT_NAMES, simulate } from '@vmq/simulator';
import { MARKS, missingMarks } from './marks.ts';

interface Share {
  readonly seed: number;
  readonly seeds: number;
  readonly steps: number;
  readonly faults: boolean;
}

interface Reached {
  readonly marks: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
}

if (isMainThread) await main();
else parentPort?.postMessage(reach(workerData as Share));

function reach({ seed, seeds, steps, faults }: Share): Reached {
  const marks = new Map<string, number>();
  const { failures } = simulate({
    seed,
    seeds,
    steps,
    faults: faults ? FAULT_NAMES : [],
    shrink: false,
    marks,
  });
  return { marks, failures: failures.map(({ seed: failed, message }) => `seed ${failed}: ${message}`) };
}

function inAThread(share: Share): Promise<Reached> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1500' },
      steps: { type: 'string', default: '1000' },
    },
  });
  const range = { seed: Number(values.seed), seeds: Number(values.seeds), steps: Number(values.steps) };
  const both = await Promise.all([false, true].map((faults) => inAThread({ ...range, faults })));
  let bad = 0;
  both.forEach(({ marks, failures }, i) => {
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
