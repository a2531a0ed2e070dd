// Latency from the wire to the VM across threads, the device on one core and the host's software on the other.
//   node wire-to-vm.mjs '{"mode":"spinning","frames":200000}'    a frame each microsecond, threads that never sleep
//   node wire-to-vm.mjs '{"mode":"asleep","frames":300}'         one frame at a time, to threads that all sleep
// From the instant at which a frame is due on the wire to the one at which the VM's driver has taken it from its memory.
import { vmLifeOf } from '../../../packages/host/dist/vm-life.js';
import { deviceBesideSoftware } from '../placement.mjs';
import { quantile } from '../quantile.mjs';
import { controlLoop, monotonicNs } from '../stopwatch.mjs';
import { createBenchHost, createTraceSource, prepareTrace } from '../traffic.mjs';

const parameters = JSON.parse(process.argv[2] ?? '{}');
const { mode = 'spinning', mpps = 1, size = '64', ndisVersion = '6.20' } = parameters;
const { frames = mode === 'spinning' ? 200_000 : 300 } = parameters;
const controlBefore = controlLoop();
const host = createBenchHost({
  size,
  vms: 1,
  config: { ndisVersion, executor: 'threads' },
  options: {
    workerEntry: new URL('./threads-worker.mjs', import.meta.url),
    ...deviceBesideSoftware(['vm0']),
  },
});
prepareTrace(host, { size, vms: 1, unknownEvery: 0 });
const { agent } = vmLifeOf(host).find('vm0').place;
const { executor } = host;
/** The agents between the wire and the VM. */
const agents = ['nic', 'processor:0', agent];
const counts = new SharedArrayBuffer(16);
const seen = new Float64Array(counts);
const nap = new Int32Array(new SharedArrayBuffer(4));
const sleep = (ms) => Atomics.wait(nap, 0, 0, ms);
const problems = [];
/** Fraction of the frames that came before patience ended. */
let inTime = 0;

/** Latencies in ns, one for each frame. */
function run(count) {
  const latencies = new SharedArrayBuffer(count * 8);
  seen.fill(0);
  const clock = { op: 'clock', interval: mode === 'spinning' ? 1000 / mpps : 0, counts, latencies };
  // What is due first is due when everybody has the message.
  const origin = monotonicNs() + 20e6;
  executor.post(agent, { ...clock, origin });
  if (mode === 'spinning') {
    executor.post('processor:0', { op: 'spin' });
    executor.post('nic', { op: 'generate', origin, interval: clock.interval, frames: count, window: 128 });
    executor.publish();
    for (let waited = 0; seen[0] < count && waited < 3000; waited += 20) sleep(20);
  } else {
    executor.publish();
    const source = createTraceSource(host);
    for (let i = 0; i < count; i++) {
      sleep(2);
      seen[1] = monotonicNs();
      source.offer(1);
      for (let look = 0; seen[0] <= i && look < 1e7; look++) Atomics.load(nap, 0);
    }
  }
  for (const name of agents) executor.post(name, { op: 'cease' });
  executor.publish();
  const early = seen[0];
  host.runUntilIdle();
  inTime = early / count;
  return new Float64Array(latencies, 0, early);
}

run(Math.min(frames, mode === 'spinning' ? 100_000 : 50));
const latencies = run(frames);
const report = host.inspect();
if (!report.conservation) problems.push(`${report.ledger.inFlight} frames in flight`);
const lost = Object.values(report.ledger.ends.dropped).reduce((sum, n) => sum + n, 0);
if (lost > 0) problems.push(`${lost} frames dropped: ${JSON.stringify(report.ledger.ends.dropped)}`);
const us = (ns) => ns / 1000;
console.log(
  JSON.stringify({
    frames: latencies.length,
    controlNs: Math.max(controlBefore, controlLoop()),
    inTime,
    p50us: us(quantile(latencies, 0.5)),
    p90us: us(quantile(latencies, 0.9)),
    p99us: us(quantile(latencies, 0.99)),
    problems,
  }),
);
await host.stop();
