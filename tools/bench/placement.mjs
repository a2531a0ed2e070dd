// Which thread does what in the cases with threads: one place to say it, for all of them.
//
// Two cores:   core A  the device, and beside it the benchmark's generator
//              core B  the processors' and the guests' agents
// Host options that are not known to createHost are ignored by it.

/** Options for a host whose device is on the one core and whose software is on the other. */
export function deviceBesideSoftware(vmNames) {
  return { placement: [['nic'], ['processor:0', ...vmNames.map((name) => `vm:${name}`)]] };
}

/** Options for a host with two processors, each with its own queues and VMs. */
export function twoProcessors(vmNames) {
  const half = (which) => vmNames.filter((_, i) => i % 2 === which).map((name) => `vm:${name}`);
  return {
    placement: [
      ['nic', 'processor:0', ...half(0)],
      ['processor:1', ...half(1)],
    ],
  };
}

/**
 * Options for a host with one processor that is in one thread, all of it: nothing between wire and VM waits for another
 * core, and whoever makes the traffic has the other one.
 */
export function everythingTogether(vmNames) {
  return { placement: [['nic', 'processor:0', ...vmNames.map((name) => `vm:${name}`)]] };
}
