// `node tools/fuzz/led.mjs [--target NAME] [--seconds 60] [--seed 1] [--keep]`: fuzzing led by coverage. Lists of choices that
// reach a block of the packages' code which none before has reached are mutated further; with --keep, a small set of them
// that reaches all the same is written to tools/fuzz/corpus, which a test replays. Needs a build (`npx tsc -b`).
// Exit code 1 if a target fails.
import { parseArgs } from 'node:util';
import { mutateChoices } from './choices.mjs';
import { readCorpus, runChoices, writeCorpus } from './corpus.mjs';
import { Coverage } from './coverage.mjs';
import { Random } from './random.mjs';
import { loadModules } from './session.mjs';
import { TARGETS } from './targets.mjs';

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
const seconds = Number(values.seconds);
const seed = Number(values.seed) | 0;
if (!(seconds > 0)) throw new Error('--seconds must be a positive number');
const spent = () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;

/** Lists that reach all that any of them reaches: each time the one with most that is new. */
function smallest(pool) {
  const chosen = [];
  const covered = new Set();
  const left = [...pool];
  while (left.length > 0 && chosen.length < MOST_KEPT) {
    const gain = ({ reached }) => [...reached].reduce((sum, block) => sum + (covered.has(block) ? 0 : 1), 0);
    let best = 0;
    let most = -1;
    left.forEach((one, i) => {
      const news = gain(one);
      if (news > most) [most, best] = [news, i];
    });
    if (most <= 0) break;
    const [one] = left.splice(best, 1);
    for (const block of one.reached) covered.add(block);
    chosen.push(one.list);
  }
  return { chosen, covered: covered.size };
}

async function lead(target) {
  const modules = await loadModules(target, true);
  const coverage = new Coverage();
  const random = new Random(seed, target.name.length);
  const pool = [];
  const failures = [];
  let runs = 0;
  coverage.start();
  const run = async (list) => {
    runs++;
    coverage.take();
    try {
      const drawn = await runChoices(target, modules, list);
      const reached = coverage.take();
      if (coverage.news(reached) > 0) pool.push({ list: drawn, reached });
    } catch (error) {
      failures.push(`${target.name}: ${error?.stack ?? error}\nchoices: ${[...list].join(' ')}`);
    }
  };
  const empty = new Uint32Array(0);
  for (const list of [empty, ...readCorpus(target.name)]) await run(list);
  const [kept, blocksKept] = [pool.length, coverage.seen.size];
  const started = spent();
  while (spent() - started < seconds && failures.length < 3) {
    // The newest find more often than the older ones.
    const near = pool.length - 1 - Math.min(random.below(pool.length), random.below(pool.length));
    const { list } = pool[near] ?? { list: empty };
    const other = pool[random.below(Math.max(1, pool.length))]?.list ?? empty;
    await run(random.once(8) ? Uint32Array.of(random.next()) : mutateChoices(list, other, random));
  }
  coverage.stop();
  const { chosen, covered } = smallest(pool);
  if (values.keep && failures.length === 0) writeCorpus(target.name, chosen);
  console.log(
    `${target.name}: seed ${seed}, ${runs} runs, ${blocksKept} blocks from ${kept} kept, ${coverage.seen.size} now; ` +
      `${chosen.length} lists reach ${covered}; ${failures.length} failures`,
  );
  for (const failure of failures) console.log(`FAIL ${failure}`);
  return failures.length;
}

let failed = 0;
for (const target of TARGETS) {
  if (values.target === undefined || values.target.includes(target.name)) failed += await lead(target);
}
process.exitCode = failed === 0 ? 0 : 1;
