// Time, and whether it can be believed: every measured stretch stands between two runs of a fixed loop, and its CPU
// time is held against the wall's.
import {
  type NodeGCPerformanceDetail,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks';
import type { Timing } from './sample.ts';

/** Nanoseconds of a clock that all threads of a process share. */
export const monotonicNs = (): number => Number(process.hrtime.bigint());

/** Nanoseconds that a fixed piece of work takes now: the best of a few tries, a few ms in all. */
export function controlLoop(): number {
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
export function warmUp(work: () => void, ms: number): void {
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
export function measure(work: () => void, ms: number): Timing {
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

export interface GarbageCounts {
  scavenges: number;
  others: number;
  pauseMs: number;
}

/** Kind of a scavenge, as Node numbers collections. */
const SCAVENGE = 1;

/** Of a collection; Node's types leave the detail of an entry to its observer. */
const kindOf = (entry: PerformanceEntry & { readonly detail?: unknown }): number | undefined =>
  (entry.detail as NodeGCPerformanceDetail | undefined)?.kind;

/** Counts garbage collections from here on; the counts are complete after a turn of the event loop. */
export function watchGarbage(): { settle(): Promise<GarbageCounts>; stop(): void } {
  const counts: GarbageCounts = { scavenges: 0, others: 0, pauseMs: 0 };
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (kindOf(entry) === SCAVENGE) counts.scavenges++;
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
