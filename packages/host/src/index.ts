/**
 * @vmq/host: one host, from the wire to the virtual machines, out of one configuration.
 *
 * `checkHostConfig` says what is wrong with a configuration; `createHost` brings the host up: machine, NIC,
 * miniport, NDIS, switch and guests, joined as drivers are joined on Windows, under the deterministic executor or
 * over worker threads. VMs come and go while it runs (`addVm`, `removeVm`); `@vmq/migration` moves them to other hosts,
 * by way of {@link vmLifeOf}.
 *
 * @packageDocumentation
 */

export type { CounterStart } from '@vmq/machine';
export { isNewerStamp, nextStamp, stampDistance } from '@vmq/nic';
export { type ExtraDataPaths, hostAgentFactories } from './agents/agent-factories.ts';
export { createHost } from './assembly/create-host.ts';
export { type ConfigResult, checkHostConfig, checkVmConfig } from './config/check-config.ts';
export {
  HOST_CONFIG_KEYS,
  type HostConfig,
  type HostConfigInput,
  type VmConfig,
  type VmConfigInput,
  vmqProcessorsOf,
} from './config/config.ts';
export { type ConfigProblem, problemAt } from './config/config-problems.ts';
export { guestMemoryBytes, type HostLimits, type HostSizes } from './config/sizing.ts';
export { meantName } from './config/spelling.ts';
export type { AdapterPart, NicPart, NicQueueCounters, NicSlot, PluggedNic } from './parts/adapter-part.ts';
export { vmqNic } from './parts/vmq-nic.ts';
export {
  type CounterDefinition,
  type CounterLabel,
  type CounterValue,
  countersOf,
  HOST_COUNTERS,
} from './report/counters.ts';
export type { HostView, QueueView, VmView } from './report/host-view.ts';
export { reportOf } from './report/inspect.ts';
export type { HostReport, PortReport, QueueReport } from './report/report.ts';
export type { VmqGate } from './report/vmq-gates.ts';
export type { Guest, MovedGuest } from './vm/guests.ts';
export type { Host, HostOptions, HostWire, PortRequest, ReceivedFrame } from './vm/host.ts';
export type { PartitionSlot } from './vm/partition-slots.ts';
export { type VmLife, vmLifeOf } from './vm/vm-life.ts';
