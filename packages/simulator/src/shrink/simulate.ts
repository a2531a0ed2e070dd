/** Many seeds one after the other, and what is to be said of those that fail. */

import { TraceHash } from '../audit/trace-hash.ts';
import type { FaultName } from '../faults/fault-names.ts';
import type { SimulationStep, StepChoices } from '../steps/simulation-step.ts';
import { FAILURE_FILE_VERSION, type FailureFile } from './failure-file.ts';
import { type Outcome, play, type Scenario, scenarioOf } from './run-simulation.ts';
import { shrinkSteps } from './shrink-steps.ts';

/** Steps that are tried to make one failure short. */
const SHRINK_BUDGET = 300_000;
/** The trace is a reader of records: what it shows is what happens without it, too. */
const NOT_TRACED = 'AND IT DOES NOT HAPPEN WHEN IT IS TRACED, which is a second failure';
/** Trace records that a failure shows. */
const TRACE_TAIL = 40;

export interface SimulationOptions {
  /** The first seed, 32 bits. */
  readonly seed: number;
  /** How many seeds, one after the other; default 1. */
  readonly seeds?: number;
  /** Steps of each; default 2000. */
  readonly steps?: number;
  /** What goes wrong, from time to time; default nothing. */
  readonly faults?: readonly FaultName[];
  /** Guests turn hostile now and then, in any way or in those of these names; default true. */
  readonly hostile?: boolean | readonly string[];
  /** Make failing lists of steps short; default true. */
  readonly shrink?: boolean;
  /** Counts the rare branches of the product's code that were taken, by name; see `Machine.reach`. */
  readonly marks?: Map<string, number>;
  /** Stop after so many failures; default 10. */
  readonly mostFailures?: number;
  /** Called after each seed; `false` ends the run. */
  readonly onSeed?: (seed: number, outcome: Outcome) => boolean | undefined;
  /** Asked before each step, also of those that make a failure short; true ends the run where it is. */
  readonly interrupted?: () => boolean;
}

/** Where a run ended before all its seeds were done: before this step of this seed, from 1. */
export interface SimulationStop {
  readonly seed: number;
  readonly step: number;
  /** It was asked to, by `interrupted` or `onSeed`, or there were `mostFailures`. */
  readonly why: 'interrupted' | 'onSeed' | 'failures';
}

export interface SimulationFailureReport extends FailureFile {
  /** Steps of the seed up to the failure, before they were shrunk. */
  readonly stepsBefore: number;
  /** Number of the step of `steps` after which it was seen, from 1; one more than there are: at the world's end. */
  readonly failedAfter: number;
  /** The last trace records before the failure, in words. */
  readonly trace: readonly string[];
}

export interface SimulationReport {
  /** Of all that happened, in all seeds: the same on every machine. */
  readonly traceHash: string;
  readonly seed: number;
  /** Seeds that were run, to their end or to their failure. */
  readonly seeds: number;
  /** Steps that were taken, those of a seed that was interrupted included. */
  readonly steps: number;
  readonly failures: readonly SimulationFailureReport[];
  /** Null if all seeds were run. */
  readonly stopped: SimulationStop | null;
}

export function simulate(options: SimulationOptions): SimulationReport {
  const { seed, seeds = 1, steps = 2000, shrink = true, mostFailures = 10, onSeed } = options;
  const interrupted = options.interrupted ?? (() => false);
  const hash = new TraceHash();
  const failures: SimulationFailureReport[] = [];
  const choices: StepChoices = { faults: options.faults ?? [], hostile: options.hostile ?? true };
  let ran = 0;
  let taken = 0;
  let stopped: SimulationStop | null = null;
  while (ran < seeds && stopped === null) {
    const current = (seed + ran) >>> 0;
    const scenario = scenarioOf(current, steps, choices);
    const outcome = play(scenario, 0, interrupted, options.marks);
    taken += outcome.steps;
    if (outcome.interrupted) {
      stopped = { seed: current, step: outcome.steps + 1, why: 'interrupted' };
      break;
    }
    ran++;
    hash.addText(outcome.traceHash);
    if (outcome.failure !== null) {
      failures.push(reportFailure(current, scenario, outcome, shrink, interrupted));
    }
    const goesOn = onSeed?.(current, outcome) !== false;
    if (ran === seeds || (goesOn && failures.length < mostFailures)) continue;
    stopped = { seed: current, step: outcome.steps, why: goesOn ? 'failures' : 'onSeed' };
  }
  return { traceHash: hash.digits, seed, seeds: ran, steps: taken, failures, stopped };
}

function reportFailure(
  seed: number,
  { config, steps }: Scenario,
  { failure, steps: stepsBefore }: Outcome,
  shrink: boolean,
  interrupted: () => boolean,
): SimulationFailureReport {
  const invariant = failure?.invariant;
  const until = steps.slice(0, stepsBefore);
  const fails = (tried: readonly SimulationStep[]): boolean =>
    play({ config, steps: tried }, 0, interrupted).failure?.invariant === invariant;
  const kept = shrink ? shrinkSteps(until, fails, SHRINK_BUDGET) : until;
  const last = play({ config, steps: kept }, TRACE_TAIL, interrupted);
  const shown = last.failure ?? failure;
  return {
    version: FAILURE_FILE_VERSION,
    seed,
    invariant: shown?.invariant ?? 'the host lives',
    message:
      last.failure === null && !last.interrupted
        ? `${shown?.message ?? ''}; ${NOT_TRACED}`
        : (shown?.message ?? ''),
    config,
    steps: kept,
    stepsBefore,
    failedAfter: last.failure?.step ?? kept.length,
    trace: last.trace,
  };
}

/** Does what a failure file says, once more. `interrupted` is asked before each step. */
export function replayFailure(
  { config, steps }: Pick<FailureFile, 'config' | 'steps'>,
  interrupted?: () => boolean,
): Outcome {
  return play({ config, steps }, TRACE_TAIL, interrupted);
}

export interface ReplayOptions {
  /** Called after each that was repeated to its end. */
  readonly onReplay?: (recorded: FailureFile, outcome: Outcome) => void;
  /** Asked before each step; true ends it there. */
  readonly interrupted?: () => boolean;
}

/**
 * Does what failure files say, one after the other. The report has those that fail still, the number of all that were
 * repeated as `seeds`, and the seed of the first.
 */
export function replayFailures(
  recorded: readonly FailureFile[],
  options: ReplayOptions = {},
): SimulationReport {
  const hash = new TraceHash();
  const failures: SimulationFailureReport[] = [];
  let stopped: SimulationStop | null = null;
  let seeds = 0;
  let taken = 0;
  for (const one of recorded) {
    const outcome = replayFailure(one, options.interrupted);
    taken += outcome.steps;
    if (outcome.interrupted) {
      stopped = { seed: one.seed, step: outcome.steps + 1, why: 'interrupted' };
      break;
    }
    seeds++;
    hash.addText(outcome.traceHash);
    const { failure, trace } = outcome;
    if (failure !== null) {
      const { invariant, message, step: failedAfter } = failure;
      failures.push({ ...one, invariant, message, stepsBefore: one.steps.length, failedAfter, trace });
    }
    options.onReplay?.(one, outcome);
  }
  return { traceHash: hash.digits, seed: recorded[0]?.seed ?? 0, seeds, steps: taken, failures, stopped };
}
