// `pnpm fuzz [--target NAME] [--buffers N] [--seed S] [--session N] [--json]`: random buffers into every parser that
// faces a boundary. Exit code 1 if one crashes, hangs, reads or writes outside, or refuses without a name.
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { PLACE, textOf } from './session.ts';
import type { Target } from './target.ts';
import { TARGETS } from './targets.ts';
import type { Job, JobResult } from './worker.ts';

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== '--'),
  options: {
    target: { type: 'string', multiple: true },
    buffers: { type: 'string', default: '2000000' },
    seed: { type: 'string', default: '1' },
    session: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const buffers = Number(values.buffers);
const seed = Number(values.seed) | 0;
/** A buffer that takes longer than this hangs. */
const HANGS_AFTER_SECONDS = 20;

const unknown = (values.target ?? []).filter((name) => !TARGETS.some((target) => target.name === name));
if (unknown.length > 0 || !(buffers > 0)) {
  console.error(
    `targets: ${TARGETS.map(({ name }) => name).join(', ')}; --buffers must be a positive number`,
  );
  process.exit(2);
}

/** One target in a worker; the result, or what it hung on. */
function run({ name }: Target): Promise<JobResult> {
  const place = new SharedArrayBuffer(4 * PLACE.words);
  const words = new Int32Array(place);
  const first = values.session === undefined ? 0 : Number(values.session);
  const sessions = values.session === undefined ? Number.MAX_SAFE_INTEGER : 1;
  const workerData: Job = { name, seed, first, sessions, buffers, place };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
  const failed = (how: string): JobResult => {
    const where = `${name} --seed ${seed} --session ${words[PLACE.session]}, buffer ${words[PLACE.buffer]}`;
    return { done: words[PLACE.done], failures: [`${where}: ${how}`], outcomes: [] };
  };
  return new Promise((resolve) => {
    let before = '';
    let still = 0;
    const watchdog = setInterval(() => {
      const now = words.join(' ');
      still = now === before ? still + 1 : 0;
      before = now;
      if (still < HANGS_AFTER_SECONDS) return;
      void worker.terminate();
      end(failed('hangs'));
    }, 1000);
    const end = (result: JobResult) => {
      clearInterval(watchdog);
      resolve(result);
    };
    worker.once('message', end);
    worker.once('error', (error) => end(failed(textOf(error))));
  });
}

/** Runs a target and says what came of it; the number of failures. */
async function report(target: Target): Promise<number> {
  const started = performance.now();
  const { done, failures, outcomes } = await run(target);
  const seconds = (performance.now() - started) / 1000;
  const rate = Math.round(done / seconds);
  const sorted = [...outcomes].sort((x, y) => y[1] - x[1]);
  if (values.json) {
    const figures = { target: target.name, seed, buffers: done, seconds, rate, failures };
    console.log(JSON.stringify({ ...figures, outcomes: Object.fromEntries(sorted) }));
    return failures.length;
  }
  console.log(
    `${target.name}: seed ${seed}, ${done} buffers in ${seconds.toFixed(1)} s (${rate}/s), ${failures.length} failures`,
  );
  for (const [outcome, count] of sorted) console.log(`  ${String(count).padStart(9)} ${outcome}`);
  for (const failure of failures) console.log(`FAIL ${failure}`);
  return failures.length;
}

let failed = 0;
for (const target of TARGETS) {
  if (values.target === undefined || values.target.includes(target.name)) failed += await report(target);
}
process.exitCode = failed === 0 ? 0 : 1;
