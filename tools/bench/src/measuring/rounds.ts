// Rounds: the contestants of a case take turns, each in a fresh process, and are compared round by round.
//
//   round 1   ours  C      round 2   C  ours      round 3   ours  C  …
//
// A round is disturbed when one of its processes did not have its core to itself, or ran on a slower machine than
// others did. It is kept and shown, but as long as half of the rounds are not, only those count; as many rounds as were
// disturbed are run again, up to half as many as were asked for.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Sample } from './sample.ts';

const WORKLOADS = new URL('../workloads/', import.meta.url);

/** A process in one thread that got less of its core than this was held up. */
const LEAST_CPU_SHARE = 0.96;
/** A control loop this much slower than the fastest ever seen is a slower machine. */
const MOST_SLOWDOWN = 1.12;

let fastestControl = Number.POSITIVE_INFINITY;

/** Runs a workload of this tree in a process of its own and returns what it printed. */
export function runWorkload(name: string, parameters: object): Sample {
  return runWorkloadFile(fileURLToPath(new URL(`${name}.js`, WORKLOADS)), parameters);
}

/** The same for the file of a workload of any tree. */
export function runWorkloadFile(file: string, parameters: object): Sample {
  const { status, stdout, stderr, signal } = spawnSync(
    process.execPath,
    ['--expose-gc', file, JSON.stringify(parameters)],
    { encoding: 'utf8', maxBuffer: 1 << 26, timeout: 900_000 },
  );
  if (status === 0)
    return JSON.parse(stdout.slice(stdout.lastIndexOf('\n', stdout.length - 2) + 1)) as Sample;
  return { failed: true, problems: [`${file} ended with ${signal ?? status}: ${lastLines(stderr)}`] };
}

const lastLines = (text: string): string => text.trim().split('\n').slice(0, 6).join(' | ');

function isDisturbed({ failed, controlNs, cpuMs, wallMs }: Sample, threads: number): boolean {
  if (failed === true) return false; // wrong, not disturbed
  if (controlNs !== undefined) {
    fastestControl = Math.min(fastestControl, controlNs);
    if (controlNs > fastestControl * MOST_SLOWDOWN) return true;
  }
  return threads === 1 && cpuMs !== undefined && wallMs !== undefined && cpuMs < LEAST_CPU_SHARE * wallMs;
}

/** Who takes part in a case, by name. */
export type Contestants = Readonly<Record<string, () => Sample>>;
/** Their samples of one round. */
export type Round = Readonly<Record<string, Sample>>;

export interface RoundOptions {
  readonly rounds: number;
  /** Of each contestant; with more than one, CPU time says nothing of the core. */
  readonly threads?: number;
  /** Rounds that may be run again. */
  readonly again?: number;
}

export interface Rounds {
  /** Those that count. */
  readonly rounds: readonly Round[];
  readonly disturbed: number;
  /** Disturbed rounds are among those that count. */
  readonly countsDisturbed: boolean;
  readonly problems: readonly string[];
}

export function runRounds(
  contestants: Contestants,
  { rounds, threads = 1, again = Math.ceil(rounds / 2) }: RoundOptions,
): Rounds {
  const names = Object.keys(contestants);
  const all: Round[] = [];
  // The fastest control loop may be seen late: all rounds are judged again each time.
  const undisturbed = (): Round[] =>
    all.filter((round) => !Object.values(round).some((sample) => isDisturbed(sample, threads)));
  for (let n = 0; undisturbed().length < rounds && n < rounds + again; n++) {
    const order = n % 2 === 0 ? names : [...names].reverse();
    const round = Object.fromEntries(order.map((name) => [name, contestants[name]()]));
    all.push(round);
    if (Object.values(round).some(({ failed }) => failed === true)) break;
  }
  const problems = all.flatMap((round) =>
    Object.entries(round).flatMap(([name, sample]) =>
      sample.problems.map((problem) => `${name}: ${problem}`),
    ),
  );
  undisturbed();
  const good = undisturbed();
  const counted = good.length * 2 >= rounds ? good : all;
  return {
    rounds: counted,
    disturbed: all.length - good.length,
    countsDisturbed: counted === all && good.length < all.length,
    problems: [...new Set(problems)],
  };
}
