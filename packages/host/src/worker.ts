/** Entry file of a host's worker threads. A host with drivers of its own writes one like it. */
import { runWorker } from '@vmq/machine';
import { hostAgentFactories } from './agents/agent-factories.ts';

runWorker(hostAgentFactories());
