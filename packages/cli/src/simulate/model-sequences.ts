/** The model sequences of `vmq simulate --model`: the stack held against the reference model of `@vmq/reference-model`. */
import type { Interrupted } from '../process/interruption.ts';

/** What came of them. */
export interface ModelJson {
  readonly sequences: number;
  readonly requests: number;
  readonly frames: number;
  /** Where stack and model said different things, with how to see it again; null if nowhere. */
  readonly disagreement: string | null;
  /** Somebody stopped it before all were run. */
  readonly interrupted: boolean;
}

/** Sequences that share a seed. */
export const SEQUENCES_A_SEED = 500;

/** For each of `seeds` seeds from `seed` on {@link SEQUENCES_A_SEED} sequences, until one disagrees or somebody interrupts. */
export async function runModel(seed: number, seeds: number, interrupted: Interrupted): Promise<ModelJson> {
  const { runSequences } = await import('@vmq/reference-model');
  let [sequences, requests, frames] = [0, 0, 0];
  for (let i = 0; i < seeds; i++) {
    if (interrupted()) return { sequences, requests, frames, disagreement: null, interrupted: true };
    const current = (seed + i) | 0;
    try {
      const report = runSequences({ sequences: SEQUENCES_A_SEED, seed: current, interrupted });
      sequences += report.sequences;
      requests += report.tally.requests;
      frames += report.tally.frames;
    } catch (error) {
      return { sequences, requests, frames, disagreement: wordsOf(error), interrupted: false };
    }
  }
  return { sequences, requests, frames, disagreement: null, interrupted: interrupted() };
}

/** The disagreement's own words, then how fast-check can repeat it. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause, message } = error;
  const repeat = /\{ seed: .*\}/.exec(message)?.[0] ?? '';
  return `${cause instanceof Error ? cause.message : message}\n${repeat}`;
}
