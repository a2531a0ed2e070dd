/** The commonest scene of the receive tests: one queue, one filter. */
import { FLTVLAN_ANY, RXCTL_DROPEN, RXCTL_ENABLE } from '../src/registers/register-constants.ts';
import { Bench, type BenchQueue, macOf } from './bench.test-support.ts';

export const MAC = macOf(1);
export const DROPPING = RXCTL_ENABLE | RXCTL_DROPEN;

export function oneQueue(
  size: number = 64,
  post: number = size,
  control: number = DROPPING,
): [Bench, BenchQueue] {
  const bench = new Bench();
  const queue = bench.queue(1, size);
  queue.enable(post, control);
  bench.filter(4, MAC, FLTVLAN_ANY, 0, 1);
  bench.configure();
  return [bench, queue];
}

export const untag = (frame: Uint8Array): Uint8Array =>
  Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)]);
export const dropped = (bench: Bench): Readonly<Record<string, number>> =>
  bench.machine.ledger.report().ends.dropped;
