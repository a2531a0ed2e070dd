// A session: one fresh instance of a target and the buffers it is given, all from (seed, session number).
import { toHex } from './bytes.mjs';
import { Random } from './random.mjs';

/** What went wrong, and how to see it again. */
export class FuzzFailure extends Error {
  name = 'FuzzFailure';
}

/** Loads what a target needs; `built` from dist, else from the sources (under a test runner). */
export async function loadModules(target, built) {
  const loaded = await Promise.all(
    Object.entries(target.modules).map(async ([key, path]) => {
      const [pack, ...rest] = path.split('/');
      const file = `${rest.join('/')}${built ? '.js' : '.ts'}`;
      const url = new URL(`../../packages/${pack}/${built ? 'dist' : 'src'}/${file}`, import.meta.url);
      return [key, await import(built ? url.href : url.pathname)];
    }),
  );
  return Object.fromEntries(loaded);
}

/**
 * Runs `count` buffers of a session; counts outcomes by name in `outcomes`. `place` (shared words) is told where it is:
 * word 0 the session, word 1 the buffer. Throws a {@link FuzzFailure}.
 */
export async function runSession(target, modules, seed, session, count, outcomes, place = null) {
  const random = new Random(seed, session);
  let last = null;
  let at = -1;
  const note = (bytes) => {
    last = bytes;
  };
  if (place !== null) Atomics.store(place, 0, session);
  try {
    const instance = await target.open(modules, random, note);
    for (at = 0; at < count; at++) {
      if (place !== null) place[1] = at;
      last = null;
      let outcome = instance.one(random);
      if (typeof outcome !== 'string') outcome = await outcome;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    await instance.close?.();
  } catch (error) {
    const shown = last === null ? '' : `\nbuffer: ${last instanceof Uint8Array ? toHex(last) : String(last)}`;
    throw new FuzzFailure(
      `${target.name} --seed ${seed} --session ${session}, buffer ${at}: ${error?.stack ?? error}${shown}`,
      { cause: error },
    );
  }
}
