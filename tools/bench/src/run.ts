// `pnpm bench [--json] [--only NAME] [--rounds N] [--ms N]`: what a frame costs, beside the C yardstick.
//
//   --only NAME[,NAME]   the cases of these names, or whose names contain them; --list names them all
//   --rounds N           undisturbed rounds of each case that are wanted; default 7
//   --ms N               measured milliseconds of each contestant in each round; default 300
//   --json               one JSON object on standard output; progress goes to standard error
//   --docs               write what was measured into docs/performance.json, .md and the plot; cases that were not
//                        run keep their figures
//   --page               run nothing; write page and plot anew out of docs/performance.json
//
// docs/performance.md says how it is measured; cases/cases.ts has the cases.
import { parseArgs } from 'node:util';
import type { CaseResult } from './cases/case-result.ts';
import { CASES } from './cases/cases.ts';
import { compileYardstick } from './measuring/yardstick.ts';
import { keepResults, writePage } from './report/performance-page.ts';
import { describeMachine, shapeResults } from './report/result-shape.ts';
import { caseLine } from './report/text.ts';

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== '--'),
  options: {
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    ms: { type: 'string', default: '300' },
  },
});
if (values.list) {
  for (const { name, title } of CASES) console.log(`${name.padEnd(28)} ${title}`);
  process.exit(0);
}
if (values.page) {
  for (const file of writePage()) console.log(`${file} written`);
  process.exit(0);
}
const rounds = Number(values.rounds);
const ms = Number(values.ms);
if (!(Number.isInteger(rounds) && rounds >= 1)) throw new Error(`--rounds ${values.rounds}: a number from 1`);
if (!(ms > 0)) throw new Error(`--ms ${values.ms}: milliseconds`);
const wanted = values.only?.split(',');
const matches = (name: string, part: string): boolean =>
  CASES.some((one) => one.name === part) ? name === part : name.includes(part);
const cases = CASES.filter(({ name }) => wanted === undefined || wanted.some((part) => matches(name, part)));
if (cases.length === 0) throw new Error(`no case is named like ${values.only}; --list shows their names`);

const say = values.json ? console.error : console.log;
const yardstick = compileYardstick();
if (yardstick === null) say('no C compiler: no figure is given as a fraction of C');
const machine = describeMachine(yardstick);
const results: Record<string, CaseResult> = {};
try {
  for (const { name, title, run } of cases) {
    results[name] = run({ rounds, ms, yardstick });
    say(caseLine(title, results[name]));
  }
} finally {
  yardstick?.dispose();
}
const shaped = shapeResults({ machine, rounds, ms, results });
if (values.docs) {
  keepResults({ machine, rounds, ms, results });
  for (const file of writePage()) say(`${file} written`);
}
if (values.json) console.log(JSON.stringify(shaped, null, 2));
if (Object.values(results).some(({ problems }) => problems.length > 0)) process.exitCode = 1;
