// Many seeds of the simulator, over all processors.
//
//   node tools/soak/dist/simulate-run.js [--seed 1] [--seeds 10000] [--steps 2000] [--faults all] [--threads 2]
//
// Share by share of 50 seeds; what is printed at the end is the same for any number of threads. A failing seed is
// shrunk and printed as a failure file's JSON. Exit code 1 if any failed.
import { parseArgs } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import {
  FAULT_NAMES,
  type FaultName,
  type SimulationOptions,
  type SimulationReport,
  simulate,
} from '@vmq/simulator';
import { answerShares, DEFAULT_THREADS, runShares } from './share-workers.ts';
import { wholeNumber } from './whole-number.ts';

const SHARE = 50;
/** Seeds after which it says how far it is. */
const TELL_EVERY = 500;
const MOST_FAILURES = 10;

type Failure = SimulationReport['failures'][number];

if (isMainThread) await main();
else answerShares((share: SimulationOptions) => simulate(share));

function faultsOf(text: string): readonly FaultName[] {
  if (text === 'all') return FAULT_NAMES;
  return text
    .split(',')
    .filter((name) => name !== '')
    .map((name) => {
      const fault = FAULT_NAMES.find((known) => known === name);
      if (fault === undefined) throw new Error(`--faults ${name}: there are ${FAULT_NAMES.join(', ')}`);
      return fault;
    });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '10000' },
      steps: { type: 'string', default: '2000' },
      faults: { type: 'string', default: '' },
      threads: { type: 'string', default: DEFAULT_THREADS },
    },
  });
  const seed = wholeNumber('seed', values.seed);
  const seeds = wholeNumber('seeds', values.seeds);
  const steps = wholeNumber('steps', values.steps);
  const threads = wholeNumber('threads', values.threads);
  const faults = faultsOf(values.faults);
  const shares = Array.from({ length: Math.ceil(seeds / SHARE) }, (_, i): SimulationOptions => {
    return { seed: seed + i * SHARE, seeds: Math.min(SHARE, seeds - i * SHARE), steps, faults };
  });
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const failures: Failure[] = [];
  let taken = 0;
  let ran = 0;
  await runShares({
    worker: new URL(import.meta.url),
    shares,
    threads,
    take(report: SimulationReport) {
      const before = Math.floor(ran / TELL_EVERY);
      ran += report.seeds;
      taken += report.steps;
      failures.push(...report.failures);
      for (const { seed: failing, invariant } of report.failures)
        console.error(`seed ${failing} failed: ${invariant}`);
      if (Math.floor(ran / TELL_EVERY) > before)
        console.error(`${ran} seeds, ${Math.round(taken / seconds())} steps/s`);
      return failures.length < MOST_FAILURES;
    },
  });
  for (const { trace, ...failure } of failures) {
    console.log(JSON.stringify(failure));
    console.log(trace.join('\n'));
  }
  console.log(
    `seeds ${seed} to ${seed + seeds - 1}: ${ran} run, ${taken} steps, ${failures.length} failed; ` +
      `${seconds().toFixed(1)} s, ${Math.round(taken / seconds())} steps/s on ${threads} threads`,
  );
  process.exitCode = failures.length === 0 && ran === seeds ? 0 : 1;
}
