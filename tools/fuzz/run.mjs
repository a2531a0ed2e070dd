// `pnpm fuzz [--target NAME] [--buffers N] [--seed S] [--session N] [--json]`: random buffers into every parser that
// faces a boundary. Exit code 1 if one crashes, hangs, reads or writes outside, or refuses without a name.
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { TARGETS } from './targets.mjs';

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
const PATIENCE_SECONDS = 20;

const unknown = (values.target ?? []).filter((name) => !TARGETS.some((target) => target.name === name));
if (unknown.length > 0 || !(buffers > 0)) {
  console.error(
    `targets: ${TARGETS.map(({ name }) => name).join(', ')}; --buffers must be a positive number`,
  );
  process.exit(2);
}

/** One target in a worker; the result, or what it hung on. */
function run(target) {
  const place = new SharedArrayBuffer(16);
  const words = new Int32Array(place);
  const first = values.session === undefined ? 0 : Number(values.session);
  const sessions = values.session === undefined ? Number.MAX_SAFE_INTEGER : 1;
  const workerData = { name: target.name, seed, first, sessions, buffers, place };
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData });
  return new Promise((resolve) => {
    let before = '';
    let still = 0;
    const watchdog = setInterval(() => {
      const now = `${words[0]} ${words[1]} ${words[2]}`;
      still = now === before ? still + 1 : 0;
      before = now;
      if (still < PATIENCE_SECONDS) return;
      clearInterval(watchdog);
      const failure = `${target.name} --seed ${seed} --session ${words[0]}, buffer ${words[1]}: hangs`;
      void worker.terminate();
      resolve({ done: words[2], failures: [failure], outcomes: [] });
    }, 1000);
    const end = (result) => {
      clearInterval(watchdog);
      resolve(result);
    };
    worker.once('message', end);
    worker.once('error', (error) => {
      const failure = `${target.name} --seed ${seed} --session ${words[0]}, buffer ${words[1]}: ${error.stack ?? error}`;
      end({ done: words[2], failures: [failure], outcomes: [] });
    });
  });
}

let failed = 0;
for (const target of TARGETS) {
  if (values.target !== undefined && !values.target.includes(target.name)) continue;
  const started = performance.now();
  const { done, failures, outcomes } = await run(target);
  const seconds = (performance.now() - started) / 1000;
  failed += failures.length;
  const rate = Math.round(done / seconds);
  outcomes.sort((x, y) => y[1] - x[1]);
  if (values.json) {
    const report = { target: target.name, seed, buffers: done, seconds, rate, failures };
    console.log(JSON.stringify({ ...report, outcomes: Object.fromEntries(outcomes) }));
    continue;
  }
  console.log(
    `${target.name}: seed ${seed}, ${done} buffers in ${seconds.toFixed(1)} s (${rate}/s), ${failures.length} failures`,
  );
  for (const [outcome, count] of outcomes) console.log(`  ${String(count).padStart(9)} ${outcome}`);
  for (const failure of failures) console.log(`FAIL ${failure}`);
}
process.exitCode = failed === 0 ? 0 : 1;
