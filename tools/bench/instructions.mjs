// Instructions that a frame costs, by function: a count, which is the same on a busy machine as on a quiet one.
//
//   node tools/bench/instructions.mjs [--size 64] [--vms 8] [--offered 1024] [--profile 6.20] [--vmq off] [--top 30] [--json]
//
// Needs valgrind and a build. Two runs of different length are counted, some seconds each, and their difference is shown,
// so start-up and compilation are not in it. An instruction is not a time: loads that miss the cache and stores that wait
// for others cost more than the rest.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readCallgrind } from './callgrind-profile.mjs';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '64' },
    vms: { type: 'string', default: '8' },
    offered: { type: 'string', default: '1024' },
    profile: { type: 'string', default: '6.20' },
    vmq: { type: 'string', default: 'on' },
    top: { type: 'string', default: '30' },
    json: { type: 'boolean', default: false },
  },
});
const offered = Number(values.offered);
/** Frames of the shorter run: by its end all that matters is compiled. */
const SHORTER = 1 << 20;
const FRAMES = 1 << 19;

const folder = await mkdtemp(join(tmpdir(), 'vmq-instructions-'));
try {
  const before = await count(SHORTER);
  const after = await count(SHORTER + FRAMES);
  const perFrame = [...after]
    .map(([name, instructions]) => ({
      name,
      instructions: (instructions - (before.get(name) ?? 0)) / FRAMES,
    }))
    .sort((x, y) => y.instructions - x.instructions);
  report(perFrame);
} finally {
  await rm(folder, { recursive: true });
}

/** Instructions by function of a process through which so many frames went. */
async function count(frames) {
  const out = join(folder, `callgrind-${frames}`);
  const parameters = {
    size: values.size,
    vms: Number(values.vms),
    ndisVersion: values.profile,
    vmq: values.vmq !== 'off',
    offered,
    rounds: Math.ceil(frames / offered),
  };
  const child = spawn(
    'valgrind',
    [
      '--tool=callgrind',
      '--dump-instr=yes',
      '--smc-check=all-non-file', // V8 writes code over code
      `--callgrind-out-file=${out}`,
      process.execPath,
      '--single-threaded', // or compilation would end at another frame each time
      '--perf-basic-prof',
      '--perf-basic-prof-only-functions',
      join(import.meta.dirname, 'workloads/count.mjs'),
      JSON.stringify(parameters),
    ],
    // V8 puts a log of its own where the process stands: it goes with the folder.
    { cwd: folder, stdio: ['ignore', 'inherit', 'pipe'] },
  );
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    told += text;
  });
  const status = await new Promise((resolve, reject) => {
    child.on('error', ({ code, message }) =>
      reject(new Error(code === 'ENOENT' ? 'valgrind is not installed' : message)),
    );
    child.on('close', resolve);
  });
  if (status !== 0) throw new Error(`valgrind ended with ${status}:\n${told}`);
  const map = `/tmp/perf-${child.pid}.map`; // V8's choice
  const counts = await readCallgrind(out, map);
  await rm(map);
  return counts;
}

function report(perFrame) {
  const total = perFrame.reduce((sum, { instructions }) => sum + instructions, 0);
  const packages = new Map();
  for (const { name, instructions } of perFrame) {
    const owner = /^([\w-]+)\//.exec(name)?.[1] ?? 'engine';
    packages.set(owner, (packages.get(owner) ?? 0) + instructions);
  }
  const owners = [...packages].sort((x, y) => y[1] - x[1]).filter(([, n]) => Math.round(n) > 0);
  const functions = perFrame.slice(0, Number(values.top)).filter(({ instructions }) => instructions >= 1);
  if (values.json) {
    console.log(JSON.stringify({ ...values, total, packages: Object.fromEntries(owners), functions }));
    return;
  }
  const line = (name, n) => console.log(`${n.toFixed(0).padStart(7)}  ${name}`);
  line(
    `instructions a frame: ${values.size} B, ${values.vms} VMs, profile ${values.profile}, VMQ ${values.vmq}`,
    total,
  );
  for (const [name, n] of owners) line(name, n);
  console.log();
  for (const { name, instructions } of functions) line(name, instructions);
}
