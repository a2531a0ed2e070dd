// `node tools/fuzz/dist/led.js [--target NAME] [--seconds 60] [--seed 1] [--keep]`: fuzzing led by coverage. Lists of
// choices that reach a block of the packages' code which none before has reached are mutated further; with --keep, a
// small set of them that reaches all the same is written to tools/fuzz/corpus, which a test replays. Exit code 1 if a
// target fails.
import { parseArgs } from 'node:util';
import { mutateChoices } from './choices.ts';
import { readCorpus, runChoices, writeCorpus } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { Random } from './random.ts';
import { textOf } from './session.ts';
import type { Target } from './target.ts';
import { TARGETS } from './targets.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
  },
});
/** Most lists that are kept of a target. */
const MOST_KEPT = 24;
const MOST_FAILURES = 3;
const EMPTY = new Uint32Array(0);
const seconds = Number(values.seconds);
const seed = Number(values.seed) | 0;
if (!(seconds > 0)) throw new Error('--seconds must be a positive number');
const spent = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;

/** A list of choices and the blocks that it reaches. */
interface Find {
  readonly list: Uint32Array;
  readonly reached: ReadonlySet<string>;
}

/** Lists that reach all that any of them reaches: each time the one with most that is new. */
function smallest(pool: readonly Find[]): { chosen: Uint32Array[]; covered: number } {
  const chosen: Uint32Array[] = [];
  const covered = new Set<string>();
  const left = [...pool];
  const gain = ({ reached }: Find): number =>
    [...reached].reduce((sum, block) => sum + (covered.has(block) ? 0 : 1), 0);
  while (left.length > 0 && chosen.length < MOST_KEPT) {
    let best = 0;
    let most = 0;
    left.forEach((one, i) => {
      const news = gain(one);
      if (news > most) [most, best] = [news, i];
    });
    if (most === 0) break;
    const [one] = left.splice(best, 1);
    for (const block of one.reached) covered.add(block);
    chosen.push(one.list);
  }
  return { chosen, covered: covered.size };
}

/** Lists of one target that were run, and those among them that reached something new. */
class Search {
  readonly pool: Find[] = [];
  readonly failures: string[] = [];
  readonly coverage = new Coverage();
  runs = 0;
  readonly #target: Target;
  readonly #random: Random;

  constructor(target: Target) {
    this.#target = target;
    this.#random = new Random(seed, target.name.length);
  }

  async run(list: Uint32Array): Promise<void> {
    this.runs++;
    this.coverage.take();
    try {
      const drawn = await runChoices(this.#target, list);
      const reached = this.coverage.take();
      if (this.coverage.news(reached) > 0) this.pool.push({ list: drawn, reached });
    } catch (error) {
      this.failures.push(`${this.#target.name}: ${textOf(error)}\nchoices: ${[...list].join(' ')}`);
    }
  }

  /** Runs one more list, near a find: the newest finds more often than the older ones. */
  async step(): Promise<void> {
    const random = this.#random;
    const { pool } = this;
    const near = pool.length - 1 - Math.min(random.below(pool.length), random.below(pool.length));
    const list = pool[near]?.list ?? EMPTY;
    const other = pool[random.below(Math.max(1, pool.length))]?.list ?? EMPTY;
    await this.run(random.once(8) ? Uint32Array.of(random.next()) : mutateChoices(list, other, random));
  }
}

async function lead(target: Target): Promise<number> {
  const search = new Search(target);
  const { pool, failures, coverage } = search;
  coverage.start();
  for (const list of [EMPTY, ...readCorpus(target.name)]) await search.run(list);
  const [kept, blocksKept] = [pool.length, coverage.seen.size];
  const started = spent();
  while (spent() - started < seconds && failures.length < MOST_FAILURES) await search.step();
  coverage.stop();
  const { chosen, covered } = smallest(pool);
  if (values.keep && failures.length === 0) writeCorpus(target.name, chosen);
  console.log(
    `${target.name}: seed ${seed}, ${search.runs} runs, ${blocksKept} blocks from ${kept} kept, ` +
      `${coverage.seen.size} now; ${chosen.length} lists reach ${covered}; ${failures.length} failures`,
  );
  for (const failure of failures) console.log(`FAIL ${failure}`);
  return failures.length;
}

let failed = 0;
for (const target of TARGETS) {
  if (values.target === undefined || values.target.includes(target.name)) failed += await lead(target);
}
process.exitCode = failed === 0 ? 0 : 1;
