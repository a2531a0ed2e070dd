/** Many random sequences, with a seed that repeats them and a report that somebody can read. */
import fc from 'fast-check';
import { BENCH_KINDS, type BenchKind } from './bench.ts';
import { type Opening, openingArbitrary, openingSteps } from './opening.ts';
import { type Ending, emptyTally, SequenceDriver, type Tally } from './sequence.ts';
import { type Step, stepArbitrary } from './steps.ts';

export interface SequenceRunOptions {
  readonly sequences: number;
  /** Seed of fast-check: the same sequences every time. */
  readonly seed: number;
  /** Where in that run to begin, as a failure report gives it: only that failure, shrunken. */
  readonly path?: string;
  /** Steps of the longest sequence; default 5, after an opening of up to nine. */
  readonly maxSteps?: number;
  /** Look for the smallest sequence that still fails; default true. */
  readonly shrink?: boolean;
  /** Default: all, the usual ones more often. */
  readonly kinds?: readonly BenchKind[];
  /** Asked before each sequence; from the first true on none is run any more. */
  readonly interrupted?: () => boolean;
}

/** All kinds; those in which more can happen come more often. */
const USUAL_MIX: readonly BenchKind[] = [...BENCH_KINDS, '6.30', '6.30', '6.20 split', '6.20 split', '6.60'];

export interface SequenceReport {
  /** That were run: all, unless it was interrupted. */
  readonly sequences: number;
  readonly seed: number;
  readonly tally: Tally;
}

interface Sequence {
  readonly kind: BenchKind;
  readonly opening: Opening;
  readonly steps: readonly Step[];
  readonly ending: Ending;
}

export function sequenceArbitrary(kinds: readonly BenchKind[], maxSteps: number): fc.Arbitrary<Sequence> {
  return fc.record({
    kind: fc.constantFrom(...kinds),
    opening: openingArbitrary,
    ending: fc.constantFrom<Ending>('return first', 'free first'),
    steps: fc.array(stepArbitrary, { minLength: 1, maxLength: maxSteps, size: 'max' }),
  });
}

/**
 * Runs random sequences against the reference model. Throws with the seed, the path and the shrunken sequence as
 * soon as stack and model disagree.
 */
export function runSequences(options: SequenceRunOptions): SequenceReport {
  const { sequences, seed, kinds = USUAL_MIX, maxSteps = 5 } = options;
  const drivers = new Map<BenchKind, SequenceDriver>();
  const tally = emptyTally();
  let ran = 0;
  let isInterrupted = false;
  const retire = (kind: BenchKind): void => {
    const driver = drivers.get(kind);
    if (driver !== undefined) add(tally, driver.tally);
    drivers.delete(kind);
  };
  fc.assert(
    fc.property(sequenceArbitrary(kinds, maxSteps), ({ kind, opening, steps, ending }) => {
      isInterrupted ||= options.interrupted?.() === true;
      if (isInterrupted) return;
      ran++;
      let driver = drivers.get(kind);
      if (driver === undefined) {
        driver = new SequenceDriver({ kind });
        drivers.set(kind, driver);
      }
      try {
        driver.run([...openingSteps(opening, kind === '6.20 split'), ...steps], ending);
      } catch (error) {
        // A bench that disagreed is in nobody knows which state: the next sequence gets a new one.
        retire(kind);
        throw error;
      }
    }),
    {
      numRuns: sequences,
      seed,
      ...(options.path === undefined ? {} : { path: options.path }),
      endOnFailure: options.shrink === false,
    },
  );
  for (const kind of [...drivers.keys()]) retire(kind);
  return { sequences: isInterrupted ? ran : sequences, seed, tally };
}

function add(total: Tally, part: Tally): void {
  for (const key of ['steps', 'requests', 'frames', 'onQueues', 'returned', 'pended'] as const)
    total[key] += part[key];
  for (const [word, count] of part.statuses)
    total.statuses.set(word, (total.statuses.get(word) ?? 0) + count);
}

/** A few lines: how much was done and which answers were given. */
export function summarize({ sequences, seed, tally }: SequenceReport): string {
  const lines = [
    `${sequences} sequences (seed ${seed}): ${tally.steps} steps, ${tally.requests} requests, ` +
      `${tally.frames} frames (${tally.onQueues} on VM queues), ${tally.returned} NBLs returned later, ` +
      `${tally.pended} requests pended`,
  ];
  const statuses = [...tally.statuses].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [word, count] of statuses) lines.push(`  ${word} ${count}`);
  return lines.join('\n');
}
