// This tree beside another, and what is switched on beside the plain case: paired, alternating, in one run.
//
//   node tools/bench/dist/compare.js --old PATH [--only PART[,PART]] [--rounds 7] [--ms 200] [--profile 6.20] [--json]
//   node tools/bench/dist/compare.js                        only what is switched on: checksums, NVGRE, an extension, trace
//
//   --old PATH      another tree, built; it is only read. Its own workloads drive it, so its interfaces may differ
//   --sizes 64,512  frame sizes for what is switched on; default 64,1514
//   --instructions  instructions a frame instead of nanoseconds, receive cases (valgrind; about half a minute each)
//   --check         exit code 1 if something costs more than it may
//
// The ratio is what a frame costs in the second column as a multiple of the first: median over the rounds, quartiles
// behind it. A noisy machine widens the quartiles; instruction counts it does not touch.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type Comparison,
  type ComparisonResult,
  compare,
  featureComparisons,
  type Side,
  THIS_TREE,
  treeComparisons,
  workloadFile,
} from './cases/comparison.ts';
import { instructionsPerFrame } from './measuring/instruction-count.ts';

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== '--'),
  options: {
    old: { type: 'string' },
    only: { type: 'string' },
    sizes: { type: 'string', default: '64,1514' },
    rounds: { type: 'string', default: '7' },
    ms: { type: 'string', default: '200' },
    profile: { type: 'string', default: '6.20' },
    instructions: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const ms = Number(values.ms);
if (!(Number.isInteger(rounds) && rounds >= 1)) throw new Error(`--rounds ${values.rounds}: a number from 1`);
if (!(ms > 0)) throw new Error(`--ms ${values.ms}: milliseconds`);

const wanted = values.only?.split(',');
const comparisons = [
  ...(values.old === undefined ? [] : treeComparisons(resolve(values.old), values.profile)),
  ...values.sizes.split(',').flatMap((size) => featureComparisons(size)),
].filter(({ name }) => wanted === undefined || wanted.some((part) => name.includes(part)));
if (comparisons.length === 0) throw new Error(`nothing is named like ${values.only}`);

/** Instructions that a frame costs one side. */
async function instructionsOf({ tree, parameters }: Side): Promise<number> {
  const { offered = 1024, ...rest } = parameters as { readonly offered?: number };
  const costs = await instructionsPerFrame(workloadFile(tree ?? THIS_TREE, 'count'), rest, offered);
  return costs.reduce((sum, { instructions }) => sum + instructions, 0);
}

async function countInstructions({ name, base, other, most }: Comparison): Promise<ComparisonResult> {
  const baseNs = await instructionsOf(base);
  const otherNs = await instructionsOf(other);
  const ratio = otherNs / baseNs;
  return { name, most, baseNs, otherNs, ratio, quartiles: [ratio, ratio], rounds: 1, problems: [] };
}

const unit = values.instructions ? '' : ' ns';
function line({ name, baseNs, otherNs, ratio, quartiles, most, problems }: ComparisonResult): string {
  if (problems.length > 0) return `${name.padEnd(34)} WRONG: ${problems.join('; ')}`;
  const cost = (value: number): string => `${value.toFixed(1)}${unit}`.padStart(11);
  const spread = values.instructions ? '' : `  (${quartiles.map((value) => value.toFixed(2)).join(' to ')})`;
  const verdict = ratio <= most ? 'within' : 'MORE THAN';
  return `${name.padEnd(34)}${cost(baseNs)}${cost(otherNs)}  ${ratio.toFixed(3)} ×${spread}  ${verdict} ${most}`;
}

const results: ComparisonResult[] = [];
for (const comparison of comparisons) {
  if (values.instructions && comparison.base.workload !== 'receive') continue;
  const result = values.instructions
    ? await countInstructions(comparison)
    : compare(comparison, { rounds, ms });
  results.push(result);
  if (!values.json) console.log(line(result));
}
if (values.json) console.log(JSON.stringify({ rounds, ms, results }, null, 2));
if (results.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
if (values.check && results.some(({ ratio, most }) => ratio > most)) process.exitCode = 1;
