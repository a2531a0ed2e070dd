/**
 * `@vmq/testkit`: is the stack what the requirements say?
 *
 * A reference model of VM queues, filters, states and classification, written from the requirements alone and with
 * no code of the stack ({@link ReferenceAdapter}); and a driver that does the same random things to both and
 * compares after every step ({@link runSequences}).
 *
 * And is it so whatever happens, at whatever moment? A deterministic simulator of whole hosts ({@link simulate}), with
 * traffic, requests, migrations and invariants after every step.
 *
 * @packageDocumentation
 */
export { BENCH_KINDS, type BenchKind, type BenchOptions } from './driver/bench.ts';
export { type Opening, openingSteps } from './driver/opening.ts';
export {
  runSequences,
  type SequenceReport,
  type SequenceRunOptions,
  sequenceArbitrary,
  summarize,
} from './driver/run-sequences.ts';
export { Disagreement, type Ending, SequenceDriver, type Tally } from './driver/sequence.ts';
export { type Step, stepArbitrary } from './driver/steps.ts';
export { FAULT_NAMES, type FaultName } from './faults/fault-names.ts';
export { ReferenceAdapter, type ReferenceEvent } from './reference/reference-adapter.ts';
export type * from './reference/vocabulary.ts';
export {
  type FailureFile,
  type ReadFailure,
  type ReadFailures,
  readFailureFile,
  readFailureFiles,
} from './simulator/failure-file.ts';
export type { Fault, Outcome } from './simulator/run-simulation.ts';
export {
  type ReplayOptions,
  replayFailure,
  replayFailures,
  type SimulationFailureReport,
  type SimulationOptions,
  type SimulationReport,
  type SimulationStop,
  simulate,
} from './simulator/simulate.ts';
export type { SimulationConfig } from './simulator/simulation-config.ts';
export { INVARIANTS, type Invariant } from './simulator/simulation-failure.ts';
export type { SimulationStep } from './simulator/simulation-step.ts';
