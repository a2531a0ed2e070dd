// The short form, for the packages' own tests: some thousand buffers of one target, against the sources.
import { type Outcomes, runSession } from './session.ts';
import { targetOf } from './targets.ts';

export interface FuzzReport {
  readonly target: string;
  readonly seed: number;
  readonly buffers: number;
  /** How often what came out, by name. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** Seed of the short form; `VMQ_FUZZ_SEED` chooses another. */
const seedOf = (): number => Number(process.env['VMQ_FUZZ_SEED'] ?? 20121122) | 0;

/**
 * Throws at the first buffer that crashes, hangs, reads or writes outside, or is refused without a name; the message
 * says how to repeat it.
 */
export async function fuzzShort(
  name: string,
  { buffers = 20_000, seed = seedOf() } = {},
): Promise<FuzzReport> {
  const target = targetOf(name);
  const outcomes: Outcomes = new Map();
  const started = performance.now();
  let done = 0;
  for (let session = 0; done < buffers; session++) {
    const count = Math.min(target.perSession, buffers - done);
    await runSession(target, { seed, session, count, outcomes });
    done += count;
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `fuzz ${name}: seed ${seed}, ${done} buffers, ${seconds.toFixed(1)} s, ${outcomes.size} outcomes`,
  );
  return { target: name, seed, buffers: done, outcomes: Object.fromEntries(outcomes) };
}
