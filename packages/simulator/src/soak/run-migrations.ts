/** Many migrations under load, between hosts of random kinds, and what became of every frame. */
import type { HostConfig } from '@vmq/host';
import type { Wrong } from './accounts.ts';
import { type Distribution, distributionOf } from './distribution.ts';
import type { MisfortuneKind } from './misfortune.ts';
import { type Trial, World } from './world.ts';

export interface SoakOptions {
  /** VMs that are to arrive at the other host; attempts that fail on the way come on top. */
  readonly count: number;
  /** Bytes of each frame, without FCS and tag. */
  readonly length: number;
  readonly seed: number;
  /** Default: what 10 Gbit/s carries, 2,000,000 at most. */
  readonly framesPerSecond?: number;
  readonly executor?: HostConfig['executor'];
  /** Only the world of that number, for a failure. */
  readonly world?: number;
  readonly onWorld?: (moved: number) => void;
}

export interface SoakReport {
  readonly length: number;
  readonly seed: number;
  readonly framesPerSecond: number;
  /** Pairs of hosts. */
  readonly worlds: number;
  /** VMs that arrived at the other host; and attempts that failed, by what befell them. */
  readonly moved: number;
  readonly failed: Readonly<Partial<Record<MisfortuneKind, number>>>;
  /** Moves of a VM that somebody had paused; with packets of the source in its hands; without a queue of its own. */
  readonly paused: number;
  readonly carried: number;
  readonly queues: Readonly<Record<string, number>>;
  /** Frames sent by the station and the VMs in all; those for the VM that was to move; and those of these lost. */
  readonly frames: number;
  readonly framesToMovers: number;
  readonly lost: number;
  /** Every lost frame, by the counter in which it stands. */
  readonly drops: Readonly<Record<string, number>>;
  /** Frames that came after a later one of their flow: from a VM that has moved next to the receiver, for one. */
  readonly reordered: number;
  readonly duplicated: number;
  readonly misdelivered: number;
  readonly altered: number;
  readonly unaccounted: number;
  /** Frames of VMs that did not move and lost some. */
  readonly disturbed: number;
  /** Of VMs that moved, while nobody had paused them. */
  readonly blackoutMicroseconds: Distribution;
  /** Frames for the VM that never arrived, from the load's beginning to its end. */
  readonly lostInBlackout: Distribution;
  readonly rounds: Distribution;
  readonly kilobytes: Distribution;
  readonly stateKilobytes: Distribution;
  /** What must not be, each with what repeats it. */
  readonly wrongs: readonly string[];
}

/** Moves per pair of hosts, failed ones included. */
const TRIALS_PER_WORLD = 25;
/** Preamble, FCS and gap of a frame on the line. */
const LINE_OVERHEAD = 24;
const MOST_FRAMES_PER_SECOND = 2e6;

/** Moves VMs until `count` have arrived, or something is wrong. */
export async function runMigrations(options: SoakOptions): Promise<SoakReport> {
  const { count, length, seed, executor, world: only, onWorld } = options;
  const line = Math.floor(10e9 / 8 / (length + LINE_OVERHEAD));
  const framesPerSecond = options.framesPerSecond ?? Math.min(MOST_FRAMES_PER_SECOND, line);
  const trials: Trial[] = [];
  const wrongs: string[] = [];
  let worlds = 0;
  const moved = (): number => trials.filter(({ failed }) => !failed).length;
  const isDone = (): boolean => moved() >= count || wrongs.length > 0;
  for (let number = only ?? 0; !isDone(); number++) {
    const world = new World({
      seed: (seed + Math.imul(number, 0x9e37_79b1)) >>> 0,
      length,
      framesPerSecond,
      ...(executor ? { executor } : {}),
    });
    worlds++;
    const where = `--size ${length} --seed ${seed} --world ${number} (${world.kinds.join(' | ')})`;
    for (let n = 0; n < TRIALS_PER_WORLD && !isDone(); n++) {
      try {
        const trial = world.trial();
        trials.push(trial);
        wrongs.push(...trial.wrongs.map(({ kind, text }) => `${where}, trial ${n}: ${kind}: ${text}`));
      } catch (error) {
        wrongs.push(`${where}, trial ${n}: threw ${error instanceof Error ? error.stack : error}`);
      }
    }
    await world.stop();
    onWorld?.(moved());
    if (only !== undefined) break;
  }
  return { length, seed, framesPerSecond, worlds, moved: moved(), wrongs, ...summarize(trials) };
}

function summarize(
  trials: readonly Trial[],
): Omit<SoakReport, 'length' | 'seed' | 'framesPerSecond' | 'worlds' | 'moved' | 'wrongs'> {
  const sum = (of: (trial: Trial) => number): number => trials.reduce((total, trial) => total + of(trial), 0);
  const wrong = (kind: Wrong['kind']): number =>
    sum(({ wrongs }) => wrongs.filter((w) => w.kind === kind).length);
  const failed: Partial<Record<MisfortuneKind, number>> = {};
  const drops: Record<string, number> = {};
  const queues: Record<string, number> = {};
  for (const trial of trials) {
    if (trial.failed) failed[trial.misfortune] = (failed[trial.misfortune] ?? 0) + 1;
    for (const [reason, count] of Object.entries(trial.drops)) drops[reason] = (drops[reason] ?? 0) + count;
    if (trial.failed || trial.result === null) continue;
    const { source, destination } = trial.result.report.queue;
    const key = `${source > 0 ? 'own' : 'default'} to ${destination > 0 ? 'own' : 'default'}`;
    queues[key] = (queues[key] ?? 0) + 1;
  }
  const arrived = trials.filter(({ failed: hasFailed }) => !hasFailed);
  const reports = arrived.flatMap(({ result }) => (result === null ? [] : [result.report]));
  const running = arrived.filter(({ wasPaused }) => !wasPaused);
  return {
    failed,
    paused: arrived.length - running.length,
    carried: reports.filter(({ messagesCarried }) => messagesCarried > 0).length,
    queues,
    frames: sum((trial) => trial.frames),
    framesToMovers: sum((trial) => trial.sent),
    lost: sum((trial) => trial.lost),
    drops,
    reordered: sum((trial) => trial.reordered),
    duplicated: wrong('duplicated'),
    misdelivered: wrong('misdelivered'),
    altered: wrong('altered'),
    unaccounted: wrong('unaccounted'),
    disturbed: wrong('disturbed'),
    blackoutMicroseconds: distributionOf(
      running.flatMap(({ result }) => (result === null ? [] : [result.report.blackoutNanoseconds / 1000])),
    ),
    lostInBlackout: distributionOf(running.map(({ lost }) => lost)),
    rounds: distributionOf(reports.map(({ rounds }) => rounds.length)),
    kilobytes: distributionOf(reports.map(({ bytes }) => Math.round(bytes / 1024))),
    stateKilobytes: distributionOf(reports.map(({ stateBytes }) => Math.round(stateBytes / 1024))),
  };
}
