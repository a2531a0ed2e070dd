/**
 * The agents a host is made of, by name: what the deterministic executor starts in the caller's thread, and what
 * a worker's entry file offers to the threads executor.
 */
import { createGuestAgent } from '@vmq/guest';
import type { AgentFactories } from '@vmq/machine';
import { createVmqMiniportDataPath, VMQ_MINIPORT_DATA_PATH } from '@vmq/miniport';
import type { NdisProcessorFactories } from '@vmq/ndis';
import { createNicAgent } from '@vmq/nic';
import {
  type SwitchExtensionDataPathFactories,
  switchDataPathFactory,
  VSWITCH_DATA_PATH,
} from '@vmq/vswitch';
import { createProcessorAgent, type ProcessorAgentData } from './processor-agent.ts';

/** Data paths of one's own drivers, filter modules and switch extensions, beside those of this repository. */
export interface ExtraDataPaths extends Partial<NdisProcessorFactories> {
  readonly switchExtensions?: SwitchExtensionDataPathFactories;
  /** Agents of one's own in place of this repository's, by name: `guest`, or `nic`. */
  readonly agents?: AgentFactories;
}

export function hostAgentFactories(extra: ExtraDataPaths = {}): AgentFactories {
  const switchDataPath = switchDataPathFactory(extra.switchExtensions ?? {});
  const dataPaths: NdisProcessorFactories = {
    miniports: { [VMQ_MINIPORT_DATA_PATH]: createVmqMiniportDataPath, ...extra.miniports },
    protocols: { [VSWITCH_DATA_PATH]: switchDataPath, ...extra.protocols },
    ...(extra.filters ? { filters: extra.filters } : {}),
  };
  return {
    nic: createNicAgent,
    guest: createGuestAgent,
    processor: (context, data: ProcessorAgentData) => createProcessorAgent(context, data, dataPaths),
    ...extra.agents,
  };
}
