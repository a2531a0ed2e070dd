// The results by case name, as the one object that `--json` prints.
import { cpus, loadavg, release, totalmem } from 'node:os';

const SIZES = ['64', '512', '1514', 'imix'];

export function describeMachine(yardstick) {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${process.arch} ${release()}`,
    node: process.version,
    v8: process.versions.v8,
    compiler: yardstick?.compiler ?? null,
    loadBefore: loadavg()[0],
  };
}

/** Only what was run: absent cases leave no key. */
export function shapeResults({ machine, rounds, ms, results }) {
  const bySize = (prefix) => collect(SIZES.map((size) => [size, results[`${prefix}-${size}`]]));
  const shaped = {
    machine,
    rounds,
    ms,
    receive: bySize('receive'),
    receive16Vms: results['receive-16vms'],
    receive64Vms: results['receive-64vms'],
    oneFramePerInterrupt: results['one-frame-per-interrupt'],
    receive630: bySize('receive630'),
    receive630With64Vms: results['receive630-64vms'],
    oneFramePerInterrupt630: results['one-frame-per-interrupt630'],
  };
  return collect(Object.entries(shaped)) ?? {};
}

/** An object of the entries that there are, undefined of none. */
function collect(entries) {
  const there = entries.filter(([, value]) => value !== undefined);
  return there.length === 0 ? undefined : Object.fromEntries(there);
}
