// Nanoseconds per frame through the device alone: wire ring -> filter -> DMA -> completion -> interrupt, 8 queues.
//
//   node tools/bench/dist/device-alone.js [LENGTH [untagged|tagged|mixed|churned]]     without arguments: all cases
//
// A trivial consumer posts every descriptor again. Each case runs in a fresh process; seven rounds, the median counts.
import { execFileSync } from 'node:child_process';
import { median } from './measuring/quantile.ts';
import { BATCH, DeviceBench, type TagMode } from './traffic/device-bench.ts';

const MODES = ['untagged', 'tagged', 'mixed', 'churned'] as const;
type Mode = (typeof MODES)[number];
const LENGTHS = [60, 64, 512, 1514];
const ROUNDS = 7;
const WARM_UP_BATCHES = 20_000;
const HARNESS_BATCHES = 20_000;

/** Nanoseconds a frame of `batches` batches. */
function nsPerFrame(batches: number, work: (batches: number) => void): number {
  const started = process.hrtime.bigint();
  work(batches);
  return Number(process.hrtime.bigint() - started) / (batches * BATCH);
}

function measure(length: number, mode: Mode): void {
  const tags: TagMode = mode === 'churned' ? 'untagged' : mode;
  const bench = new DeviceBench(length, tags);
  if (mode === 'churned') bench.churn();
  bench.round(WARM_UP_BATCHES);
  const batches = Math.max(2_000, Math.round(30_000 / (1 + length / 200)));
  const samples = Array.from({ length: ROUNDS }, () => {
    const before = bench.consumed;
    const ns = nsPerFrame(batches, (count) => bench.round(count));
    if (bench.consumed - before !== batches * BATCH) throw new Error('frames were lost');
    return ns;
  });
  bench.harness(HARNESS_BATCHES / 2);
  const own = nsPerFrame(HARNESS_BATCHES, (count) => bench.harness(count));
  const device = (median(samples) - own).toFixed(1).padStart(6);
  const all = `median ${median(samples).toFixed(1)}, best ${Math.min(...samples).toFixed(1)}`;
  console.log(
    `${String(length).padStart(5)} bytes  ${mode.padEnd(9)} device ${device} ns/frame   (with harness: ${all})`,
  );
}

const [, file, length, mode] = process.argv;
if (length === undefined) {
  for (const one of MODES)
    for (const bytes of LENGTHS)
      process.stdout.write(execFileSync(process.execPath, [file, String(bytes), one]));
} else measure(Number(length), MODES.find((one) => one === mode) ?? 'untagged');
