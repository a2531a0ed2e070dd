/**
 * `@vmq/reference-model`: is the stack what the requirements say?
 *
 * A model of VM queues, filters, states and classification, written from the requirements alone and with no code of the
 * stack ({@link ReferenceAdapter}); and a driver that does the same random things to both and compares after every step
 * ({@link runSequences}).
 *
 * @packageDocumentation
 */
export { BENCH_KINDS, type BenchKind, type BenchOptions } from './driver/bench.ts';
export { type Opening, openingSteps } from './driver/opening.ts';
export { oidRequestOf } from './driver/request-bytes.ts';
export { packetFilter } from './driver/resolve-step.ts';
export {
  runSequences,
  type SequenceReport,
  type SequenceRunOptions,
  sequenceArbitrary,
  summarize,
} from './driver/run-sequences.ts';
export { Disagreement, type Ending, SequenceDriver, type Tally } from './driver/sequence.ts';
export { macHeaderTest, type Step, stepArbitrary } from './driver/steps.ts';
export { ReferenceAdapter } from './reference/reference-adapter.ts';
export type { ReferenceEvent } from './reference/reference-event.ts';
export type * from './reference/vocabulary.ts';
