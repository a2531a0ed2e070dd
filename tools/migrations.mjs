// Live migrations under load between hosts of random kinds: every frame that was sent is found once, byte for byte, in
// the VM it was for, or in a counter of a drop. Prints how long VMs stood still, and what they lost.
//
//   node tools/migrations.mjs [--count 1000] [--size 64|1514|both] [--seed 1] [--json]
//   node tools/migrations.mjs --size 64 --seed 1 --world 7        one pair of hosts again, as a failure said
//   node tools/migrations.mjs --executor threads --count 50       devices, processors and guests in threads, real time
//
// `count` VMs arrive per size; attempts that are vetoed, cancelled, damaged, cut off, refused or thrown out of on the
// way come on top. Same seed, same figures on every machine, but for threads. Needs a build (`npx tsc -b packages/host`). Exit code 1
// if anything was duplicated, misdelivered, altered, not accounted for, or otherwise not as it should be.
import { parseArgs } from 'node:util';
import { runMigrations } from '../packages/host/dist/migration-soak/run-migrations.js';
import { MAX_SEED } from '../packages/machine/dist/index.js';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    size: { type: 'string', default: 'both' },
    seed: { type: 'string', default: '1' },
    world: { type: 'string' },
    executor: { type: 'string', default: 'deterministic' },
    json: { type: 'boolean', default: false },
  },
});
const sizes = values.size === 'both' ? [64, 1514] : [whole('size', 64, 1514)];
const count = whole('count', 1, 1_000_000);
const seed = whole('seed', 0, MAX_SEED);
const world = values.world === undefined ? {} : { world: whole('world', 0, 1_000_000) };

function whole(name, least, most) {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`--${name} ${values[name]}: expected a whole number from ${least} to ${most}`);
}

const { executor } = values;
if (executor !== 'deterministic' && executor !== 'threads')
  throw new Error(`--executor ${executor}: expected deterministic or threads`);

const reports = [];
for (const length of sizes) {
  const started = performance.now();
  let told = 0;
  const onWorld = (moved) => {
    if (moved - told < 200) return;
    told = moved;
    console.error(`${length} bytes: ${moved} of ${count} moved`);
  };
  const report = await runMigrations({ count, length, seed, executor, onWorld, ...world });
  const seconds = (performance.now() - started) / 1000;
  reports.push(report);
  if (!values.json) print(report, seconds);
}
if (values.json) console.log(JSON.stringify(reports, null, 2));
if (reports.some(({ wrongs }) => wrongs.length > 0)) process.exitCode = 1;

function print(report, seconds) {
  const number = (value) => Math.round(value).toLocaleString('en-US');
  const list = (counts) =>
    Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .map(([name, value]) => `${name} ${number(value)}`)
      .join(', ');
  const attempts = Object.values(report.failed).reduce((sum, value) => sum + value, report.moved);
  const row = (name, { p50, p90, p99, max }) =>
    `  ${name.padEnd(32)}${[p50, p90, p99, max].map((value) => number(value).padStart(9)).join('')}`;
  const lines = [
    `${number(report.moved)} migrations under ${report.length}-byte frames, seed ${report.seed}: ` +
      `${report.worlds} pairs of hosts, ${number(report.framesPerSecond)} frames/s, ${seconds.toFixed(1)} s`,
    `  attempts ${number(attempts)}; the source went on after ${list(report.failed) || 'none'}`,
    `  queues ${list(report.queues)}; paused ${report.paused}; with packets in hand ${report.carried}`,
    `  frames ${number(report.frames)}, to VMs that moved ${number(report.framesToMovers)}, lost ${number(report.lost)}`,
    `  counted as ${list(report.drops) || 'none'}`,
    `  duplicated ${report.duplicated}, misdelivered ${report.misdelivered}, altered ${report.altered}, ` +
      `unaccounted ${report.unaccounted}, other VMs disturbed ${report.disturbed}, reordered ${report.reordered}`,
    `  ${''.padEnd(32)}${['p50', 'p90', 'p99', 'max'].map((name) => name.padStart(9)).join('')}`,
    row(`blackout, ${executor === 'threads' ? '' : 'virtual '}microseconds`, report.blackoutMicroseconds),
    row('lost in blackout, frames', report.lostInBlackout),
    row('rounds of copying', report.rounds),
    row('sent, KiB', report.kilobytes),
    row('of these while it stood still', report.stateKilobytes),
    ...report.wrongs.map((wrong) => `  WRONG ${wrong}`),
  ];
  console.log(lines.join('\n'));
}
