import { availableParallelism } from 'node:os';

/** Cores that worker threads can use at the same time. */
export function availableCores(): number {
  return availableParallelism();
}
