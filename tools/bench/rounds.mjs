// Rounds: the contestants of a case take turns, each in a fresh process, and are compared round by round.
//
//   round 1   ours  C      round 2   C  ours      round 3   ours  C  …
//
// A round is disturbed when one of its processes did not have its core to itself, or ran on a slower machine than
// others did. It is kept and shown, but as long as half of the rounds are not, only those count; as many rounds as were
// disturbed are run again, up to half as many as were asked for.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const here = import.meta.dirname;

/** A process in one thread that got less of its core than this was held up. */
const LEAST_CPU_SHARE = 0.96;
/** A control loop this much slower than the fastest ever seen is a slower machine. */
const MOST_SLOWDOWN = 1.12;

let fastestControl = Number.POSITIVE_INFINITY;

/** Runs a workload in a process of its own and returns what it printed. */
export function runWorkload(name, parameters) {
  const file = join(here, 'workloads', `${name}.mjs`);
  const { status, stdout, stderr, signal } = spawnSync(
    process.execPath,
    ['--expose-gc', file, JSON.stringify(parameters)],
    { encoding: 'utf8', maxBuffer: 1 << 26, timeout: 900_000 },
  );
  if (status === 0) return JSON.parse(stdout.slice(stdout.lastIndexOf('\n', stdout.length - 2) + 1));
  return { failed: true, problems: [`${name} ended with ${signal ?? status}: ${lastLines(stderr)}`] };
}

const lastLines = (text) => text.trim().split('\n').slice(0, 6).join(' | ');

function isDisturbed(sample, threads) {
  if (sample.failed) return false; // wrong, not disturbed
  if (sample.controlNs !== undefined) {
    fastestControl = Math.min(fastestControl, sample.controlNs);
    if (sample.controlNs > fastestControl * MOST_SLOWDOWN) return true;
  }
  return threads === 1 && sample.cpuMs !== undefined && sample.cpuMs < LEAST_CPU_SHARE * sample.wallMs;
}

/**
 * Runs the contestants of a case: `{ name: () => sample }`. Returns the rounds that count, each `{ name: sample }`, how
 * many were disturbed, and what was computed wrongly.
 */
export function runRounds(contestants, { rounds, threads = 1, again = Math.ceil(rounds / 2) }) {
  const names = Object.keys(contestants);
  const all = [];
  const undisturbed = () => all.filter(({ disturbed }) => !disturbed);
  for (let round = 0; undisturbed().length < rounds && round < rounds + again; round++) {
    const order = round % 2 === 0 ? names : [...names].reverse();
    const samples = {};
    for (const name of order) samples[name] = contestants[name]();
    all.push({ samples });
    // The fastest control loop may have been seen only now: judge all of them again.
    for (const entry of all)
      entry.disturbed = Object.values(entry.samples).some((sample) => isDisturbed(sample, threads));
    if (Object.values(samples).some(({ failed }) => failed)) break;
  }
  const problems = new Set(
    all.flatMap(({ samples }) =>
      Object.entries(samples).flatMap(([name, sample]) =>
        sample.problems.map((problem) => `${name}: ${problem}`),
      ),
    ),
  );
  const good = undisturbed();
  const counted = good.length * 2 >= rounds ? good : all;
  return {
    rounds: counted.map(({ samples }) => samples),
    disturbed: all.length - good.length,
    countsDisturbed: counted === all && good.length < all.length,
    problems: [...problems],
  };
}
