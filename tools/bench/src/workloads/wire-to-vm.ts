// Latency from the wire to the VM across threads: the generator in this one, all that lies between wire and VM in another.
//   node wire-to-vm.js '{"mode":"spinning","frames":200000}'    a frame each microsecond, threads that never sleep
//   node wire-to-vm.js '{"mode":"asleep","frames":300}'         one frame at a time, to threads that all sleep
// From the instant at which a frame is due on the wire to the one at which the VM's driver has taken it from its memory.
import { vmLifeOf } from '../../../../packages/host/dist/vm/vm-life.js';
import { handOver } from '../measuring/hand-over.ts';
import { quantile } from '../measuring/quantile.ts';
import { parametersOf, printSample } from '../measuring/sample.ts';
import { controlLoop, monotonicNs, warmUp } from '../measuring/stopwatch.ts';
import { everythingTogether } from '../traffic/placement.ts';
import { createBenchHost, createTraceSource, prepareTrace } from '../traffic/traffic.ts';
import type { ClockMessage } from './thread-messages.ts';

const { mode, mpps, size, ndisVersion, spin, ...rest } = parametersOf({
  mode: 'spinning' as 'spinning' | 'asleep',
  mpps: 1,
  size: '64',
  ndisVersion: '6.20',
  spin: 0,
  frames: 0,
});
const frames = rest.frames > 0 ? rest.frames : mode === 'spinning' ? 200_000 : 300;
const controlBefore = controlLoop();
const control = await handOver(mode === 'spinning' ? 20_000 : 200, { asleep: mode === 'asleep' });
const host = createBenchHost({
  size,
  vms: 1,
  config: { ndisVersion, executor: 'threads' },
  options: {
    workerEntry: new URL('./threads-worker.js', import.meta.url),
    ...everythingTogether(['vm0']),
    ...(spin > 0 ? { spin } : {}),
  },
});
prepareTrace(host, { size, vms: 1, unknownEvery: 0 });
const guest = vmLifeOf(host).find('vm0');
if (guest === undefined) throw new Error('there is no vm0');
const { agent } = guest.slot;
const { executor, machine } = host;
const { board } = machine;
const worker = board.workerOf(machine.agent('nic'));
const source = createTraceSource(host);
/** Frames between the wire and the VM's driver at most. */
const WINDOW = 128;
/** Between two frames to a thread asleep: a short sleep, and one in which its caches become others'. */
const PAUSE_MS = 0.3;
const LONG_PAUSE_MS = 3;
const STRETCH = 10_000 * mpps;
/** Looks at a full window before a nap: some 100 µs. */
const LOOKS_BEFORE_NAP = 1500;
const counts = new SharedArrayBuffer(16);
const seen = new Float64Array(counts);
const nap = new Int32Array(new SharedArrayBuffer(4));
const sleep = (ms: number): string => Atomics.wait(nap, 0, 0, ms);

/** Latencies in ns, one for each frame; `pauseMs` lies between two frames to a thread asleep. */
function run(count: number, pauseMs = PAUSE_MS): Float64Array {
  const latencies = new SharedArrayBuffer(count * 8);
  seen.fill(0);
  // What is due first is due when everybody has the message.
  const origin = monotonicNs() + 20e6;
  const interval = mode === 'spinning' ? 1000 / mpps : 0;
  const clock: ClockMessage = { op: 'clock', origin, interval, counts, latencies };
  executor.post(agent, clock);
  executor.publish();
  if (mode === 'spinning') generate(origin, interval, count);
  else
    for (let i = 0; i < count; i++) {
      do sleep(pauseMs);
      while (!board.isParked(worker));
      seen[1] = monotonicNs();
      source.offer(1);
      for (let look = 0; seen[0] <= i && look < 1e7; look++) Atomics.load(nap, 0);
    }
  executor.post(agent, { op: 'cease' });
  executor.publish();
  const early = seen[0];
  host.runUntilIdle();
  return new Float64Array(latencies, 0, early);
}

/**
 * The same in stretches of 10 ms, each of which begins when the frames of the last have come: whoever lost his core to
 * somebody else does not owe the time to all that follows.
 */
function runInStretches(count: number): Float64Array {
  if (mode !== 'spinning') return run(count);
  const all: Float64Array[] = [];
  for (let left = count; left > 0; left -= STRETCH) all.push(run(Math.min(left, STRETCH)));
  const joined = new Float64Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of all) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/**
 * Frame i at `origin` + i x `interval`. When somebody was held up frames come in a burst, late by their own clock. While
 * the window stays full for longer than a window takes, somebody else may need this core.
 */
function generate(origin: number, interval: number, count: number): void {
  const end = origin + count * interval + 3e9;
  let full = 0;
  for (let given = 0, now = monotonicNs(); given < count && now < end; now = monotonicNs()) {
    const due = Math.min(count, Math.floor((now - origin) / interval) + 1);
    const upTo = Math.min(due, seen[0] + WINDOW);
    if (upTo > given) {
      source.offer(upTo - given);
      given = upTo;
      full = 0;
    } else if (due > given && ++full > LOOKS_BEFORE_NAP) {
      sleep(0.01);
      full = 0;
    }
  }
  while (seen[0] < count && monotonicNs() < end) sleep(0.1);
}

warmUp(() => {
  source.offer(WINDOW);
  host.runUntilIdle();
}, 600);
runInStretches(Math.min(frames, mode === 'spinning' ? 100_000 : 50));
const latencies = runInStretches(frames);
const afterLongSleep = mode === 'asleep' ? run(frames, LONG_PAUSE_MS) : null;
const report = host.inspect();
const problems: string[] = [];
if (!report.conservation) problems.push(`${report.ledger.inFlight} frames in flight`);
const lost = Object.values(report.ledger.ends.dropped).reduce((sum, n) => sum + n, 0);
if (lost > 0) problems.push(`${lost} frames dropped: ${JSON.stringify(report.ledger.ends.dropped)}`);
const us = (ns: number): number => ns / 1000;
printSample({
  frames: latencies.length,
  controlNs: Math.max(controlBefore, controlLoop()),
  inTime: latencies.length / frames,
  p50us: us(quantile(latencies, 0.5)),
  p90us: us(quantile(latencies, 0.9)),
  p99us: us(quantile(latencies, 0.99)),
  ...(afterLongSleep === null ? {} : { longP50us: us(quantile(afterLongSleep, 0.5)) }),
  controlP50us: us(quantile(control, 0.5)),
  controlP90us: us(quantile(control, 0.9)),
  problems,
});
await host.stop();
