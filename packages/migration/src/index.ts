/**
 * @vmq/migration: a running VM moves from one host to another, and what passes between them is bytes.
 *
 * `migrateVm` moves it between two hosts of this thread. `sendVm` and `receiveVm` are the two ends of the same
 * conversation over any link that carries bytes, so that the hosts may be in different processes.
 *
 * @packageDocumentation
 */
export { type MigrationLink, receiveVm, sendVm } from './link/link.ts';
export { migrateVm } from './link/migrate-vm.ts';
export {
  type DropCounts,
  type FrameEnds,
  MIGRATION_STEPS,
  type MigrationOptions,
  type MigrationProgress,
  type MigrationReport,
  type MigrationResult,
  type MigrationStep,
  type StopPoint,
} from './report/report.ts';
export { MIGRATION_VERSION } from './stream/messages.ts';
export type { ArrivalResult } from './target/target-session.ts';
