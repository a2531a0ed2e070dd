/** Makes the extensions' data paths of one processor, in the order of ingress. */

import type { ProcessorServices } from '@vmq/ddi';
import type { AgentContext } from '@vmq/machine';
import type { SwitchExtensionDataPathFactories } from '../model/extension-data-path.ts';
import type { SwitchExtensionsImage } from '../model/messages.ts';
import type { ExtensionStage } from './extension-steps.ts';

export function makeStages(
  context: AgentContext,
  processor: ProcessorServices,
  image: SwitchExtensionsImage,
  factories: SwitchExtensionDataPathFactories,
): ExtensionStage[] {
  const stages: ExtensionStage[] = [];
  image.list.forEach(({ type, factory, image: own }, number) => {
    if (factory === '') return;
    const make = factories[factory];
    if (make === undefined) {
      const known = Object.keys(factories).join(', ') || 'none';
      throw new Error(`no switch-extension data-path factory '${factory}'; there are: ${known}`);
    }
    stages.push({ path: make(context, processor, own), number, mayDrop: type !== 'capturing' });
  });
  return stages;
}
