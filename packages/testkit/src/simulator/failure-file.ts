/** A failure as a file: everything that is needed to see it again, as JSON. */
import { checkSteps, checkWorld, isRecord } from './check-world.ts';
import type { SimulationConfig } from './simulation-config.ts';
import { INVARIANTS, type Invariant } from './simulation-failure.ts';
import type { SimulationStep } from './simulation-step.ts';

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
  | { readonly ok: false; readonly reason: string };

/** Reads a failure, or the first one of a report with `failures`. Never throws. */
export function readFailureFile(text: string): ReadFailure {
  const wrong = (reason: string): ReadFailure => ({ ok: false, reason });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return wrong(`expected JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isRecord(parsed)) return wrong('expected a failure, or a report with failures');
  const { failures } = parsed;
  const found: unknown = Array.isArray(failures) ? failures[0] : parsed;
  if (found === undefined) return wrong('the report has no failure');
  if (!isRecord(found)) return wrong('expected a failure');
  const { version, seed, invariant, message, config, steps } = found;
  if (version !== FAILURE_FILE_VERSION)
    return wrong(`version: expected ${FAILURE_FILE_VERSION}, found ${JSON.stringify(version)}`);
  if (typeof seed !== 'number') return wrong('seed: expected a number');
  if (!INVARIANTS.some((known) => known === invariant))
    return wrong(`invariant: expected one of ${INVARIANTS.join(', ')}; found ${JSON.stringify(invariant)}`);
  const world = checkWorld(config);
  if (typeof world === 'string') return wrong(world);
  const taken = checkSteps(steps);
  if (typeof taken === 'string') return wrong(taken);
  return {
    ok: true,
    failure: {
      version: FAILURE_FILE_VERSION,
      seed,
      invariant: invariant as Invariant,
      message: typeof message === 'string' ? message : '',
      config: world,
      steps: taken,
    },
  };
}
