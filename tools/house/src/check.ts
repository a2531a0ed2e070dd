// The house as a check: imports go one way, nothing is undeclared, no limit is exceeded. Prints each broken rule and exits
// 1 if there is any.
//
//   node tools/house/dist/check.js [--tighten]
//
// tools/house/baseline.json excuses what was there when a limit came; --tighten takes from it what has been mended since.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Baseline, judge } from './baseline.ts';
import { importProblems, readImports } from './imports.ts';
import { filesOf, limitsOf, longSubjects } from './limits.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const baselineFile = new URL('../baseline.json', import.meta.url);
const { values } = parseArgs({ options: { tighten: { type: 'boolean', default: false } } });

const imports = await readImports(root);
const limits = [...limitsOf(root, filesOf(root), imports), longSubjects(root)];
const baseline = JSON.parse(readFileSync(baselineFile, 'utf8')) as Baseline;
const { problems: exceeded, mended, rest } = judge(limits, baseline);
const problems = [...importProblems(root, imports), ...exceeded];
for (const problem of problems) console.error(problem);
if (values.tighten) writeFileSync(baselineFile, `${JSON.stringify(rest, null, 2)}\n`);
else if (mended.length > 0)
  console.log(`${mended.length} excused places are mended: node tools/house/dist/check.js --tighten`);
const excused = Object.values(rest).flat().length;
console.log(
  problems.length === 0
    ? `house plan and limits kept${excused > 0 ? `, ${excused} places excused` : ''}`
    : `house: ${problems.length} broken rules`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
