// Time, and whether it can be believed: every measured stretch stands between two runs of a fixed loop, and its CPU
// time is held against the wall's.
import { PerformanceObserver, performance } from 'node:perf_hooks';

/** Nanoseconds of a clock that all threads of a process share. */
export const monotonicNs = () => Number(process.hrtime.bigint());

/** Nanoseconds that a fixed piece of work takes now: the best of a few tries, a few ms in all. */
export function controlLoop() {
  const words = new Int32Array(4096);
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 5; attempt++) {
    const started = performance.now();
    let x = 1;
    for (let i = 0; i < 200_000; i++) {
      x = Math.imul(x, 1664525) + words[(x >>> 8) & 4095] + 1013904223;
      words[i & 4095] = x;
    }
    best = Math.min(best, performance.now() - started);
    if (words[0] === 1) throw new Error('unreachable');
  }
  return best * 1e6;
}

/** Lets `work` run until it has had `ms` milliseconds of CPU time: what is hot is compiled by then. */
export function warmUp(work, ms) {
  const began = process.cpuUsage();
  let used = 0;
  while (used < ms * 1000) {
    for (let i = 0; i < 64; i++) work();
    const { user, system } = process.cpuUsage(began);
    used = user + system;
  }
}

/**
 * Calls `work` again and again for at least `ms` milliseconds. Returns milliseconds by wall and by CPU, and the control
 * loop's before and after. `work` should take some 10 µs or more.
 */
export function measure(work, ms) {
  const before = controlLoop();
  const cpu = process.cpuUsage();
  const started = performance.now();
  const end = started + ms;
  let now = started;
  while (now < end) {
    for (let i = 0; i < 16; i++) work();
    now = performance.now();
  }
  const used = process.cpuUsage(cpu);
  const after = controlLoop();
  return {
    wallMs: now - started,
    cpuMs: (used.user + used.system) / 1000,
    controlNs: Math.max(before, after),
  };
}

/** Counts garbage collections from here on; the counts are complete after a turn of the event loop. */
export function watchGarbage() {
  const counts = { scavenges: 0, others: 0, pauseMs: 0 };
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.detail.kind === 1) counts.scavenges++;
      else counts.others++;
      counts.pauseMs += entry.duration;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    async settle() {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { ...counts };
    },
    stop: () => observer.disconnect(),
  };
}
