// Kills runs of `vmq` at random for some minutes, and looks at what they leave.
//
//   node tools/kill-runs.mjs [--seconds 180] [--seed 1] [--runs 3]
//
// Several writers at a time have a few directories between them. Each run is let be, stopped (SIGINT, SIGTERM), or
// killed (SIGKILL) at a random moment, or its standard output ends early. After each the rule is the same:
//
//   - it ended with a code of docs/cli.md, or by the signal it got, and did not take longer than it may;
//   - every result in its directory is whole: it reads to its end, and has exactly the frames of a run that was let
//     be, or of one that was stopped, whose report says how many;
//   - at the end of all, one run that is let be finds every directory usable, and leaves nothing but results in it.
//
// Prints what it did; exit code 1 if anything was wrong. Needs a build (`npx tsc -b`). The moments come from the seed,
// what is hit by them from the machine.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readCapture } from '../packages/capture/dist/index.js';
import { createRandom } from '../packages/machine/dist/index.js';

const ROOT = resolve(import.meta.dirname, '..');
const MAIN = join(ROOT, 'packages/cli/dist/main.js');
const CAPTURE = join(ROOT, 'captures/lan.pcapng');
const DIRECTORIES = 3;
/** VMs of a run: files differ from run to run, and so do their frames. */
const MOST_VMS = 4;
/** A run that takes longer than this hangs; no machine is so slow. */
const HANGS_AFTER_MS = 300_000;
/** Later than nearly every run takes. */
const LATEST_MOMENT_MS = 4000;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '180' },
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '3' },
  },
});
const [seconds, seed, runs] = ['seconds', 'seed', 'runs'].map((name) => {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name}: expected a whole number, found ${values[name]}`);
  return value;
});

const random = createRandom(seed);
const scratch = mkdtempSync(join(tmpdir(), 'vmq-kill-runs-'));
const outcomes = new Map();
const problems = [];
/** `file frames` of results that may be: those of runs that were let be, and those that a stopped run reported. */
const allowed = new Set();
/** `file frames` of results that were seen, with the place where they were. */
const seen = new Map();
let last = new Map();
for (let vms = 1; vms <= MOST_VMS; vms++) {
  last = await learn(vms);
  for (const [name, frames] of last) allowed.add(`${name} ${frames}`);
}

const end = Date.now() + seconds * 1000;
await Promise.all(Array.from({ length: runs }, keepRunning));
for (let i = 0; i < DIRECTORIES; i++) await lastRun(join(scratch, `results-${i}`));
for (const [result, place] of seen) {
  if (!allowed.has(result)) problems.push(`${place}: ${result} frames, which no run has reported`);
}

for (const [outcome, count] of [...outcomes].sort()) console.log(`${String(count).padStart(6)}  ${outcome}`);
for (const problem of problems) console.error(problem);
const all = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
console.log(`seed ${seed}: ${all} runs in ${seconds} s, ${runs} at a time, ${problems.length} wrong`);
rmSync(scratch, { recursive: true, force: true });
process.exitCode = problems.length === 0 ? 0 : 1;

/** What a run of `vms` VMs leaves that nobody disturbs. */
async function learn(vms) {
  const directory = join(scratch, `learn-${vms}`);
  const { code, err } = await start(['replay', CAPTURE, '--vms', String(vms), '--out', directory]).ended;
  if (code !== 0) throw new Error(`an undisturbed run ended with ${code}: ${err}`);
  return new Map(readdirSync(directory).map((name) => [name, framesOf(join(directory, name))]));
}

async function keepRunning() {
  while (Date.now() < end && problems.length < 20) await oneRun();
}

async function oneRun() {
  const directory = join(scratch, `results-${random.below(DIRECTORIES)}`);
  const vms = 1 + random.below(MOST_VMS);
  const args =
    random.below(5) === 0
      ? ['simulate', '--seed', String(random.below(1000)), '--seeds', '3', '--json']
      : ['replay', CAPTURE, '--vms', String(vms), '--json', '--out', directory];
  const how = ['let be', 'SIGINT', 'SIGINT', 'SIGTERM', 'SIGKILL', 'SIGKILL', 'SIGKILL', 'no reader'][
    random.below(8)
  ];
  const run = start(args);
  const moment = random.below(LATEST_MOMENT_MS);
  const timer = setTimeout(() => {
    if (how.startsWith('SIG')) run.child.kill(how);
    else if (how === 'no reader') run.child.stdout.destroy();
  }, moment);
  const ended = await run.ended;
  clearTimeout(timer);
  judge(args, how, ended);
  if (args[0] === 'replay') look(directory);
}

/** A run: its process, and how it ended. */
function start(args) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A run that is stopped reports, however busy the machine is.
    env: { ...process.env, VMQ_STOP_MS: String(HANGS_AFTER_MS) },
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
  });
  child.stdout.on('error', () => {});
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text;
  });
  const hangs = setTimeout(() => {
    problems.push(`${args.join(' ')}: hangs`);
    child.kill('SIGKILL');
  }, HANGS_AFTER_MS);
  const ended = new Promise((done) =>
    child.on('close', (code, signal) => {
      clearTimeout(hangs);
      done({ code, signal, out, err });
    }),
  );
  return { child, ended };
}

/** The code, the signal and the report must fit what was done to it. */
function judge(args, how, { code, signal, out, err }) {
  const end = signal ?? code;
  const isRefused = code === 1 && /another run/.test(err);
  const outcome = `${args[0]}, ${how}: ${isRefused ? 'refused, the directory is in use' : `ended with ${end}`}`;
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  if (isRefused) return;
  const expected = { SIGINT: [0, 130, 'SIGINT'], SIGTERM: [0, 143, 'SIGTERM'], SIGKILL: [0, 'SIGKILL'] }[
    how
  ] ?? [0];
  const wrong = (what) =>
    problems.push(`vmq ${args.join(' ')}, ${how}: ${what}; it ended with ${end}, and said: ${err}`);
  if (!expected.includes(end)) return wrong('an end that nobody expects');
  if (typeof end === 'string' || how === 'no reader' || out === '') {
    if (end === 0 && how !== 'no reader') wrong('no report');
    return undefined;
  }
  let report;
  try {
    report = JSON.parse(out);
  } catch (error) {
    return wrong(`its report is no JSON: ${error.message}`);
  }
  for (const { path, frames } of report.files ?? []) allowed.add(`${basename(path)} ${frames}`);
  if (end === 0 && (report.interrupted === true || report.stopped)) wrong('it says that it was stopped');
  if (end !== 0 && report.error === undefined && !report.interrupted && !report.stopped)
    wrong('it does not say that it was stopped');
  return undefined;
}

/** Every result is whole, whoever wrote it. */
function look(directory) {
  let names;
  try {
    names = readdirSync(directory);
  } catch {
    return; // None has come so far.
  }
  for (const name of names.filter((one) => one.endsWith('.pcapng'))) {
    try {
      seen.set(`${name} ${framesOf(join(directory, name))}`, directory);
    } catch (error) {
      problems.push(`${name} of a directory of results: ${error.message}`);
    }
  }
}

/** The last run in a directory finds it usable, and leaves only whole results. */
async function lastRun(directory) {
  const { code, err } = await start(['replay', CAPTURE, '--vms', String(MOST_VMS), '--out', directory]).ended;
  if (code !== 0) problems.push(`the last run in a directory ended with ${code}: ${err}`);
  const names = readdirSync(directory).sort();
  const expected = last;
  if (names.join() !== [...expected.keys()].sort().join()) problems.push(`left behind: ${names.join(', ')}`);
  for (const [name, frames] of expected) {
    const found = framesOf(join(directory, name));
    if (found !== frames) problems.push(`${name}: ${found} frames, expected ${frames}`);
  }
}

/** Frames of a result. Throws if it is not whole. */
function framesOf(path) {
  const { packets, error } = readCapture(readFileSync(path));
  if (error !== null) throw new Error(error.message);
  return packets.length;
}
