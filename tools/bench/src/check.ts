// `pnpm bench:check`, the short form of the benchmark: fails when a case's ratio to C has fallen more than a quarter
// below the one in recorded.json, or when what was computed is wrong.
//
//   node tools/bench/dist/check.js             the check, well under a minute
//   node tools/bench/dist/check.js --record    measures longer and writes recorded.json
//   node tools/bench/dist/check.js --if-quiet  nothing but a line that says why, where other work keeps the machine busy
//
// It has to hold on machines that others use too. Both sides are judged by their CPU time, a case that looks bad gets
// more rounds, and it fails only if both the median of its rounds and the fastest of ours beside the fastest of C's say
// so. Ratios to C differ between processors, so there is a record for each model; on one without, the ratios are shown
// and only what was computed is judged.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { median } from './measuring/quantile.ts';
import { whyNotQuiet } from './measuring/quiet.ts';
import { runWorkload } from './measuring/rounds.ts';
import type { Sample } from './measuring/sample.ts';
import { compileYardstick, type Yardstick } from './measuring/yardstick.ts';

const FILE = fileURLToPath(new URL('../recorded.json', import.meta.url));
const LEAST_OF_RECORDED = 0.75;
const BUDGET_MS = 50_000;
const FEW_ROUNDS = 2;
const MANY_ROUNDS = 9;

interface Parameters {
  readonly size: string;
  readonly vms: number;
  readonly offered?: number;
  readonly ndisVersion?: string;
}
const CASES: Readonly<Record<string, Parameters>> = {
  'receive-64': { size: '64', vms: 8 },
  'receive-1514': { size: '1514', vms: 8 },
  'receive-imix': { size: 'imix', vms: 8 },
  'receive-64vms': { size: '64', vms: 64 },
  'one-frame-per-interrupt': { size: '64', vms: 8, offered: 1 },
  'receive630-64': { size: '64', vms: 8, ndisVersion: '6.30' },
};

/** Ratios by case, by the processor's model. */
type Record_ = Readonly<Record<string, Readonly<Record<string, number>>>>;

const record = process.argv.includes('--record');
const onlyIfQuiet = process.argv.includes('--if-quiet');
const recorded: Record_ = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Record_) : {};
const model = cpus().at(0)?.model ?? 'unknown';

/** Frames per microsecond of CPU time, as far as that was less than the time that passed. */
const pace = ({ mpps = 0, wallMs = 1, cpuMs = 1 }: Sample): number => mpps * Math.max(1, wallMs / cpuMs);

/** One case, and its rounds so far. */
class Meter {
  readonly name: string;
  readonly #parameters: Parameters;
  readonly #yardstick: Yardstick;
  readonly #ours: number[] = [];
  readonly #c: number[] = [];

  constructor(name: string, parameters: Parameters, yardstick: Yardstick) {
    this.name = name;
    this.#parameters = parameters;
    this.#yardstick = yardstick;
  }

  get rounds(): number {
    return this.#ours.length;
  }

  /** One round; what was computed wrongly. */
  round(): readonly string[] {
    const { size, vms } = this.#parameters;
    const ms = record ? 400 : 200;
    const sample = runWorkload('receive', { ...this.#parameters, ms, warmUpMs: 400 });
    if (sample.problems.length > 0) return sample.problems;
    this.#ours.push(pace(sample));
    this.#c.push(pace(this.#yardstick.run({ size, vms, ms })));
    return [];
  }

  get median(): number {
    return median(this.#ours.map((value, i) => value / this.#c[i]));
  }

  /** Noise only makes slower: the fastest of each has the least of it. */
  get fastest(): number {
    return Math.max(...this.#ours) / Math.max(...this.#c);
  }

  /** What is on record on this processor, if anything is. */
  get recorded(): number | undefined {
    return model in recorded ? recorded[model][this.name] : undefined;
  }

  isSlow(): boolean {
    const goal = this.recorded;
    return goal !== undefined && Math.max(this.median, this.fastest) < LEAST_OF_RECORDED * goal;
  }
}

class Check {
  /** Cases that computed something wrong, and those that are slow. */
  readonly wrong = new Set<string>();
  readonly slow = new Set<string>();
  readonly #started = performance.now();

  run(meters: readonly Meter[]): void {
    for (let i = 0; i < (record ? MANY_ROUNDS : FEW_ROUNDS); i++)
      for (const meter of meters)
        if (!this.wrong.has(meter.name) && (i === 0 || this.#inTime())) this.#round(meter);
    const ratios: Record<string, number> = {};
    for (const meter of meters) {
      if (this.wrong.has(meter.name)) continue;
      while (!record && meter.isSlow() && meter.rounds < MANY_ROUNDS && this.#inTime()) this.#round(meter);
      ratios[meter.name] = Number(meter.median.toPrecision(3));
      this.#tell(meter);
    }
    if (!record || this.hasFailed) return;
    writeFileSync(FILE, `${JSON.stringify({ ...recorded, [model]: ratios }, null, 2)}\n`);
    console.log(`${FILE} written for ${model}`);
  }

  get hasFailed(): boolean {
    return this.wrong.size > 0 || this.slow.size > 0;
  }

  #inTime(): boolean {
    return record || performance.now() - this.#started < BUDGET_MS;
  }

  #round(meter: Meter): void {
    const problems = meter.round();
    if (problems.length === 0) return;
    this.wrong.add(meter.name);
    console.error(`${meter.name}: computed wrongly: ${problems.join('; ')}`);
  }

  #tell(meter: Meter): void {
    const goal = meter.recorded?.toFixed(3) ?? 'nothing';
    const line = `${meter.name}: ${meter.median.toFixed(3)} of C, ${goal} on record, ${meter.rounds} rounds`;
    if (record || !meter.isSlow()) {
      console.log(line);
      return;
    }
    this.slow.add(meter.name);
    console.error(`${line}: more than a quarter slower`);
  }
}

function skip(why: string): never {
  console.log(`performance check skipped: ${why}`);
  process.exit(0);
}

const noise = onlyIfQuiet ? whyNotQuiet() : null;
if (noise !== null) skip(noise);
const yardstick = compileYardstick();
if (yardstick === null) skip('no C compiler (cc, gcc or clang), so there is nothing to compare with');
const check = new Check();
try {
  check.run(Object.entries(CASES).map(([name, parameters]) => new Meter(name, parameters, yardstick)));
} finally {
  yardstick.dispose();
}
if (onlyIfQuiet && check.slow.size > 0 && check.wrong.size === 0) {
  const why = whyNotQuiet();
  if (why !== null) skip(`what was measured does not count: ${why}`);
}
process.exitCode = check.hasFailed ? 1 : 0;
