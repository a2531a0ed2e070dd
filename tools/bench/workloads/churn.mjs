// Throughput after the control path has been busy: 1,000 times a VM's queue is freed and allocated again, 10,000 times a
// VM's filter is cleared and set, with frames in between. A changed shape or type would leave slower code behind.
//   node churn.mjs '{"cycles":1000,"changes":10000,"ms":400}'     cycles and changes 0: a fresh process
import { checkCounters, checkMemory, takeReadings } from '../delivery-check.mjs';
import { measure, warmUp } from '../stopwatch.mjs';
import { macOf } from '../trace.mjs';
import { createBenchHost, createTraceSource, prepareTrace } from '../traffic.mjs';

const parameters = JSON.parse(process.argv[2] ?? '{}');
const { size = '64', vms = 8, ms = 400, warmUpMs = 500, ndisVersion = '6.20' } = parameters;
const { cycles = 1000, changes = 10_000, offered = 1024 } = parameters;
const host = createBenchHost({ size, vms, config: { ndisVersion } });
const trace = prepareTrace(host, { size, vms });
const source = createTraceSource(host);
const work = () => {
  source.offer(offered);
  host.runUntilIdle();
};
const must = ({ status, reason }, what) => {
  if (status !== 0) throw new Error(`${what}: status ${status.toString(16)}: ${reason}`);
};
const ports = host.inspect().ports.filter(({ VmName }) => VmName !== '');
const macNumber = (bytes) => ({
  hi: bytes[0] * 256 + bytes[1],
  lo: ((bytes[2] << 24) | (bytes[3] << 16) | (bytes[4] << 8) | bytes[5]) >>> 0,
});
const few = () => {
  source.offer(64);
  host.runUntilIdle();
};

warmUp(work, warmUpMs);
const cyclesBegan = performance.now();
for (let i = 0; i < cycles; i++) {
  const { PortId } = ports[i % ports.length];
  must(host.virtualSwitch.disconnectNic(PortId), 'disconnect');
  if (i % 16 === 0) few();
  must(host.virtualSwitch.connectNic(PortId), 'connect');
  if (i % 16 === 0) few();
}
const cyclesMs = performance.now() - cyclesBegan;
const changesBegan = performance.now();
for (let i = 0; i < changes; i++) {
  const vm = (i >> 1) % ports.length;
  const { PortId } = ports.find(({ VmName }) => VmName === `vm${vm}`);
  // Another address, and back.
  const other = [2, 1, ...macOf(vm).slice(2)];
  must(
    host.virtualSwitch.setPort(PortId, { mac: macNumber(i % 2 === 0 ? other : macOf(vm)) }),
    'set the MAC',
  );
  if (i % 64 < 2) few();
}
const changesMs = performance.now() - changesBegan;

// What deoptimised may settle again, as it does in a host that runs on.
warmUp(work, warmUpMs);
const before = takeReadings(host, source);
const time = measure(work, ms);
const frames = source.offered - before.offered;
const problems = [...checkCounters(host, source, trace, before), ...checkMemory(host, source, trace)];
const withQueue = host.inspect().ports.filter(({ VmName, QueueID }) => VmName !== '' && QueueID !== 0).length;
if (withQueue !== vms) problems.push(`${withQueue} of ${vms} VMs have a queue at the end`);
console.log(
  JSON.stringify({
    frames,
    ...time,
    mpps: frames / time.wallMs / 1000,
    queueCyclesPerSecond: cycles === 0 ? undefined : (cycles * 1000) / cyclesMs,
    filterChangesPerSecond: changes === 0 ? undefined : (changes * 1000) / changesMs,
    problems,
  }),
);
await host.stop();
