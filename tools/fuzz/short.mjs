// The short form, for the packages' own tests: some thousand buffers of one target, against the sources.
import { loadModules, runSession } from './session.mjs';
import { TARGETS } from './targets.mjs';

/** Seed of the short form; `VMQ_FUZZ_SEED` chooses another. */
const seedOf = () => Number(process.env.VMQ_FUZZ_SEED ?? 20121122) | 0;

export async function fuzzShort(name, { buffers = 20_000, seed = seedOf() } = {}) {
  const target = TARGETS.find((candidate) => candidate.name === name);
  if (target === undefined)
    throw new Error(`no fuzz target ${name}; there are ${TARGETS.map((t) => t.name).join(', ')}`);
  const modules = await loadModules(target, false);
  const outcomes = new Map();
  const started = performance.now();
  let done = 0;
  for (let session = 0; done < buffers; session++) {
    const count = Math.min(target.perSession, buffers - done);
    await runSession(target, modules, seed, session, count, outcomes);
    done += count;
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `fuzz ${name}: seed ${seed}, ${done} buffers, ${seconds.toFixed(1)} s, ${outcomes.size} outcomes`,
  );
  return { target: name, seed, buffers: done, outcomes: Object.fromEntries(outcomes) };
}
