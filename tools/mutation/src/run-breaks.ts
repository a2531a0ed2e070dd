// Does the simulator see what it is to see? Deliberate breaks, one at a time in a copy of the tree, each of which
// some invariant of the simulator must catch in less than a minute of processor time.
//
//   node tools/mutation/dist/run-breaks.js [--only NAME or PART OF WHAT IT BREAKS] [--jobs 2] [--seed 1] [--steps 1000]
//   … --guards    the breaks that take two guards of isolation away, each guard alone: the other must hold
//
// breaks/breaks.ts lists them: a piece of a source file and what stands there instead. One that is not about running
// hosts names the tests that see it. Needs a build. Exit code 1 if one was not caught.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Break, broken, editsOf } from './breaks/break.ts';
import { BREAKS } from './breaks/breaks.ts';
import { type Look, simulatorLooks, testsLook } from './breaks/look.ts';
import type { SeekResult } from './breaks/seek-result.ts';
import { copyTree, putFile, removeCopy } from './tree-copy.ts';

/** A break that is tried. */
interface Trial extends Break {
  /** Of a guard alone: whether the simulator is to see that it is gone. */
  readonly isSeen: boolean;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '1000' },
    guards: { type: 'boolean', default: false },
  },
});

/** Processor time for which a break may go unseen: how busy the machine is does not count. */
const TIMEOUT_SECONDS = values.guards ? 20 : 60;
/** The simulator needs only what was built; tests read the sources. */
const BUILT = ['dist', 'node_modules', 'package.json'];

const pristine = new Map<string, string>();
const caught = new Map<string, string>();
const missed: string[] = [];

function textOf(file: string): string {
  const text = pristine.get(file) ?? readFileSync(root + file, 'utf8');
  pristine.set(file, text);
  return text;
}

/** A break of two guards as breaks of each alone: what the one lets through the other must stop. */
function eachGuardAlone(one: Break): Trial[] {
  return editsOf(one).map((edit, i) => ({
    ...one,
    ...edit,
    also: [],
    name: `${one.name}, guard ${i + 1} alone`,
    isSeen: one.seenAlone?.includes(i + 1) === true,
  }));
}

function chosen(only: string | undefined): Trial[] {
  return BREAKS.filter(
    ({ name, breaks }) => only === undefined || name === only || breaks.includes(only),
  ).flatMap((one) => {
    if (!values.guards) return [{ ...one, isSeen: true }];
    return one.breaks.startsWith('SEC-') && one.also !== undefined ? eachGuardAlone(one) : [];
  });
}

/** Of two guards one alone may go: nobody sees others' bytes then, though something else may go wrong. */
function isFitting(one: Trial, result: SeekResult | null): boolean {
  const invariant = result?.invariant ?? null;
  if (values.guards) return one.isSeen === (invariant === 'no bytes of others');
  return invariant !== null && (one.caughtBy ?? ['tests']).includes(invariant);
}

function report(one: Trial, result: SeekResult | null, fits: boolean): void {
  const title = `${one.name} (${one.breaks})`;
  const by = result?.invariant ?? 'nothing';
  if (values.guards && fits)
    console.log(`${title}: ${one.isSeen ? 'as it must be, ' : 'the other holds; '}seen by ${by}`);
  else if (result === null) console.log(`${title}: NOT CAUGHT`);
  else {
    const { seconds, seed, step, message } = result;
    const how = fits ? 'caught' : 'CAUGHT BY ANOTHER';
    console.log(`${title}: ${how} by '${by}' in ${seconds.toFixed(1)} s, seed ${seed}, step ${step}`);
    if (!fits) console.log(`    ${message.split('\n').slice(0, 4).join('\n    ')}`);
  }
}

async function work(queue: Trial[], parts: readonly string[] | undefined, look: Look): Promise<void> {
  if (queue.length === 0) return;
  const copy = copyTree(root, parts);
  try {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      const texts = broken(one, textOf);
      for (const [file, text] of texts) putFile(copy, file, text);
      const result = await look(copy, one);
      for (const file of texts.keys()) putFile(copy, file, textOf(file));
      const fits = isFitting(one, result);
      if (fits) caught.set(one.name, result?.invariant ?? 'nothing');
      else missed.push(one.name);
      report(one, result, fits);
    }
  } finally {
    removeCopy(copy);
  }
}

const trials = chosen(values.only);
if (trials.length === 0) throw new Error(`--only ${values.only}: there is no such break`);
const forTests = trials.filter(({ tests }) => tests !== undefined);
const forSimulator = trials.filter(({ tests }) => tests === undefined);
const { length: total } = trials;
const simulator = simulatorLooks({
  seed: Number(values.seed),
  steps: Number(values.steps),
  seconds: TIMEOUT_SECONDS,
});
const started = performance.now();
const jobs = Array.from({ length: Math.min(Number(values.jobs), total) });
await Promise.all(jobs.map(() => work(forSimulator, BUILT, simulator)));
await Promise.all(jobs.map(() => work(forTests, undefined, testsLook)));
const by: Record<string, number> = {};
for (const invariant of caught.values()) by[invariant] = (by[invariant] ?? 0) + 1;
console.log(
  `${caught.size} of ${total} breaks caught in less than ${TIMEOUT_SECONDS} s of processor time each, ` +
    `${((performance.now() - started) / 1000).toFixed(0)} s in all`,
);
console.log(by);
if (missed.length > 0) console.log(`not caught, or by another invariant: ${missed.join(', ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;
