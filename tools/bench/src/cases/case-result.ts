// A case of the benchmark: who takes part, and what becomes of their rounds.
import { median } from '../measuring/quantile.ts';
import type { Rounds } from '../measuring/rounds.ts';
import type { Figure } from '../measuring/sample.ts';
import type { Yardstick } from '../measuring/yardstick.ts';

export interface CaseOptions {
  readonly rounds: number;
  /** Measured milliseconds of each contestant in each round. */
  readonly ms: number;
  readonly yardstick: Yardstick | null;
}

export interface BenchCase {
  readonly name: string;
  readonly title: string;
  run(options: CaseOptions): CaseResult;
}

/** Nanoseconds of a frame by side and by layer. */
export interface LayerCosts {
  readonly nsPerFrame: number;
  readonly sides: Readonly<Record<string, number>>;
  readonly layers: Readonly<Record<string, number>>;
}

/** Figures that cases have beside those of their samples. */
export type CaseFigure =
  | Figure
  | 'nsPerFrame'
  | 'plainMpps'
  | 'spread'
  | 'hostCpu'
  | 'throughput'
  | 'onMpps'
  | 'offMpps'
  | 'onOverOff'
  | 'onLost'
  | 'offLost'
  | 'scaling'
  | 'oneMpps'
  | 'ofFresh'
  | 'freshMpps'
  | 'scavengesPer100MFrames';

/** What a case says of its rounds, whatever it measures. */
export interface AboutRounds {
  readonly rounds: number;
  readonly disturbed: number;
  readonly countsDisturbed?: boolean;
  readonly problems: readonly string[];
}

export interface CaseResult extends AboutRounds, Readonly<Partial<Record<CaseFigure, number>>> {
  /** Fractions of C's figure; null where there is no C compiler. */
  readonly ofC?: number | null;
  readonly cMpps?: number | null;
  readonly plainOfC?: number | null;
  readonly on?: LayerCosts;
  readonly off?: LayerCosts;
  readonly twoHosts?: { readonly mpps: number; readonly scaling: number };
}

export const about = ({ rounds, disturbed, countsDisturbed, problems }: Rounds): AboutRounds => ({
  rounds: rounds.length,
  disturbed,
  ...(countsDisturbed ? { countsDisturbed } : {}),
  problems,
});

/** A contestant's figure in each round that has one. */
export const column = ({ rounds }: Rounds, contestant: string, figure: Figure): number[] =>
  rounds
    .map((round) => (contestant in round ? round[contestant][figure] : undefined))
    .filter((value) => value !== undefined)
    .filter((value) => Number.isFinite(value));

/** Quotient of two contestants' throughput, round by round. */
export const quotient = ({ rounds }: Rounds, over: string, under: string): number =>
  median(rounds.map((round) => (round[over].mpps ?? 0) / (round[under].mpps ?? 0)));
