/**
 * @vmq/host: one host, from the wire to the virtual machines, out of one configuration.
 *
 * `checkHostConfig` says what is wrong with a configuration; `createHost` brings the host up: machine, NIC,
 * miniport, NDIS, switch and guests, joined as drivers are joined on Windows, under the deterministic executor or
 * over worker threads. VMs come and go while it runs (`addVm`, `removeVm`), and move to another host without
 * stopping for longer than it takes to hand over what is left (`migrateVm`).
 *
 * @packageDocumentation
 */

export type { CounterStart } from '@vmq/machine';
export { isNewerStamp, nextStamp, stampDistance } from '@vmq/nic';
export { type ExtraDataPaths, hostAgentFactories } from './agents/agent-factories.ts';
export { createHost } from './assembly/create-host.ts';
export { type ConfigResult, checkHostConfig } from './config/check-config.ts';
export {
  HOST_CONFIG_KEYS,
  type HostConfig,
  type HostConfigInput,
  type VmConfig,
  type VmConfigInput,
  vmqProcessorsOf,
} from './config/config.ts';
export { type ConfigProblem, problemAt } from './config/config-problems.ts';
export type { HostLimits, HostSizes } from './config/sizing.ts';
export { meantName } from './config/spelling.ts';
export { migrateVm } from './migration/migration.ts';
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
} from './migration/migration-report.ts';
export type { HostReport, PortReport, QueueReport } from './report/report.ts';
export type { VmqGate } from './report/vmq-gates.ts';
export type { Host, HostOptions, HostWire, PortRequest, ReceivedFrame } from './vm/host.ts';
