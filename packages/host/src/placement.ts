/** Which agents share a thread where every processor is to have all that works for it. */
import { nicEngineAgent } from '@vmq/nic';
import { type HostConfig, vmqProcessorsOf } from './config.ts';
import { vmAgentName } from './vm-places.ts';

/**
 * A group per processor: itself, the receive engine of its number, and the VMs of the configuration whose queue and
 * channel the switch puts there, which are spread in turn.
 *
 *   processor:0  nic    vm 0  vm 2 …
 *   processor:1  nic:1  vm 1  vm 3 …
 */
export function placementPerProcessor(config: HostConfig): string[][] {
  const { processors, nic, vms } = config;
  const spread = vmqProcessorsOf(config);
  return Array.from({ length: processors }, (_, processor) => [
    ...(processor < nic.receiveEngines ? [nicEngineAgent(processor)] : []),
    `processor:${processor}`,
    ...vms.filter((_vm, i) => spread[i % spread.length] === processor).map(({ name }) => vmAgentName(name)),
  ]);
}
