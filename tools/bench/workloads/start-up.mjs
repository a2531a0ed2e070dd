// Start-up of a host: from an imported library to VMs with open channels, queues and filters.
//   node start-up.mjs '{"vms":64}'
import { controlLoop } from '../stopwatch.mjs';
import { createBenchHost } from '../traffic.mjs';

const { vms = 64, ndisVersion = '6.20' } = JSON.parse(process.argv[2] ?? '{}');
const controlBefore = controlLoop();
const cpu = process.cpuUsage();
const started = performance.now();
const host = createBenchHost({ size: '64', vms, config: { ndisVersion } });
const wallMs = performance.now() - started;
const used = process.cpuUsage(cpu);
const problems = [];
const { ports } = host.inspect();
const withQueue = ports.filter(({ VmName, QueueID }) => VmName !== '' && QueueID !== 0).length;
if (withQueue !== vms) problems.push(`${withQueue} of ${vms} VMs have a queue`);
globalThis.gc?.();
const memory = process.memoryUsage();
console.log(
  JSON.stringify({
    wallMs,
    cpuMs: (used.user + used.system) / 1000,
    controlNs: Math.max(controlBefore, controlLoop()),
    rssBytes: memory.rss,
    heapBytes: memory.heapUsed,
    sharedBytes: host.machine.memory.segments.reduce((sum, { u8 }) => sum + u8.length, 0),
    problems,
  }),
);
await host.stop();
