// Most workloads run in one thread, on the deterministic executor.
import type { DeterministicExecutor, Executor } from '@vmq/machine';

/** The executor as what it is; throws if it is another. */
export function deterministic(executor: Executor): DeterministicExecutor {
  if (!isDeterministic(executor)) throw new Error(`an executor of kind ${executor.kind}`);
  return executor;
}

const isDeterministic = (executor: Executor): executor is DeterministicExecutor =>
  executor.kind === 'deterministic';
