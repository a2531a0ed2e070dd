// Throughput after the control path has been busy: 1,000 times a VM's queue is freed and allocated again, 10,000 times a
// VM's filter is cleared and set, with frames in between. A changed shape or type would leave slower code behind.
//   node churn.js '{"cycles":1000,"changes":10000,"ms":400}'     cycles and changes 0: a fresh process
import { parametersOf, printSample } from '../measuring/sample.ts';
import { measure, warmUp } from '../measuring/stopwatch.ts';
import { checkCounters, checkMemory, takeReadings, vmsWithQueue } from '../traffic/delivery-check.ts';
import { macOf } from '../traffic/trace.ts';
import { createBenchHost, createTraceSource, prepareTrace } from '../traffic/traffic.ts';

const { size, vms, ms, warmUpMs, ndisVersion, cycles, changes, offered } = parametersOf({
  size: '64',
  vms: 8,
  ms: 400,
  warmUpMs: 500,
  ndisVersion: '6.20',
  cycles: 1000,
  changes: 10_000,
  offered: 1024,
});
const host = createBenchHost({ size, vms, config: { ndisVersion } });
const trace = prepareTrace(host, { size, vms });
const source = createTraceSource(host);
const send = (count: number): void => {
  source.offer(count);
  host.runUntilIdle();
};
const work = (): void => send(offered);
const FEW = 64;

interface Answered {
  readonly status: number;
  readonly reason?: string | null;
}
function must({ status, reason }: Answered, what: string): void {
  if (status !== 0) throw new Error(`${what}: status ${status.toString(16)}: ${reason}`);
}

/** A MAC address as the switch takes it. */
const macNumber = (bytes: readonly number[]): { hi: number; lo: number } => ({
  hi: bytes[0] * 256 + bytes[1],
  lo: ((bytes[2] << 24) | (bytes[3] << 16) | (bytes[4] << 8) | bytes[5]) >>> 0,
});

const ports = host.inspect().ports.filter(({ VmName }) => VmName !== '');
function portOf(vm: number): number {
  const port = ports.find(({ VmName }) => VmName === `vm${vm}`);
  if (port === undefined) throw new Error(`vm${vm} has no port`);
  return port.PortId;
}

function cycleQueues(): number {
  const started = performance.now();
  for (let i = 0; i < cycles; i++) {
    const { PortId } = ports[i % ports.length];
    must(host.virtualSwitch.disconnectNic(PortId), 'disconnect');
    if (i % 16 === 0) send(FEW);
    must(host.virtualSwitch.connectNic(PortId), 'connect');
    if (i % 16 === 0) send(FEW);
  }
  return performance.now() - started;
}

function changeFilters(): number {
  const started = performance.now();
  for (let i = 0; i < changes; i++) {
    const vm = (i >> 1) % ports.length;
    // Another address, and back.
    const other = [2, 1, ...macOf(vm).slice(2)];
    const mac = macNumber(i % 2 === 0 ? other : macOf(vm));
    must(host.virtualSwitch.setPort(portOf(vm), { mac }), 'set the MAC');
    if (i % 64 < 2) send(FEW);
  }
  return performance.now() - started;
}

warmUp(work, warmUpMs);
const cyclesMs = cycleQueues();
const changesMs = changeFilters();
// What deoptimised may settle again, as it does in a host that runs on.
warmUp(work, warmUpMs);
const before = takeReadings(host, source);
const time = measure(work, ms);
const frames = source.offered - before.offered;
const problems = [...checkCounters(host, source, trace, before), ...checkMemory(host, source, trace)];
const withQueue = vmsWithQueue(host.inspect());
if (withQueue !== vms) problems.push(`${withQueue} of ${vms} VMs have a queue at the end`);
printSample({
  frames,
  ...time,
  mpps: frames / time.wallMs / 1000,
  ...(cycles === 0 ? {} : { queueCyclesPerSecond: (cycles * 1000) / cyclesMs }),
  ...(changes === 0 ? {} : { filterChangesPerSecond: (changes * 1000) / changesMs }),
  problems,
});
await host.stop();
