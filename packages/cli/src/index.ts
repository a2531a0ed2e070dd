/**
 * The `vmq` command, as parts that programs can call.
 *
 * ```text
 *   capture file ──intake──> wire feed (windows) ──> host ──> report, ledger
 *        │                                            └─────> one pcapng per VM
 *        └─first pass──> VM discovery ──> configuration
 * ```
 *
 * {@link replayCapture} is `vmq replay`, {@link explainFrame} is `vmq why`, `simulate` of `@vmq/simulator` is
 * `vmq simulate`; {@link runCli} is the command line around
 * them. What cannot run at all is thrown as {@link CannotRun}; what is wrong with part of an input is in the result.
 *
 * @packageDocumentation
 */
export { runCli } from './cli.ts';
export { parseConfig, readConfig } from './config/read-config.ts';
export type { PassOptions } from './input/capture-file.ts';
export { CaptureInput } from './input/capture-input.ts';
export { Progress } from './input/progress.ts';
export type { CommandName, Envelope, ErrorJson, FailureCode } from './json/envelope.ts';
export { type ReplayJson, replayJson } from './json/replay-json.ts';
export type { OutputFile } from './output/output-directory.ts';
export {
  CannotRun,
  EXIT_BAD_IN_PART,
  EXIT_COULD_NOT_RUN,
  EXIT_GOOD,
  EXIT_INTERNAL,
  EXIT_INTERRUPTED,
} from './process/exit-code.ts';
export { type Interrupted, StoppedByUser } from './process/interruption.ts';
export { type DiscoveredVm, type DiscoveryEvidence, VmDiscovery } from './replay/discover-vms.ts';
export { OUTBOUND_POLICIES, type OutboundPolicy } from './replay/frame-direction.ts';
export type { SkipReason } from './replay/frame-intake.ts';
export type { Problem, ProblemPlace } from './replay/problem-log.ts';
export {
  type InputReport,
  type ReplayOptions,
  type ReplayResult,
  replayCapture,
} from './replay/replay-capture.ts';
export { type HostOverrides, type ReplayConfig, replayConfig } from './replay/replay-config.ts';
export { Screen, type Terminal } from './text/terminal.ts';
export {
  explainFrame,
  type WhyDelivery,
  type WhyJson,
  type WhyOptions,
  type WhyStep,
} from './why/explain-frame.ts';
