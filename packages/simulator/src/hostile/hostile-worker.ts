/** Entry file of the worker threads of a host whose VMs may turn hostile. */
import { hostAgentFactories } from '@vmq/host';
import { runWorker } from '@vmq/machine';
import { createHostileGuestAgent } from './hostile-guest-agent.ts';

runWorker(hostAgentFactories({ agents: { guest: createHostileGuestAgent } }));
