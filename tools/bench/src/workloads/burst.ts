// Latency of a burst, one core: 64 frames of 64 bytes for 8 VMs appear on the wire at once; the clock runs from the
// doorbell to the moment when the driver has posted every buffer again. (What the VMs still do afterwards, taking
// the frames from their memory, is let pass outside the clock.)
//   node burst.js '{"ms":400}'
import { REG, RX_QUEUE_STRIDE } from '@vmq/nic';
import { quantile } from '../measuring/quantile.ts';
import { parametersOf, printSample } from '../measuring/sample.ts';
import { controlLoop, measure, warmUp } from '../measuring/stopwatch.ts';
import { checkCounters, checkMemory, takeReadings } from '../traffic/delivery-check.ts';
import { createBenchHost, createTraceSource, prepareTrace } from '../traffic/traffic.ts';

const { size, vms, burst, ms, warmUpMs, ndisVersion } = parametersOf({
  size: '64',
  vms: 8,
  burst: 64,
  ms: 400,
  warmUpMs: 600,
  ndisVersion: '6.20',
});
const host = createBenchHost({ size, vms, config: { ndisVersion } });
const trace = prepareTrace(host, { size, vms });
const source = createTraceSource(host);
const bar = host.machine.memory.segments.find(({ name }) => name === 'nic');
if (bar === undefined) throw new Error('the machine has no NIC');
const { i32: words } = bar;

/** Descriptors posted on all queues since they were enabled. */
const posted = (): number => {
  let sum = 0;
  for (let queue = 0; queue <= vms; queue++) sum += words[(REG.RDT + queue * RX_QUEUE_STRIDE) >> 2];
  return sum | 0; // counters wrap
};
let goal = 0;
const isReposted = (): boolean => posted() === goal;

const MOST = 100_000;
const latencies = new Float64Array(MOST);
let taken = 0;
let unposted = 0;
const work = (): void => {
  goal = (posted() + burst) | 0;
  const started = performance.now();
  source.offer(burst);
  // False where the driver does not post all of them at once: then until all is at rest.
  if (!host.executor.runUntil(isReposted)) unposted++;
  latencies[taken++ % MOST] = performance.now() - started;
  host.runUntilIdle();
};
warmUp(work, warmUpMs);
const before = takeReadings(host, source);
taken = 0;
unposted = 0;
const time = measure(work, ms);
// How long the same clock says a fixed piece of work takes: what of the tail is the machine's.
const control = Float64Array.from({ length: 20_000 }, () => {
  const started = performance.now();
  let x = 1;
  for (let i = 0; i < 2000; i++) x = Math.imul(x, 1664525) + 1013904223;
  return performance.now() - started + (x === 0 ? 1 : 0);
});
const list = latencies.subarray(0, Math.min(taken, MOST));
const us = (milliseconds: number): number => milliseconds * 1000;
const problems = [...checkCounters(host, source, trace, before), ...checkMemory(host, source, trace)];
printSample({
  bursts: taken,
  ...time,
  controlNs: Math.max(time.controlNs, controlLoop()),
  p50us: us(quantile(list, 0.5)),
  p90us: us(quantile(list, 0.9)),
  p99us: us(quantile(list, 0.99)),
  controlP50us: us(quantile(control, 0.5)),
  controlP99us: us(quantile(control, 0.99)),
  untilRest: unposted / taken,
  problems,
});
await host.stop();
