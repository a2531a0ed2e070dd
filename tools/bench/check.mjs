// `pnpm bench:check`, the short form of the benchmark: fails when a case's ratio to C has fallen more than a quarter
// below the one in recorded.json, or when what was computed is wrong.
//
//   node tools/bench/check.mjs             the check, well under a minute
//   node tools/bench/check.mjs --record    measures longer and writes recorded.json
//   node tools/bench/check.mjs --if-quiet  nothing but a line that says why, where other work keeps the machine busy
//
// It has to hold on machines that others use too. Both sides are judged by their CPU time, a case that looks bad gets
// more rounds, and it fails only if both the median of its rounds and the fastest of ours beside the fastest of C's say
// so. Ratios to C differ between processors, so there is a record for each model; on one without, the ratios are shown
// and only what was computed is judged.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { median } from './quantile.mjs';
import { whyNotQuiet } from './quiet.mjs';
import { runWorkload } from './rounds.mjs';
import { compileYardstick } from './yardstick.mjs';

const FILE = join(import.meta.dirname, 'recorded.json');
const LEAST_OF_RECORDED = 0.75;
const BUDGET_MS = 50_000;
const FEW_ROUNDS = 2;
const MANY_ROUNDS = 9;

const record = process.argv.includes('--record');
const CASES = {
  'receive-64': { size: '64', vms: 8 },
  'receive-1514': { size: '1514', vms: 8 },
  'receive-imix': { size: 'imix', vms: 8 },
  'receive-64vms': { size: '64', vms: 64 },
  'one-frame-per-interrupt': { size: '64', vms: 8, offered: 1 },
  'receive630-64': { size: '64', vms: 8, ndisVersion: '6.30' },
};

/** Frames per microsecond of CPU time, as far as that was less than the time that passed. */
const pace = ({ mpps, wallMs, cpuMs }) => mpps * Math.max(1, wallMs / cpuMs);

function createMeter(name, { offered, ...parameters }, yardstick) {
  const ours = [];
  const c = [];
  const ms = record ? 400 : 200;
  return {
    name,
    get rounds() {
      return ours.length;
    },
    /** One round; what was computed wrongly. */
    round() {
      const { size, vms } = parameters;
      const sample = runWorkload('receive', {
        ...parameters,
        ...(offered ? { offered } : {}),
        ms,
        warmUpMs: 400,
      });
      if (sample.problems.length > 0) return sample.problems;
      ours.push(pace(sample));
      c.push(pace(yardstick.run({ size, vms, ms })));
      return [];
    },
    get median() {
      return median(ours.map((value, i) => value / c[i]));
    },
    /** Noise only makes slower: the fastest of each has the least of it. */
    get fastest() {
      return Math.max(...ours) / Math.max(...c);
    },
  };
}

const recorded = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {};
const model = cpus()[0]?.model ?? 'unknown';

/** What is on record for a case on this processor, if anything is. */
const expected = (name) => recorded[model]?.[name];

let failed = 0;
const wrong = new Set();
const fail = (line) => {
  console.error(line);
  failed++;
};

const skip = (why) => {
  console.log(`performance check skipped: ${why}`);
  process.exit(0);
};
const onlyIfQuiet = process.argv.includes('--if-quiet');
if (onlyIfQuiet) {
  const why = whyNotQuiet();
  if (why !== null) skip(why);
}
const yardstick = compileYardstick();
if (yardstick === null) {
  skip('no C compiler (cc, gcc or clang), so there is nothing to compare with');
}
try {
  const started = performance.now();
  const meters = Object.entries(CASES).map(([name, parameters]) => createMeter(name, parameters, yardstick));
  const inTime = () => record || performance.now() - started < BUDGET_MS;
  const round = (meter) => {
    const problems = meter.round();
    if (problems.length === 0) return;
    wrong.add(meter.name);
    fail(`${meter.name}: computed wrongly: ${problems.join('; ')}`);
  };
  for (let i = 0; i < (record ? MANY_ROUNDS : FEW_ROUNDS); i++)
    for (const meter of meters) if (!wrong.has(meter.name) && (i === 0 || inTime())) round(meter);
  const ratios = {};
  for (const meter of meters) {
    const { name } = meter;
    if (wrong.has(name)) continue;
    const goal = expected(name);
    const isSlow = () =>
      goal !== undefined && Math.max(meter.median, meter.fastest) < LEAST_OF_RECORDED * goal;
    while (!record && isSlow() && meter.rounds < MANY_ROUNDS && inTime()) round(meter);
    ratios[name] = Number(meter.median.toPrecision(3));
    const line = `${name}: ${meter.median.toFixed(3)} of C, ${goal?.toFixed(3) ?? 'nothing'} on record, ${meter.rounds} rounds`;
    if (!record && isSlow()) fail(`${line}: more than a quarter slower`);
    else console.log(line);
  }
  if (record && failed === 0) {
    writeFileSync(FILE, `${JSON.stringify({ ...recorded, [model]: ratios }, null, 2)}\n`);
    console.log(`${FILE} written for ${model}`);
  }
} finally {
  yardstick.dispose();
}
if (onlyIfQuiet && failed > 0 && wrong.size === 0) {
  const why = whyNotQuiet();
  if (why !== null) skip(`what was measured does not count: ${why}`);
}
process.exitCode = failed === 0 ? 0 : 1;
