// Kills runs of `vmq` at random for some minutes, and looks at what they leave.
//
//   node tools/soak/dist/kill-runs.js [--seconds 180] [--seed 1] [--runs 3]
//
// Several writers at a time have a few directories between them. Each run is let be, stopped (SIGINT, SIGTERM), or
// killed (SIGKILL) at a random moment, or its standard output ends early. After each the rule is the same:
//
//   - it ended with a code of docs/cli.md, or by the signal it got, and did not take longer than it may;
//   - every result in its directory is whole: it reads to its end, and has exactly the frames of a run that was let
//     be, or of one that was stopped, whose report says how many;
//   - at the end of all, one run that is let be finds every directory usable, and leaves nothing but results in it.
//
// Prints what it did; exit code 1 if anything was wrong. The moments come from the seed,
// what is hit by them from the machine.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom, type Random } from '@vmq/machine';
import { CAPTURE, HANGS_AFTER_MS, type RunEnd, startRun } from './killed-run.ts';
import { Results } from './run-results.ts';
import { wholeNumber } from './whole-number.ts';

const DIRECTORIES = 3;
/** VMs of a run: files differ from run to run, and so do their frames. */
const MOST_VMS = 4;
/** Later than nearly every run takes. */
const LATEST_MOMENT_MS = 4000;
const MOST_PROBLEMS = 20;

/** What is done to a run at its moment. */
type Fate = 'let be' | 'SIGINT' | 'SIGTERM' | 'SIGKILL' | 'no reader';
const FATES: readonly Fate[] = [
  'let be',
  'SIGINT',
  'SIGINT',
  'SIGTERM',
  'SIGKILL',
  'SIGKILL',
  'SIGKILL',
  'no reader',
];
/** How a run may end that this was done to. */
const ENDS: Readonly<Record<Fate, readonly (number | string)[]>> = {
  'let be': [0],
  SIGINT: [0, 130, 'SIGINT'],
  SIGTERM: [0, 143, 'SIGTERM'],
  SIGKILL: [0, 'SIGKILL'],
  'no reader': [0],
};

/** What a report on standard output says, as far as it is looked at. */
interface Report {
  readonly files?: readonly { readonly path: string; readonly frames: number }[];
  readonly interrupted?: boolean;
  readonly stopped?: unknown;
  readonly error?: unknown;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '180' },
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '3' },
  },
});

class KillRuns {
  readonly problems: string[] = [];
  readonly outcomes = new Map<string, number>();
  readonly #scratch = mkdtempSync(join(tmpdir(), 'vmq-kill-runs-'));
  readonly #results = new Results(this.problems);
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = createRandom(seed);
  }

  async run(seconds: number, atATime: number): Promise<void> {
    try {
      for (let vms = 1; vms <= MOST_VMS; vms++)
        await this.#results.learn(vms, join(this.#scratch, `learn-${vms}`));
      const end = Date.now() + seconds * 1000;
      await Promise.all(Array.from({ length: atATime }, () => this.#keepRunning(end)));
      for (let i = 0; i < DIRECTORIES; i++) await this.#results.lastRun(MOST_VMS, this.#directory(i));
      this.#results.checkAll();
    } finally {
      rmSync(this.#scratch, { recursive: true, force: true });
    }
  }

  #directory(i: number): string {
    return join(this.#scratch, `results-${i}`);
  }

  async #keepRunning(end: number): Promise<void> {
    while (Date.now() < end && this.problems.length < MOST_PROBLEMS) await this.#oneRun();
  }

  async #oneRun(): Promise<void> {
    const random = this.#random;
    const directory = this.#directory(random.below(DIRECTORIES));
    const vms = 1 + random.below(MOST_VMS);
    const args =
      random.below(5) === 0
        ? ['simulate', '--seed', String(random.below(1000)), '--seeds', '3', '--json']
        : ['replay', CAPTURE, '--vms', String(vms), '--json', '--out', directory];
    const fate = FATES[random.below(FATES.length)];
    const { child, ended } = startRun(args);
    const timer = setTimeout(() => {
      if (fate === 'no reader') child.stdout.destroy();
      else if (fate !== 'let be') child.kill(fate);
    }, random.below(LATEST_MOMENT_MS));
    const end = await ended;
    clearTimeout(timer);
    this.#judge(args, fate, end);
    if (args[0] === 'replay') this.#results.look(directory);
  }

  /** The code, the signal and the report must fit what was done to it. */
  #judge(args: readonly string[], fate: Fate, { code, signal, out, err, hangs }: RunEnd): void {
    const end = signal ?? code ?? 'nothing';
    const isRefused = code === 1 && /another run/.test(err);
    const outcome = `${args[0]}, ${fate}: ${isRefused ? 'refused, the directory is in use' : `ended with ${end}`}`;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    if (hangs) this.problems.push(`${args.join(' ')}: hangs, after ${HANGS_AFTER_MS} ms`);
    if (isRefused) return;
    const wrong = (what: string): void => {
      this.problems.push(`vmq ${args.join(' ')}, ${fate}: ${what}; it ended with ${end}, and said: ${err}`);
    };
    if (!ENDS[fate].includes(end)) wrong('an end that nobody expects');
    else if (typeof end === 'number' && fate !== 'no reader') this.#judgeReport(end, out, wrong);
  }

  #judgeReport(end: number, out: string, wrong: (what: string) => void): void {
    if (out === '') {
      if (end === 0) wrong('no report');
      return;
    }
    let report: Report;
    try {
      report = JSON.parse(out) as Report;
    } catch (error) {
      wrong(`its report is no JSON: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    for (const { path, frames } of report.files ?? []) this.#results.allow(path, frames);
    const saysStopped = report.interrupted === true || Boolean(report.stopped);
    if (end === 0 && saysStopped) wrong('it says that it was stopped');
    if (end !== 0 && report.error === undefined && !saysStopped) wrong('it does not say that it was stopped');
  }
}

const seconds = wholeNumber('seconds', values.seconds);
const seed = wholeNumber('seed', values.seed);
const atATime = wholeNumber('runs', values.runs);
const kill = new KillRuns(seed);
await kill.run(seconds, atATime);
for (const [outcome, count] of [...kill.outcomes].sort())
  console.log(`${String(count).padStart(6)}  ${outcome}`);
for (const problem of kill.problems) console.error(problem);
const all = [...kill.outcomes.values()].reduce((sum, count) => sum + count, 0);
console.log(`seed ${seed}: ${all} runs in ${seconds} s, ${atATime} at a time, ${kill.problems.length} wrong`);
process.exitCode = kill.problems.length === 0 ? 0 : 1;
