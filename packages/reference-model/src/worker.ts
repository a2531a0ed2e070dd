/** Entry file of the worker threads of a bench under the threads executor. */
import { runWorker } from '@vmq/machine';
import { benchAgentFactories } from './driver/agents.ts';

runWorker(benchAgentFactories());
