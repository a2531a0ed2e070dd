// Cases that measure something else than throughput: what a layer costs, latency, churn, garbage, start-up.
import { median } from '../measuring/quantile.ts';
import { type Rounds, runRounds, runWorkload } from '../measuring/rounds.ts';
import type { Figure, Sample, Shares } from '../measuring/sample.ts';
import { about, type BenchCase, column, type LayerCosts, quotient } from './case-result.ts';
import { MAIN_PROFILE, type SizeParameters } from './throughput-cases.ts';

/** VMQ on beside off, in one thread under the profiler: what a frame costs the host, and which layer how much. */
export function profileCase(
  name: string,
  title: string,
  { size, ndisVersion = MAIN_PROFILE }: SizeParameters,
): BenchCase {
  return {
    name,
    title,
    run({ rounds, ms }) {
      const parameters = { size, vms: 8, ndisVersion, ms, profile: true };
      const result = runRounds(
        {
          on: () => runWorkload('receive', parameters),
          // One queue: no more frames at once than it has buffers.
          off: () => runWorkload('receive', { ...parameters, vmq: false, offered: 256 }),
        },
        { rounds },
      );
      if (result.problems.length > 0) return about(result);
      const on = layersOf(result, 'on');
      const off = layersOf(result, 'off');
      return {
        on,
        off,
        hostCpu: off.sides['host'] / on.sides['host'],
        throughput: off.nsPerFrame / on.nsPerFrame,
        ...about(result),
      };
    },
  };
}

/** Nanoseconds of a frame by side and by layer: medians of the rounds. */
function layersOf(result: Rounds, contestant: string): LayerCosts {
  const samples = result.rounds.map((round) => round[contestant]);
  const ns = (share: (sample: Sample) => number): number =>
    median(samples.map((sample) => share(sample) * nsPerFrame(sample)));
  const table = (part: 'sides' | 'layers'): Record<string, number> => {
    const shareOf = ({ shares }: Sample, key: string): number => (shares as Shares)[part][key] ?? 0;
    const keys = new Set(samples.flatMap(({ shares }) => Object.keys((shares as Shares)[part])));
    return Object.fromEntries(
      [...keys]
        .map((key): [string, number] => [key, ns((sample) => shareOf(sample, key))])
        .sort((a, b) => b[1] - a[1]),
    );
  };
  return { nsPerFrame: ns(() => 1), sides: table('sides'), layers: table('layers') };
}

/** By CPU time where the process had to wait: samples are taken only while it runs. */
const nsPerFrame = ({ wallMs = 0, cpuMs = 0, frames = 0 }: Sample): number =>
  (Math.min(wallMs, cpuMs) * 1e6) / frames;

export interface FiguresOptions {
  readonly workload: string;
  readonly figures: readonly Figure[];
  readonly parameters?: object;
  readonly threads?: number;
  /** The workload takes a time to measure. */
  readonly measures?: boolean;
}

/** Medians of what the workload says, under the same names. */
export function figuresCase(
  name: string,
  title: string,
  { workload, figures, parameters = {}, threads = 1, measures = true }: FiguresOptions,
): BenchCase {
  return {
    name,
    title,
    run({ rounds, ms }) {
      const given = { ndisVersion: MAIN_PROFILE, ...(measures ? { ms } : {}), ...parameters };
      const result = runRounds({ ours: () => runWorkload(workload, given) }, { rounds, threads });
      const medians = figures
        .map((figure) => ({ figure, values: column(result, 'ours', figure) }))
        .filter(({ values }) => values.length > 0)
        .map(({ figure, values }): [string, number] => [figure, median(values)]);
      return { ...Object.fromEntries(medians), ...about(result) };
    },
  };
}

export const churnCase: BenchCase = {
  name: 'churn',
  title: 'after 1,000 queue cycles and 10,000 filter changes',
  run({ rounds, ms }) {
    const parameters = { size: '64', vms: 8, ndisVersion: MAIN_PROFILE, ms };
    const result = runRounds(
      {
        churned: () => runWorkload('churn', parameters),
        fresh: () => runWorkload('churn', { ...parameters, cycles: 0, changes: 0 }),
      },
      { rounds },
    );
    if (column(result, 'churned', 'mpps').length === 0) return about(result);
    return {
      ofFresh: quotient(result, 'churned', 'fresh'),
      mpps: median(column(result, 'churned', 'mpps')),
      freshMpps: median(column(result, 'fresh', 'mpps')),
      queueCyclesPerSecond: median(column(result, 'churned', 'queueCyclesPerSecond')),
      filterChangesPerSecond: median(column(result, 'churned', 'filterChangesPerSecond')),
      ...about(result),
    };
  },
};

/** Garbage is rare: the frames of all rounds are added up, each of them measured three times as long. */
export const garbageCase: BenchCase = {
  name: 'garbage',
  title: 'garbage: scavenges per 100 M frames',
  run({ rounds, ms }) {
    const parameters = { size: '64', vms: 8, ndisVersion: MAIN_PROFILE, ms: 3 * ms, warmUpMs: 1500 };
    const result = runRounds({ ours: () => runWorkload('receive', parameters) }, { rounds });
    const frames = column(result, 'ours', 'frames').reduce((sum, n) => sum + n, 0);
    if (frames === 0) return about(result);
    const scavenges = column(result, 'ours', 'scavenges').reduce((sum, n) => sum + n, 0);
    return {
      scavengesPer100MFrames: (scavenges * 1e8) / frames,
      scavenges,
      frames,
      heapGrowthBytes: median(column(result, 'ours', 'heapGrowthBytes')),
      rssBytes: median(column(result, 'ours', 'rssBytes')),
      sharedBytes: median(column(result, 'ours', 'sharedBytes')),
      ...about(result),
    };
  },
};
