/** Which agents share a thread where every processor is to have all that works for it. */
import { nicEngineAgent } from '@vmq/nic';
import type { HostConfig } from '../config/config.ts';
import { vmAgentName } from '../vm/partition-slots.ts';

/**
 * A group per processor: itself, the receive engine of its number, and the VMs of the configuration whose queue and
 * channel the switch puts there, which are spread in turn. `spread`: the processors with VM queues.
 *
 *   processor:0  nic    vm 0  vm 2 …
 *   processor:1  nic:1  vm 1  vm 3 …
 */
export function placementPerProcessor(config: HostConfig, spread: readonly number[]): string[][] {
  const { processors, nic, vms } = config;
  return Array.from({ length: processors }, (_, processor) => [
    ...(processor < nic.receiveEngines ? [nicEngineAgent(processor)] : []),
    `processor:${processor}`,
    ...vms.filter((_vm, i) => spread[i % spread.length] === processor).map(({ name }) => vmAgentName(name)),
  ]);
}

/** Processors that run side by side at least, where there is a core for one only: what is parallel is to be seen as such. */
const LEAST_THREADS = 2;

/**
 * Where nothing is said: the processors spread over as many threads as there are cores, for a thread costs 20 MB and more of
 * them can do nothing at once. A thread of its own for each, and so no group, where there are cores for all.
 */
export function placementOnCores({ processors }: HostConfig, cores: number): string[][] {
  const threads = Math.max(LEAST_THREADS, cores);
  if (processors <= threads) return [];
  return Array.from({ length: threads }, (_, thread) =>
    Array.from({ length: processors }, (_name, p) => p)
      .filter((p) => p % threads === thread)
      .map((p) => `processor:${p}`),
  );
}
