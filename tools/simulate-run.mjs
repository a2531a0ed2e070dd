// Many seeds of the simulator of @vmq/testkit, over all processors.
//
//   node tools/simulate-run.mjs [--seed 1] [--seeds 10000] [--steps 2000] [--faults all] [--threads 2]
//
// Share by share of 50 seeds; what is printed at the end is the same for any number of threads. A failing seed is
// shrunk and printed as a failure file's JSON. Needs a build (`npx tsc -b packages/testkit`). Exit code 1 if any failed.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { FAULT_NAMES, simulate } from '../packages/testkit/dist/index.js';

const SHARE = 50;

if (isMainThread) await main();
else {
  parentPort.on('message', (share) => {
    parentPort.postMessage({ report: simulate(share) });
  });
}

async function main() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '10000' },
      steps: { type: 'string', default: '2000' },
      faults: { type: 'string', default: '' },
      threads: { type: 'string', default: String(Math.min(availableParallelism(), 8)) },
    },
  });
  const [seed, seeds, steps, threads] = ['seed', 'seeds', 'steps', 'threads'].map((name) => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`--${name} ${values[name]}: expected a whole number`);
    return value;
  });
  const faults =
    values.faults === 'all' ? FAULT_NAMES : values.faults.split(',').filter((name) => name !== '');
  const shares = Array.from({ length: Math.ceil(seeds / SHARE) }, (_, i) => ({
    seed: seed + i * SHARE,
    seeds: Math.min(SHARE, seeds - i * SHARE),
    steps,
    faults,
  }));
  const started = performance.now();
  const failures = [];
  let taken = 0;
  let ran = 0;
  await Promise.all(Array.from({ length: Math.min(threads, shares.length) }, work));
  const seconds = (performance.now() - started) / 1000;

  for (const { trace, ...failure } of failures) {
    console.log(JSON.stringify(failure));
    console.log(trace.join('\n'));
  }
  console.log(
    `seeds ${seed} to ${seed + seeds - 1}: ${ran} run, ${taken} steps, ${failures.length} failed; ` +
      `${seconds.toFixed(1)} s, ${Math.round(taken / seconds)} steps/s on ${threads} threads`,
  );
  process.exitCode = failures.length === 0 && ran === seeds ? 0 : 1;

  function work() {
    const worker = new Worker(new URL(import.meta.url));
    return new Promise((resolve, reject) => {
      const next = () => {
        const share = failures.length < 10 ? shares.shift() : undefined;
        if (share !== undefined) worker.postMessage(share);
        else worker.terminate().then(resolve);
      };
      worker.on('error', reject);
      worker.on('message', ({ report }) => {
        const before = Math.floor(ran / 500);
        ran += report.seeds;
        taken += report.steps;
        failures.push(...report.failures);
        for (const { seed: failing, invariant } of report.failures)
          console.error(`seed ${failing} failed: ${invariant}`);
        if (Math.floor(ran / 500) > before)
          console.error(
            `${ran} seeds, ${Math.round(taken / ((performance.now() - started) / 1000))} steps/s`,
          );
        next();
      });
      next();
    });
  }
}
