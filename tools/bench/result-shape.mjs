// The results by case name, as the one object that `--json` prints.
import { cpus, loadavg, totalmem } from 'node:os';

const SIZES = ['64', '512', '1514', 'imix'];

export function describeMachine(yardstick) {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
    compiler: yardstick?.compiler ?? null,
    loadBefore: loadavg()[0],
  };
}

/** Only what was run: absent cases leave no key. */
export function shapeResults({ machine, rounds, ms, results }) {
  const by = (prefix, sizes, pick = (result) => result) =>
    collect(
      sizes.map((size) => {
        const result = results[`${prefix}-${size}`];
        return [size, result && pick(result)];
      }),
    );
  const vmq = (profile) =>
    collect([
      ['throughput', by(`vmq-threads${profile}`, SIZES, ({ onOverOff }) => onOverOff)],
      ['hostCpu', by(`vmq-cpu${profile}`, SIZES, ({ hostCpu }) => hostCpu)],
      ['oneThreadThroughput', by(`vmq-cpu${profile}`, SIZES, ({ throughput }) => throughput)],
      ['details', collect(vmqCases(profile).map((name) => [name, results[name]]))],
    ]);
  /** The figures of 64 B, and beside them those of other sizes. */
  const flat = (prefix) => {
    const all = by(prefix, SIZES);
    return all && { ...all['64'], ...all };
  };
  const { burst, churn, garbage, oids } = results;
  const shaped = {
    machine,
    rounds,
    ms,
    receive: by('receive', SIZES),
    receive16Vms: results['receive-16vms'],
    receive64Vms: results['receive-64vms'],
    oneFramePerInterrupt: results['one-frame-per-interrupt'],
    twoProcessors: results['two-processors'],
    vmqOnOverOff: vmq(''),
    transmit: flat('transmit'),
    vmToVm: flat('vm-to-vm'),
    burst,
    wireToVm: collect([
      ...Object.entries(results['wire-to-vm-spinning'] ?? {}),
      ['asleep', results['wire-to-vm-asleep']],
    ]),
    scavengesPer100MFrames: garbage?.scavengesPer100MFrames,
    garbage,
    afterChurn: churn?.ofFresh,
    churn,
    layers: by('vmq-cpu', SIZES, ({ on }) => on),
    receive630: by('receive630', SIZES),
    receive630With64Vms: results['receive630-64vms'],
    oneFramePerInterrupt630: results['one-frame-per-interrupt630'],
    vmqOnOverOff630: vmq('630'),
    layers630: by('vmq-cpu630', SIZES, ({ on }) => on),
    startUp64VmsMs: results['start-up']?.wallMs,
    memory: collect([
      ['with8Vms', garbage && { rssBytes: garbage.rssBytes, sharedBytes: garbage.sharedBytes }],
      ['with64Vms', results['start-up']],
    ]),
    oidsPerSecond: oids?.oidsPerSecond,
    oids,
  };
  return collect(Object.entries(shaped)) ?? {};
}

/** Cases of one profile that tell VMQ on from off. */
function vmqCases(profile) {
  return SIZES.flatMap((size) => [`vmq-threads${profile}-${size}`, `vmq-cpu${profile}-${size}`]);
}

/** An object of the entries that there are, undefined of none. */
function collect(entries) {
  const there = entries.filter(([, value]) => value !== undefined);
  return there.length === 0 ? undefined : Object.fromEntries(there);
}
