// Start-up of a host: from an imported library to VMs with open channels, queues and filters.
//   node start-up.js '{"vms":64}'
import { parametersOf, printSample } from '../measuring/sample.ts';
import { controlLoop } from '../measuring/stopwatch.ts';
import { vmsWithQueue } from '../traffic/delivery-check.ts';
import { createBenchHost } from '../traffic/traffic.ts';

const { vms, ndisVersion } = parametersOf({ vms: 64, ndisVersion: '6.20' });
const controlBefore = controlLoop();
const cpu = process.cpuUsage();
const started = performance.now();
const host = createBenchHost({ size: '64', vms, config: { ndisVersion } });
const wallMs = performance.now() - started;
const used = process.cpuUsage(cpu);
const withQueue = vmsWithQueue(host.inspect());
globalThis.gc?.();
const memory = process.memoryUsage();
printSample({
  wallMs,
  cpuMs: (used.user + used.system) / 1000,
  controlNs: Math.max(controlBefore, controlLoop()),
  rssBytes: memory.rss,
  heapBytes: memory.heapUsed,
  sharedBytes: host.machine.memory.segments.reduce((sum, { u8 }) => sum + u8.length, 0),
  problems: withQueue === vms ? [] : [`${withQueue} of ${vms} VMs have a queue`],
});
await host.stop();
