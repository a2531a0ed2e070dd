// Live migrations under load between hosts of random kinds: every frame that was sent is found once, byte for byte, in
// the VM it was for, or in a counter of a drop. Prints how long VMs stood still, and what they lost.
//
//   node tools/soak/dist/migrations.js [--count 1000] [--size 64|1514|both] [--seed 1] [--json]
//   node tools/soak/dist/migrations.js --size 64 --seed 1 --world 7       one pair of hosts again, as a failure said
//   node tools/soak/dist/migrations.js --executor threads --count 50      devices, processors and guests in threads, real time
//
// `count` VMs arrive per size; attempts that are vetoed, cancelled, damaged, cut off, refused or thrown out of on the
// way come on top. Same seed, same figures on every machine, but for threads. Exit code 1 if anything was duplicated,
// misdelivered, altered, not accounted for, or otherwise not as it should be.
import { parseArgs } from 'node:util';
import { MAX_SEED } from '@vmq/machine';
import { runMigrations } from '@vmq/simulator';
import { wholeNumber } from './whole-number.ts';

type Report = Awaited<ReturnType<typeof runMigrations>>;
/** Migrations after which it says how far it is. */
const TELL_EVERY = 200;

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
const sizes = values.size === 'both' ? [64, 1514] : [wholeNumber('size', values.size, 64, 1514)];
const count = wholeNumber('count', values.count, 1, 1_000_000);
const seed = wholeNumber('seed', values.seed, 0, MAX_SEED);
const world = values.world === undefined ? {} : { world: wholeNumber('world', values.world, 0, 1_000_000) };
const executor = executorOf(values.executor);

function executorOf(name: string): 'deterministic' | 'threads' {
  if (name === 'deterministic' || name === 'threads') return name;
  throw new Error(`--executor ${name}: expected deterministic or threads`);
}

const number = (value: number): string => Math.round(value).toLocaleString('en-US');
const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join(', ');
const row = (name: string, { p50, p90, p99, max }: Report['rounds']): string =>
  `  ${name.padEnd(32)}${[p50, p90, p99, max].map((value) => number(value).padStart(9)).join('')}`;

function print(report: Report, seconds: number): void {
  const attempts = Object.values(report.failed).reduce((sum, value) => sum + value, report.moved);
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

async function run(length: number): Promise<Report> {
  const started = performance.now();
  let told = 0;
  const onWorld = (moved: number): void => {
    if (moved - told < TELL_EVERY) return;
    told = moved;
    console.error(`${length} bytes: ${moved} of ${count} moved`);
  };
  const report = await runMigrations({ count, length, seed, executor, onWorld, ...world });
  if (!values.json) print(report, (performance.now() - started) / 1000);
  return report;
}

const reports: Report[] = [];
for (const length of sizes) reports.push(await run(length));
if (values.json) console.log(JSON.stringify(reports, null, 2));
if (reports.some(({ wrongs }) => wrongs.length > 0)) process.exitCode = 1;
