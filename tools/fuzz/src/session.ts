// A session: one fresh instance of a target and the buffers it is given, all from (seed, session number).
import { toHex } from './bytes.ts';
import { Random } from './random.ts';
import type { Target } from './target.ts';

/** What went wrong, and how to see it again. */
export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure';
}

/** How often what came out, by name. */
export type Outcomes = Map<string, number>;

/** Words of the memory in which a worker tells its watchdog where it is. */
export const PLACE = { session: 0, buffer: 1, done: 2, words: 4 } as const;

/** What a session is given: `place` (shared words, see {@link PLACE}) is told where it is. */
export interface SessionOptions {
  readonly seed: number;
  readonly session: number;
  readonly count: number;
  readonly outcomes: Outcomes;
  readonly place?: Int32Array;
}

/** Runs `count` buffers of a session; counts outcomes by name. Throws a {@link FuzzFailure}. */
export async function runSession(
  target: Target,
  { seed, session, count, outcomes, place }: SessionOptions,
): Promise<void> {
  const random = new Random(seed, session);
  let last: Uint8Array | string | null = null;
  let at = -1;
  const note = (shown: Uint8Array | string) => {
    last = shown;
  };
  if (place !== undefined) Atomics.store(place, PLACE.session, session);
  try {
    const instance = target.open(random, note);
    for (at = 0; at < count; at++) {
      if (place !== undefined) place[PLACE.buffer] = at;
      last = null;
      const answer = instance.one(random);
      const outcome = typeof answer === 'string' ? answer : await answer;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    await instance.close?.();
  } catch (error) {
    throw new FuzzFailure(
      `${target.name} --seed ${seed} --session ${session}, buffer ${at}: ${textOf(error)}${bufferText(last)}`,
      { cause: error },
    );
  }
}

/** The stack of an error, or whatever else was thrown. */
export function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function bufferText(shown: Uint8Array | string | null): string {
  if (shown === null) return '';
  return `\nbuffer: ${typeof shown === 'string' ? shown : toHex(shown)}`;
}
