/**
 * `@vmq/simulator`: does the stack keep its promises whatever happens, at whatever moment?
 *
 * A deterministic simulator of whole hosts ({@link simulate}), with traffic, requests, faults, hostile guests, migrations,
 * and invariants after every step; a failure is a file that can be done again ({@link replayFailure}). And a long run of
 * migrations between hosts under traffic ({@link runMigrations}).
 *
 * @packageDocumentation
 */

export { INVARIANTS, type Invariant } from './audit/simulation-failure.ts';
export { FAULT_NAMES, type FaultName } from './faults/fault-names.ts';
export {
  type FailureFile,
  type ReadFailure,
  type ReadFailures,
  readFailureFile,
  readFailureFiles,
} from './shrink/failure-file.ts';
export type { Fault, Outcome } from './shrink/run-simulation.ts';
export {
  type ReplayOptions,
  replayFailure,
  replayFailures,
  type SimulationFailureReport,
  type SimulationOptions,
  type SimulationReport,
  type SimulationStop,
  simulate,
} from './shrink/simulate.ts';
export { runMigrations, type SoakOptions, type SoakReport } from './soak/run-migrations.ts';
export type { SimulationConfig } from './steps/simulation-config.ts';
export type { SimulationStep } from './steps/simulation-step.ts';
