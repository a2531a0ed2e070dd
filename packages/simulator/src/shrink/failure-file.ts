/** A failure as a file: everything that is needed to see it again, as JSON. */
import { type ConfigProblem, problemAt } from '@vmq/host';
import { isSeed, MAX_SEED } from '@vmq/machine';
import { INVARIANTS, type Invariant } from '../audit/simulation-failure.ts';
import { isRecord, type Problem, shown, worldOf, worldProblems } from '../steps/check-world.ts';
import type { SimulationConfig } from '../steps/simulation-config.ts';
import type { SimulationStep } from '../steps/simulation-step.ts';
import { stepProblems } from '../steps/step-check.ts';

/** Of the world's meaning of steps; a file of another version may do something else. */
export const FAILURE_FILE_VERSION = 1;

export interface FailureFile {
  readonly version: typeof FAILURE_FILE_VERSION;
  readonly seed: number;
  readonly invariant: Invariant;
  readonly message: string;
  readonly config: SimulationConfig;
  /** The steps that are needed, as they were shrunk. */
  readonly steps: readonly SimulationStep[];
}

export type ReadFailure =
  | { readonly ok: true; readonly failure: FailureFile }
  | {
      readonly ok: false;
      /** Why it is no failure at all, or the first of what is wrong with it. */
      readonly reason: string;
      /** A failure, but one that cannot be repeated: all that is wrong with it, by path. Empty if it is none. */
      readonly problems: readonly ConfigProblem[];
    };

export type ReadFailures =
  | { readonly ok: true; readonly failures: readonly FailureFile[] }
  | Extract<ReadFailure, { readonly ok: false }>;

/** Reads a failure, or the first one of a report with `failures`. Never throws. */
export function readFailureFile(text: string): ReadFailure {
  const read = readFailureFiles(text);
  if (!read.ok) return read;
  const [failure] = read.failures;
  return failure === undefined ? noFailure('the report has no failure') : { ok: true, failure };
}

/** Reads a failure, or all of a report with `failures`, which may be none. Never throws. */
export function readFailureFiles(text: string): ReadFailures {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return noFailure(`expected JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isRecord(parsed)) return noFailure('expected a failure, or a report with failures');
  const { failures } = parsed;
  const found: readonly unknown[] = Array.isArray(failures) ? failures : [parsed];
  const problems: ConfigProblem[] = [];
  for (const [i, one] of found.entries()) {
    if (!isRecord(one)) return noFailure('expected a failure');
    const { version } = one;
    if (version !== FAILURE_FILE_VERSION)
      return noFailure(`version: expected ${FAILURE_FILE_VERSION}, found ${JSON.stringify(version)}`);
    const around = Array.isArray(failures) ? ['failures', i] : [];
    for (const { keys, message } of failureProblems(one))
      problems.push(problemAt([...around, ...keys], message));
  }
  const [first] = problems;
  if (first !== undefined) return { ok: false, reason: `${first.path}: ${first.message}`, problems };
  return { ok: true, failures: found.map((one) => failureOf(one as FailureFile)) };
}

function noFailure(reason: string): Extract<ReadFailure, { readonly ok: false }> {
  return { ok: false, reason, problems: [] };
}

/** All that is wrong with a failure, its hosts as configurations are checked. */
function failureProblems({ seed, invariant, config, steps }: Readonly<Record<string, unknown>>): Problem[] {
  const problems: Problem[] = [];
  const wrong = (keys: ConfigProblem['keys'], message: string): void => void problems.push({ keys, message });
  if (!isSeed(seed)) wrong(['seed'], `expected a whole number from 0 to ${MAX_SEED}, found ${shown(seed)}`);
  if (!INVARIANTS.some((known) => known === invariant)) {
    const message = `expected one of ${INVARIANTS.join(', ')}; found ${shown(invariant)}`;
    wrong(['invariant'], message);
  }
  problems.push(...worldProblems(config));
  if (!Array.isArray(steps)) wrong(['steps'], 'expected a list');
  else problems.push(...steps.flatMap((step, i) => stepProblems(step, ['steps', i])));
  return problems;
}

/** What of a checked failure is needed to repeat it. */
function failureOf({ seed, invariant, message, config, steps }: FailureFile): FailureFile {
  return {
    version: FAILURE_FILE_VERSION,
    seed,
    invariant,
    message: typeof message === 'string' ? message : '',
    config: worldOf(config),
    steps,
  };
}
