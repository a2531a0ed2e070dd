/** The machine of a host and the executor that runs its agents: what is there before any driver is loaded. */
import {
  availableCores,
  createDeterministicExecutor,
  createMachine,
  createRealClock,
  createThreadsExecutor,
  createVirtualClock,
  type Executor,
  type Machine,
} from '@vmq/machine';
import { NDIS_DROP_REASONS } from '@vmq/ndis';
import { VMBUS_DROP_REASONS } from '@vmq/netvsc';
import { VSWITCH_DROP_REASONS } from '@vmq/vswitch';
import { hostAgentFactories } from '../agents/agent-factories.ts';
import { type HostConfig, mostVms } from '../config/config.ts';
import type { HostSizes } from '../config/sizing.ts';
import type { HostOptions } from '../vm/host.ts';
import { vmAgentName } from '../vm/partition-slots.ts';
import { placementOnCores, placementPerProcessor } from './placement.ts';

/** Name of the agent under which the control path writes its trace records; it never runs. */
export const CONTROL_AGENT = 'control';

/** Most memory for young objects in each worker thread: data paths make none per frame, so what Node takes is idle. */
const YOUNG_MB = 4;

export interface MachineRoom {
  readonly machine: Machine;
  readonly executor: Executor;
}

export interface MachineNeeds {
  readonly sizes: HostSizes;
  /** Names of the NIC's agents. */
  readonly nicAgents: readonly string[];
  /** Ledger counters of NIC and of miniport. */
  readonly dropReasons: { readonly nic: readonly string[]; readonly driver: readonly string[] };
  /** Processors with VM queues. */
  readonly vmqProcessors: readonly number[];
}

export function furnish(config: HostConfig, options: HostOptions, needs: MachineNeeds): MachineRoom {
  const { sizes, nicAgents, dropReasons } = needs;
  const threads = config.executor === 'threads';
  const powerOn = performance.now();
  const virtualClock = createVirtualClock(options.counters?.nanoseconds);
  const machine = createMachine({
    hostMemoryBytes: sizes.hostMemoryBytes,
    processors: config.processors,
    agents: [CONTROL_AGENT, ...nicAgents, ...config.vms.map(({ name }) => vmAgentName(name))],
    maxAgents: config.processors + 1 + nicAgents.length + mostVms(config),
    dropReasons: [
      ...dropReasons.nic,
      ...NDIS_DROP_REASONS,
      ...dropReasons.driver,
      ...VMBUS_DROP_REASONS,
      ...VSWITCH_DROP_REASONS,
      ...(options.dropReasons ?? []),
    ],
    traceRecords: options.traceRecords ?? 4096,
    clock: threads ? createRealClock(powerOn, () => performance.now()) : virtualClock,
    ...(options.onMark ? { onMark: options.onMark } : {}),
    ...(options.counters ? { counters: options.counters } : {}),
  });
  const executor: Executor = threads
    ? createThreadsExecutor(machine, {
        entry: options.workerEntry ?? builtFile('worker.js'),
        placement: groupsOf(options, config, needs.vmqProcessors),
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
        ...(options.spin === undefined ? {} : { spin: options.spin }),
        ...(options.cores !== undefined && { cores: options.cores }),
        // Under a test runner this process reads sources; its workers must not.
        ...(import.meta.url.endsWith('.ts') ? { execArgv: [] } : {}),
      })
    : createDeterministicExecutor(machine, virtualClock, {
        factories: hostAgentFactories(options.dataPaths),
        seed: config.seed,
        schedule: config.schedule,
      });
  return { machine, executor };
}

function groupsOf(
  { placement, cores = availableCores() }: HostOptions,
  config: HostConfig,
  vmqProcessors: readonly number[],
): readonly (readonly string[])[] {
  if (placement === undefined) return placementOnCores(config, cores);
  return placement === 'per-processor' ? placementPerProcessor(config, vmqProcessors) : placement;
}

/** A file of the built package; under a test runner this file runs from `src`, which Node's workers cannot. */
function builtFile(name: string): URL {
  return new URL(import.meta.url.endsWith('.ts') ? `../../dist/${name}` : `../${name}`, import.meta.url);
}
