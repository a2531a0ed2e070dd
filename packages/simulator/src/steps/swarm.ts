/**
 * What a world's steps are like: drawn anew for each seed, with some kinds of steps left out altogether (swarm testing,
 * Groce and others 2012). What is rare in the mean of all worlds is what some of them do most of the time, and a kind
 * that would undo another's work is not there in some.
 */
import type { Random } from '@vmq/machine';

/** Kinds that make a world, each in 4000 steps; control work costs as much as some hundred frames. */
const USUAL = [
  [14, 'rest'],
  [60, 'oid'],
  [3, 'add'],
  [3, 'remove'],
  [3, 'migrate'],
  [4, 'port'],
  [4, 'pause'],
  [2, 'power'],
  [2, 'reset'],
  [2, 'rebind'],
  [3, 'capabilities'],
  [6, 'fault'],
  [6, 'heal'],
  [6, 'hostile'],
  [3, 'hold'],
  [30, 'ask'],
  [2, 'live'],
  [2140, 'wire'],
  [1000, 'guest'],
  [700, 'run'],
] as const;

/** A kind of step: a member `do` of those of `simulation-step.ts`. */
export type StepKind = (typeof USUAL)[number][1];

export interface Swarm {
  /** Weights of the kinds of steps, and what they come to; what is not named does not occur. */
  readonly weights: readonly (readonly [number, StepKind])[];
  readonly total: number;
  /** One step with frames in so many sends a burst, of that many frames at most. */
  readonly burstEvery: number;
  readonly longestBurst: number;
  /** Turns behind a step: below the first mostly, below the second sometimes. */
  readonly turns: readonly [number, number];
  /** One frame in so many has a priority, or is tagged where it is not usual. */
  readonly oddTags: number;
}

/** By how much a kind is more or less usual in a world; the lives of VMs and what else is dear vary most. */
const FACTORS: Partial<Record<StepKind, readonly number[]>> = {
  add: [0, 1, 1, 2, 4, 8],
  remove: [0, 1, 1, 2, 4, 8],
  migrate: [0, 1, 1, 2, 4, 8],
  port: [0, 1, 1, 2, 4, 8],
  rest: [0.25, 0.5, 1, 1.5],
  oid: [0, 0.5, 1, 2],
  wire: [0.5, 1, 1.5],
  guest: [0, 0.5, 1, 2],
  run: [0.25, 1, 1, 2],
  live: [0, 1, 1, 2],
};
const OTHERS: readonly number[] = [0, 0.5, 1, 1.5, 2];

export function drawSwarm(random: Random): Swarm {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
  const weights = USUAL.map(
    ([weight, kind]) => [Math.round(weight * pick(FACTORS[kind] ?? OTHERS)), kind] as const,
  ).filter(([weight]) => weight > 0);
  return {
    weights,
    total: weights.reduce((sum, [weight]) => sum + weight, 0),
    burstEvery: pick([4, 8, 8, 32]),
    longestBurst: pick([4, 12, 12, 40]),
    turns: pick([
      [5, 24],
      [5, 24],
      [2, 8],
      [16, 60],
    ]),
    oddTags: pick([4, 6, 16, 1000]),
  };
}

/** A kind of step, by the world's weights. */
export function drawKind({ weights, total }: Swarm, random: Random): StepKind {
  let left = random.below(total);
  for (const [weight, kind] of weights) {
    left -= weight;
    if (left < 0) return kind;
  }
  return 'run';
}
