// Does the simulator see what it is to see? Deliberate breaks, one at a time in a copy of the tree, each of which
// some invariant of the simulator must catch in less than a minute of processor time.
//
//   node tools/breaks.mjs [--only NAME or PART OF WHAT IT BREAKS] [--jobs 2] [--seed 1] [--steps 1000]
//   node tools/breaks.mjs --guards    the breaks that take two guards of isolation away, each guard alone: the other must hold
//
// tools/breaks/breaks.mjs lists them: a piece of a source file and what stands there instead. One that is not about
// running hosts names the tests that see it. Needs a build
// (`npx tsc -b`). Exit code 1 if one was not caught.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BREAKS, broken, editsOf } from './breaks/breaks.mjs';
import { copyTree, putFile, removeCopy } from './mutation/tree-copy.mjs';

const root = resolve(import.meta.dirname, '..');

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '1000' },
    guards: { type: 'boolean', default: false },
  },
});

/** Processor time for which a break may go unseen: how busy the machine is does not count. */
const PATIENCE_SECONDS = values.guards ? 20 : 60;

/** What runs in a copy: seeds until one fails. */
const RUNNER = `
import { simulate } from './packages/testkit/dist/index.js';
const [seed, steps] = process.argv.slice(2).map(Number);
const { faults = [], hostile = true } = JSON.parse(process.argv[4]);
const spent = () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;
const say = (result) => process.stdout.write(JSON.stringify({ ...result, seconds: spent() }), () => process.exit(0));
for (let current = seed; ; current++) {
  if (spent() > ${PATIENCE_SECONDS}) {
    say({ invariant: null });
    break;
  }
  const { failures } = simulate({ seed: current, steps, shrink: false, faults, hostile });
  const [failure] = failures;
  if (failure) {
    const { invariant, message, stepsBefore } = failure;
    say({ seed: current, invariant, message, step: stepsBefore });
    break;
  }
}
`;

/** What the simulator said, or null if it was still looking when patience ran out. */
function run(copy, { faults, hostile }) {
  return new Promise((done) => {
    const child = spawn(
      process.execPath,
      ['run.mjs', values.seed, values.steps, JSON.stringify({ faults, hostile })],
      {
        cwd: copy,
      },
    );
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    // One that hangs in a step never looks at its time.
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000 * PATIENCE_SECONDS);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code === null) done(null);
      else if (code !== 0 || out === '')
        done({
          invariant: 'none',
          message: err.split('\n').slice(0, 6).join(' '),
          seed: 0,
          step: 0,
          seconds: 0,
        });
      else {
        const result = JSON.parse(out);
        done(result.invariant === null ? null : result);
      }
    });
  });
}

const { only } = values;
/** A break of two guards as breaks of each alone: what the one lets through the other must stop. */
const alone = (one) =>
  editsOf(one).map((edit, i) => ({
    ...one,
    ...edit,
    also: [],
    name: `${one.name}, guard ${i + 1} alone`,
    isSeen: one.seenAlone?.includes(i + 1) === true,
  }));
const chosen = BREAKS.filter(
  ({ name, breaks }) => only === undefined || name === only || breaks.includes(only),
).flatMap((one) => {
  if (!values.guards) return [one];
  return one.breaks.startsWith('SEC-') && one.also !== undefined ? alone(one) : [];
});
if (chosen.length === 0) throw new Error(`--only ${only}: there is no such break`);
const total = chosen.length;
const forTests = chosen.filter(({ tests }) => tests !== undefined);
const forSimulator = chosen.filter(({ tests }) => tests === undefined);
const caught = new Map();
const missed = [];
const pristine = new Map();
const textOf = (file) => {
  if (!pristine.has(file)) pristine.set(file, readFileSync(join(root, file), 'utf8'));
  return pristine.get(file);
};

/** What tests that are to see a break say of it, or null if they pass. */
function runTests(copy, { tests }) {
  return new Promise((done) => {
    const child = spawn(
      process.execPath,
      [join(copy, 'node_modules/vitest/vitest.mjs'), 'run', '--bail', '1', '--maxWorkers', '1', ...tests],
      { cwd: copy, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.on('close', (code) =>
      done(
        code === 0 ? null : { invariant: 'tests', message: out.slice(-2000), seed: 0, step: 0, seconds: 0 },
      ),
    );
  });
}

/** The simulator needs only what was built; tests read the sources. */
const BUILT = ['dist', 'node_modules', 'package.json'];

async function work(queue, parts, look) {
  if (queue.length === 0) return;
  const copy = copyTree(root, parts);
  writeFileSync(join(copy, 'run.mjs'), RUNNER);
  try {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      const texts = broken(one, textOf);
      for (const [file, text] of texts) putFile(copy, file, text);
      const result = await look(copy, one);
      for (const file of texts.keys()) putFile(copy, file, textOf(file));
      // Of two guards one alone may go: nobody sees others' bytes then, though something else may go wrong.
      const fitting = values.guards
        ? one.isSeen === (result?.invariant === 'no bytes of others')
        : result !== null && (one.caughtBy ?? ['tests']).includes(result.invariant);
      if (values.guards && fitting) caught.set(one.name, result?.invariant ?? 'nothing');
      if (values.guards && fitting) {
        console.log(
          `${one.name} (${one.breaks}): ${one.isSeen ? 'as it must be, ' : 'the other holds; '}seen by ${result?.invariant ?? 'nothing'}`,
        );
        continue;
      }
      if (fitting) caught.set(one.name, result.invariant);
      else missed.push(one.name);
      const how =
        result === null
          ? 'NOT CAUGHT'
          : `${fitting ? 'caught' : 'CAUGHT BY ANOTHER'} by '${result.invariant}' in ${result.seconds.toFixed(1)} s, seed ${result.seed}, step ${result.step}`;
      console.log(`${one.name} (${one.breaks}): ${how}`);
      if (result !== null && !fitting)
        console.log(`    ${result.message.split('\n').slice(0, 4).join('\n    ')}`);
    }
  } finally {
    removeCopy(copy);
  }
}

const started = performance.now();
const jobs = Array.from({ length: Math.min(Number(values.jobs), total) });
await Promise.all(jobs.map(() => work(forSimulator, BUILT, run)));
await Promise.all(jobs.map(() => work(forTests, undefined, runTests)));
const by = {};
for (const invariant of caught.values()) by[invariant] = (by[invariant] ?? 0) + 1;
console.log(
  `${caught.size} of ${total} breaks caught in less than ${PATIENCE_SECONDS} s of processor time each, ` +
    `${((performance.now() - started) / 1000).toFixed(0)} s in all`,
);
console.log(by);
if (missed.length > 0) console.log(`not caught, or by another invariant: ${missed.join(', ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;
