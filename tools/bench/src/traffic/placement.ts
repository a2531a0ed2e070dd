// Which thread does what in the cases with threads: one place to say it, for all of them.
//
// Two cores:   core A  the device, and beside it the benchmark's generator
//              core B  the processors' and the guests' agents
//   or         a core for each processor, its receive engine and its guests; the generator beside the first engine
import type { HostOptions } from '@vmq/host';

type Placement = Pick<HostOptions, 'placement'>;

/** Options for a host whose device is on the one core and whose software is on the other. */
export function deviceBesideSoftware(vmNames: readonly string[]): Placement {
  return { placement: [['nic'], ['processor:0', ...vmNames.map((name) => `vm:${name}`)]] };
}

/** Options for a host with several processors, each with its own receive engine, queues and VMs on a core of its own. */
export function perProcessor(): Placement {
  return { placement: 'per-processor' };
}

/**
 * Options for a host with one processor that is in one thread, all of it: nothing between wire and VM waits for another
 * core, and whoever makes the traffic has the other one.
 */
export function everythingTogether(vmNames: readonly string[]): Placement {
  return { placement: [['nic', 'processor:0', ...vmNames.map((name) => `vm:${name}`)]] };
}
