/**
 * @vmq/host: one host, from the wire to the virtual machines, out of one configuration.
 *
 * `checkHostConfig` says what is wrong with a configuration; `createHost` brings the host up: machine, NIC,
 * miniport, NDIS, switch and guests, joined as drivers are joined on Windows, under the deterministic executor or
 * over worker threads.
 *
 * @packageDocumentation
 */
export { type ExtraDataPaths, hostAgentFactories } from './agent-factories.ts';
export {
  type ConfigProblem,
  type ConfigResult,
  checkHostConfig,
  type HostConfig,
  type HostConfigInput,
  type VmConfig,
} from './config.ts';
export { createHost } from './create-host.ts';
export type { Host, HostOptions, HostWire, ReceivedFrame } from './host.ts';
export type { HostReport, PortReport, QueueReport } from './report.ts';
