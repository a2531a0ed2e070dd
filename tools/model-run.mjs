// Random sequences of OID requests, frames and returns on the real stack, compared with the reference model of
// @vmq/testkit after every step; as many processes' worth of threads as there are processors.
//
//   node tools/model-run.mjs [--sequences 200000] [--seed 1] [--threads 2]
//   node tools/model-run.mjs --seed 26 --path 5927:3:4:0        one failing sequence again, as the report said
//
// The work is cut into shares of 25 000 sequences; share i has seed + i, so a seed means the same sequences on
// every machine. Needs a build (`npx tsc -b packages/testkit`). Exit code 1 if stack and model disagree.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { runSequences } from '../packages/testkit/dist/index.js';

const SHARE = 25_000;

if (isMainThread) await main();
else {
  parentPort.on('message', (share) => {
    try {
      parentPort.postMessage({ ...share, report: runSequences(share) });
    } catch (error) {
      parentPort.postMessage({ ...share, failure: text(error) });
    }
  });
}

/** The disagreement's own words, then how fast-check can repeat it. */
function text(error) {
  const seed = /\{ seed: .*\}/.exec(error.message)?.[0] ?? error.message;
  return `${error.cause?.message ?? error.stack}\n${seed}`;
}

async function main() {
  const { values } = parseArgs({
    options: {
      sequences: { type: 'string', default: '200000' },
      seed: { type: 'string', default: '1' },
      path: { type: 'string' },
      threads: { type: 'string', default: String(Math.min(availableParallelism(), 8)) },
    },
  });
  const wanted = Number(values.sequences);
  const seed = Number(values.seed);
  if (!(Number.isInteger(wanted) && wanted > 0 && Number.isInteger(seed)))
    throw new Error(`--sequences ${values.sequences} --seed ${values.seed}: expected whole numbers`);
  const shares = values.path
    ? [{ seed, sequences: SHARE, path: values.path }]
    : Array.from({ length: Math.ceil(wanted / SHARE) }, (_, i) => ({
        seed: seed + i,
        sequences: Math.min(SHARE, wanted - i * SHARE),
      }));
  const started = performance.now();
  const total = { sequences: 0, steps: 0, requests: 0, frames: 0, onQueues: 0, returned: 0, pended: 0 };
  const failures = [];
  await Promise.all(Array.from({ length: Math.min(Number(values.threads), shares.length) }, work));

  function work() {
    const worker = new Worker(new URL(import.meta.url));
    return new Promise((resolve, reject) => {
      const next = () => {
        const share = failures.length === 0 ? shares.shift() : undefined;
        if (share !== undefined) worker.postMessage(share);
        else worker.terminate().then(resolve);
      };
      worker.on('error', reject);
      worker.on('message', ({ seed: shareSeed, report, failure }) => {
        if (failure !== undefined) failures.push(`seed ${shareSeed}:\n${failure}`);
        else {
          total.sequences += report.sequences;
          for (const key of ['steps', 'requests', 'frames', 'onQueues', 'returned', 'pended'])
            total[key] += report.tally[key];
          const rate = total.sequences / ((performance.now() - started) / 1000);
          if (total.sequences % (10 * SHARE) === 0)
            console.error(`${total.sequences} of ${wanted}, ${Math.round(rate)} sequences/s`);
        }
        next();
      });
      next();
    });
  }

  for (const failure of failures) console.error(failure);
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${total.sequences} sequences agree (seed ${seed}): ${total.steps} steps, ${total.requests} requests, ` +
      `${total.frames} frames, ${total.onQueues} indicated on VM queues, ${total.returned} NBLs returned later, ` +
      `${total.pended} requests pended; ${seconds.toFixed(1)} s, ${Math.round(total.sequences / seconds)} sequences/s`,
  );
  process.exitCode = failures.length === 0 ? 0 : 1;
}
