// Mutation testing: are the tests, the reference model and the simulator able to see a mistake?
//
//   node tools/mutation/dist/mutate.js [--sample 600] [--seed 1] [--jobs 2] [--only PART-OF-A-PATH] [--out FILE]
//   node tools/mutation/dist/mutate.js --again FILE      the survivors of an earlier run, as far as they still exist
//
// Each mutant is one small mistake in a source file of packages/*/src, made in a copy of the tree. A sample takes as
// many from each package. The tests of the file's package try to notice it, then short runs of the model's sequences
// and of the simulator, then the tests of packages that drive it. A mutant that nobody notices has survived, and is
// printed; --out keeps each mutant's fate as a line of JSON. Needs a build.
//
// Stryker (9.6, the last for Node 20) was tried and not kept: it runs a mutant against every test file that reaches
// its line, in a fixed order, which here is nearly all of them: nine mutants of one file took six minutes.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom, type Random } from '@vmq/machine';
import { judgesOf, subjects } from './judges.ts';
import { type Mutant, mutantsOf } from './mutants.ts';
import { copyTree, putFile, removeCopy } from './tree-copy.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const { values } = parseArgs({
  options: {
    sample: { type: 'string', default: '600' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    only: { type: 'string' },
    out: { type: 'string' },
    again: { type: 'string' },
  },
});

/** The tree may be worked on meanwhile: texts are those of the copy's beginning. */
const texts = new Map<string, string>();
const files = subjects(root, values.only);
for (const file of files) texts.set(file, readFileSync(join(root, file), 'utf8'));
const textOf = (file: string): string => texts.get(file) ?? '';
const packageOf = (file: string): string => file.split('/')[1] ?? '';

/** As many mutants from each package, until `count` are chosen; a package that runs out leaves its share to others. */
function sampled(all: readonly Mutant[], count: number, random: Random): Mutant[] {
  const groups = grouped(all);
  const chosen: Mutant[] = [];
  while (chosen.length < count && [...groups.values()].some((rest) => rest.length > 0))
    for (const rest of groups.values())
      if (rest.length > 0 && chosen.length < count) chosen.push(...rest.splice(random.below(rest.length), 1));
  return chosen;
}

function grouped(all: readonly Mutant[]): Map<string, Mutant[]> {
  const groups = new Map<string, Mutant[]>();
  for (const mutant of all) {
    const name = packageOf(mutant.file);
    const group = groups.get(name) ?? [];
    groups.set(name, group);
    group.push(mutant);
  }
  return groups;
}

/** The survivors of an earlier run in today's texts; those whose line is gone are said. */
function repeated(path: string): Mutant[] {
  const wanted = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Mutant & { readonly fate: string })
    .filter(({ fate }) => fate === 'survived');
  const found: Mutant[] = [];
  for (const old of wanted) {
    const today = texts.has(old.file) ? mutantsOf(old.file, textOf(old.file)) : [];
    const same = today.find(
      (mutant) =>
        mutant.line === old.line &&
        mutant.before === old.before &&
        mutant.replacement === old.replacement &&
        mutant.nth === old.nth,
    );
    if (same) found.push(same);
    else console.log(`gone      ${old.file}: ${old.line}`);
  }
  return found;
}

function describe({ file, kind, start, before, replacement }: Mutant): string {
  const line = textOf(file).slice(0, start).split('\n').length;
  const shown = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 70);
  return `${relative('packages', file)}:${line}  ${kind}: ${shown(before)} -> ${shown(replacement)}`;
}

const fates = new Map<string, number>();
const byPackage = new Map<string, { killed: number; total: number }>();

/** Who noticed a mutant, or 'survived'. */
async function judge(copy: string, { file, start, end, replacement }: Mutant): Promise<string> {
  const original = textOf(file);
  putFile(copy, file, original.slice(0, start) + replacement + original.slice(end));
  try {
    for (const { name, passes } of judgesOf(file)) if (!(await passes(copy))) return name;
    return 'survived';
  } finally {
    putFile(copy, file, original);
  }
}

async function work(queue: Mutant[]): Promise<void> {
  const copy = copyTree(root);
  try {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const fate = await judge(copy, mutant);
      fates.set(fate, (fates.get(fate) ?? 0) + 1);
      const row = byPackage.get(packageOf(mutant.file)) ?? { killed: 0, total: 0 };
      row.total++;
      if (fate === 'survived') console.log(`survived  ${describe(mutant)}`);
      else row.killed++;
      byPackage.set(packageOf(mutant.file), row);
      if (values.out) appendFileSync(values.out, `${JSON.stringify({ ...mutant, fate })}\n`);
    }
  } finally {
    removeCopy(copy);
  }
}

/** Judges that find fault with the unchanged tree would kill every mutant: the first of each package must pass it. */
async function assertSound(names: ReadonlySet<string>): Promise<void> {
  const copy = copyTree(root);
  try {
    for (const name of names) {
      const [first] = judgesOf(`packages/${name}/`);
      if (first !== undefined && !(await first.passes(copy)))
        throw new Error(`${name}: ${first.name} fail on the unchanged tree: build it and look at them first`);
    }
  } finally {
    removeCopy(copy);
  }
}

const all = files.flatMap((file) => mutantsOf(file, textOf(file)));
const queue = values.again
  ? repeated(values.again)
  : sampled(all, Number(values.sample), createRandom(Number(values.seed)));
const total = queue.length;
console.log(`${all.length} mutants of ${files.length} files; ${total} of them tried (seed ${values.seed})`);
if (values.out) writeFileSync(values.out, '');
const started = performance.now();
await assertSound(new Set(queue.map(({ file }) => packageOf(file))));
await Promise.all(Array.from({ length: Math.min(Number(values.jobs), total) }, () => work(queue)));

for (const [name, row] of [...byPackage].sort())
  console.log(`${String(row.killed).padStart(4)} of ${String(row.total).padStart(3)}  ${name}`);
const killed = total - (fates.get('survived') ?? 0);
const share = total > 0 ? ((100 * killed) / total).toFixed(1) : '100';
const by = [...fates].map(([fate, n]) => `${fate} ${n}`).join(', ');
console.log(
  `${killed} of ${total} mutants killed (${share} %): ${by}; ${((performance.now() - started) / 1000).toFixed(0)} s`,
);
