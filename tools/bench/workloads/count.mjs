// A fixed number of frames over the whole receive path, for whoever counts what they cost: nothing is timed.
//   node count.mjs '{"size":"64","vms":8,"ndisVersion":"6.20","vmq":true,"offered":1024,"rounds":1000}'
import { createBenchHost, createTraceSource, prepareTrace } from '../traffic.mjs';

const parameters = JSON.parse(process.argv[2] ?? '{}');
const { size = '64', vms = 8, ndisVersion = '6.20', vmq = true, offered = 1024, rounds = 1000 } = parameters;
const host = createBenchHost({ size, vms, config: { ndisVersion, vmq } });
prepareTrace(host, { size, vms });
const source = createTraceSource(host);
for (let i = 0; i < rounds; i++) {
  source.offer(offered);
  host.runUntilIdle();
}
await host.stop();
