// A fixed number of frames over the whole receive path, for whoever counts what they cost: nothing is timed.
//   node count.js '{"size":"64","vms":8,"ndisVersion":"6.20","vmq":true,"offered":1024,"rounds":1000}'
import { parametersOf } from '../measuring/sample.ts';
import type { Features } from '../traffic/features.ts';
import { createBenchHost, createTraceSource, prepareTrace } from '../traffic/traffic.ts';

const { size, vms, ndisVersion, vmq, offered, rounds, features, udp } = parametersOf({
  size: '64',
  vms: 8,
  ndisVersion: '6.20',
  vmq: true,
  offered: 1024,
  rounds: 1000,
  features: {} as Features,
  udp: false,
});
const host = createBenchHost({ size, vms, config: { ndisVersion, vmq }, features });
prepareTrace(host, { size, vms, udp });
const source = createTraceSource(host);
for (let i = 0; i < rounds; i++) {
  source.offer(offered);
  host.runUntilIdle();
}
await host.stop();
