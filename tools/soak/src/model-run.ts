// Random sequences of OID requests, frames and returns on the real stack, compared with the reference model after every
// step; over all processors.
//
//   node tools/soak/dist/model-run.js [--sequences 200000] [--seed 1] [--threads 2]
//   node tools/soak/dist/model-run.js --seed 26 --path 5927:3:4:0        one failing sequence again, as the report said
//
// The work is cut into shares of 25 000 sequences; share i has seed + i, so a seed means the same sequences on
// every machine. Exit code 1 if stack and model disagree.
import { parseArgs } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { runSequences, type SequenceReport, type SequenceRunOptions } from '@vmq/reference-model';
import { answerShares, DEFAULT_THREADS, runShares } from './share-workers.ts';
import { wholeNumber } from './whole-number.ts';

const SHARE = 25_000;
/** Sequences after which it says how far it is. */
const TELL_EVERY = 10 * SHARE;

/** What came of a share: a report, or the disagreement's own words and how to repeat it. */
type Answer =
  | { readonly seed: number; readonly report: SequenceReport }
  | { readonly seed: number; readonly failure: string };

if (isMainThread) await main();
else answerShares(answer);

function answer(share: SequenceRunOptions): Answer {
  try {
    return { seed: share.seed, report: runSequences(share) };
  } catch (error) {
    return { seed: share.seed, failure: textOf(error) };
  }
}

/** The disagreement's own words, then how fast-check can repeat it. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const repeat = /\{ seed: .*\}/.exec(error.message)?.[0] ?? error.message;
  return `${error.cause instanceof Error ? error.cause.message : error.stack}\n${repeat}`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sequences: { type: 'string', default: '200000' },
      seed: { type: 'string', default: '1' },
      path: { type: 'string' },
      threads: { type: 'string', default: DEFAULT_THREADS },
    },
  });
  const wanted = wholeNumber('sequences', values.sequences);
  const seed = wholeNumber('seed', values.seed, 0);
  const shares: SequenceRunOptions[] =
    values.path !== undefined
      ? [{ seed, sequences: SHARE, path: values.path }]
      : Array.from({ length: Math.ceil(wanted / SHARE) }, (_, i) => ({
          seed: seed + i,
          sequences: Math.min(SHARE, wanted - i * SHARE),
        }));
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const total = { sequences: 0, steps: 0, requests: 0, frames: 0, onQueues: 0, returned: 0, pended: 0 };
  const failures: string[] = [];
  await runShares({
    worker: new URL(import.meta.url),
    shares,
    threads: wholeNumber('threads', values.threads),
    take(result: Answer) {
      if ('failure' in result) {
        failures.push(`seed ${result.seed}:\n${result.failure}`);
        return false;
      }
      const { sequences, tally } = result.report;
      total.sequences += sequences;
      for (const key of ['steps', 'requests', 'frames', 'onQueues', 'returned', 'pended'] as const)
        total[key] += tally[key];
      if (total.sequences % TELL_EVERY === 0)
        console.error(
          `${total.sequences} of ${wanted}, ${Math.round(total.sequences / seconds())} sequences/s`,
        );
      return true;
    },
  });
  for (const failure of failures) console.error(failure);
  console.log(
    `${total.sequences} sequences agree (seed ${seed}): ${total.steps} steps, ${total.requests} requests, ` +
      `${total.frames} frames, ${total.onQueues} indicated on VM queues, ${total.returned} NBLs returned later, ` +
      `${total.pended} requests pended; ${seconds().toFixed(1)} s, ` +
      `${Math.round(total.sequences / seconds())} sequences/s`,
  );
  process.exitCode = failures.length === 0 ? 0 : 1;
}
