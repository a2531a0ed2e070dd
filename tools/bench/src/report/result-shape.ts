// The results by case name, as the one object that `--json` prints.
import { cpus, loadavg, totalmem } from 'node:os';
import type { CaseResult, LayerCosts } from '../cases/case-result.ts';
import type { Yardstick } from '../measuring/yardstick.ts';

export const SIZES = ['64', '512', '1514', 'imix'] as const;
/** Something by the size of its frames; only sizes that were run. */
export type BySize<T> = Readonly<Partial<Record<Size, T>>>;
export type Size = (typeof SIZES)[number];

export interface MachineDescription {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly os: string;
  readonly node: string;
  readonly v8?: string;
  readonly compiler: string | null;
  readonly loadBefore?: number;
}

/** What was measured, as docs/performance.json keeps it. */
export interface Results {
  readonly machine: MachineDescription;
  readonly rounds: number;
  readonly ms: number;
  /** By case name. */
  readonly results: Readonly<Partial<Record<string, CaseResult>>>;
}

/** VMQ on and off, of one profile. */
export interface VmqResults {
  readonly throughput?: BySize<number>;
  readonly hostCpu?: BySize<number>;
  readonly oneThreadThroughput?: BySize<number>;
  /** The cases themselves, by name. */
  readonly details?: Readonly<Record<string, CaseResult>>;
}

/** Only what was run: absent cases leave no key. */
export interface ShapedResults extends Pick<Results, 'machine' | 'rounds' | 'ms'> {
  readonly receive?: BySize<CaseResult>;
  readonly receive16Vms?: CaseResult;
  readonly receive64Vms?: CaseResult;
  readonly oneFramePerInterrupt?: CaseResult;
  readonly twoProcessors?: CaseResult;
  readonly vmqOnOverOff?: VmqResults;
  /** The figures of 64 B, and beside them those of all sizes by size. */
  readonly transmit?: Partial<CaseResult> & BySize<CaseResult>;
  readonly vmToVm?: Partial<CaseResult> & BySize<CaseResult>;
  readonly burst?: CaseResult;
  readonly wireToVm?: Partial<CaseResult> & { readonly asleep?: CaseResult };
  readonly scavengesPer100MFrames?: number;
  readonly garbage?: CaseResult;
  readonly afterChurn?: number;
  readonly churn?: CaseResult;
  readonly layers?: BySize<LayerCosts>;
  readonly receive630?: BySize<CaseResult>;
  readonly receive630With64Vms?: CaseResult;
  readonly oneFramePerInterrupt630?: CaseResult;
  readonly vmqOnOverOff630?: VmqResults;
  readonly layers630?: BySize<LayerCosts>;
  readonly startUp64VmsMs?: number;
  readonly memory?: {
    readonly with8Vms?: Pick<CaseResult, 'rssBytes' | 'sharedBytes'>;
    readonly with64Vms?: CaseResult;
  };
  readonly oidsPerSecond?: number;
  readonly oids?: CaseResult;
}

export function describeMachine(yardstick: Yardstick | null): MachineDescription {
  const cpu = cpus().at(0);
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

type NamedResults = Results['results'];

/** An object without the members that are undefined; undefined itself if it has no others. */
type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };
function present<T extends object>(object: T): Present<T> | undefined {
  const there = Object.entries(object).filter(([, value]) => value !== undefined);
  return there.length === 0 ? undefined : (Object.fromEntries(there) as Present<T>);
}

/** A figure of the cases `prefix-SIZE`, by size. */
function bySize<T>(
  results: NamedResults,
  prefix: string,
  pick: (result: CaseResult) => T | undefined,
): BySize<T> | undefined {
  const of = (size: Size): T | undefined => {
    const result = results[`${prefix}-${size}`];
    return result === undefined ? undefined : pick(result);
  };
  const all: Record<Size, T | undefined> = {
    64: of('64'),
    512: of('512'),
    1514: of('1514'),
    imix: of('imix'),
  };
  return present(all) as BySize<T> | undefined;
}

const whole = (result: CaseResult): CaseResult => result;
const layersOf = ({ on }: CaseResult): LayerCosts | undefined => on;

function vmqResults(results: NamedResults, profile: '' | '630'): VmqResults | undefined {
  const names = SIZES.flatMap((size) => [`vmq-threads${profile}-${size}`, `vmq-cpu${profile}-${size}`]);
  const details = names.flatMap((name) => {
    const result = results[name];
    return result === undefined ? [] : [[name, result] as const];
  });
  return present({
    throughput: bySize(results, `vmq-threads${profile}`, ({ onOverOff }) => onOverOff),
    hostCpu: bySize(results, `vmq-cpu${profile}`, ({ hostCpu }) => hostCpu),
    oneThreadThroughput: bySize(results, `vmq-cpu${profile}`, ({ throughput }) => throughput),
    details: details.length === 0 ? undefined : Object.fromEntries(details),
  });
}

function withOwnSize(
  results: NamedResults,
  prefix: string,
): (Partial<CaseResult> & BySize<CaseResult>) | undefined {
  const all = bySize(results, prefix, whole);
  return all === undefined ? undefined : { ...all['64'], ...all };
}

/** Resident and shared memory of hosts of two sizes. */
function memoryOf({ garbage, 'start-up': startUp }: NamedResults): ShapedResults['memory'] {
  const with8Vms =
    garbage === undefined
      ? undefined
      : present({ rssBytes: garbage.rssBytes, sharedBytes: garbage.sharedBytes });
  return present({ with8Vms, with64Vms: startUp });
}

export function shapeResults({ machine, rounds, ms, results }: Results): ShapedResults {
  const { burst, churn, garbage, oids } = results;
  return {
    machine,
    rounds,
    ms,
    ...present({
      receive: bySize(results, 'receive', whole),
      receive16Vms: results['receive-16vms'],
      receive64Vms: results['receive-64vms'],
      oneFramePerInterrupt: results['one-frame-per-interrupt'],
      twoProcessors: results['two-processors'],
      vmqOnOverOff: vmqResults(results, ''),
      transmit: withOwnSize(results, 'transmit'),
      vmToVm: withOwnSize(results, 'vm-to-vm'),
      burst,
      wireToVm: present({ ...results['wire-to-vm-spinning'], asleep: results['wire-to-vm-asleep'] }),
      scavengesPer100MFrames: garbage?.scavengesPer100MFrames,
      garbage,
      afterChurn: churn?.ofFresh,
      churn,
      layers: bySize(results, 'vmq-cpu', layersOf),
      receive630: bySize(results, 'receive630', whole),
      receive630With64Vms: results['receive630-64vms'],
      oneFramePerInterrupt630: results['one-frame-per-interrupt630'],
      vmqOnOverOff630: vmqResults(results, '630'),
      layers630: bySize(results, 'vmq-cpu630', layersOf),
      startUp64VmsMs: results['start-up']?.wallMs,
      memory: memoryOf(results),
      oidsPerSecond: oids?.oidsPerSecond,
      oids,
    }),
  };
}
