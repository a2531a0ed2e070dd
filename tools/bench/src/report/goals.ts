// What was asked for, and what was hoped for: fractions of C and absolute figures of a quiet machine with two cores.
import type { CaseResult } from '../cases/case-result.ts';
import type { ShapedResults } from './result-shape.ts';

type Find = (results: ShapedResults) => number | null | undefined;

export interface Goal {
  readonly what: string;
  readonly find: Find;
  /** What plain JavaScript comes to that does nothing but what C does: more than that no path in JavaScript can. */
  readonly plain?: Find;
  /** Closes the goal from below or from above; null: there is only the aim. */
  readonly least?: number;
  readonly most?: number | null;
  /** What was hoped for. */
  readonly aim: number | null;
  readonly digits: number;
}

const of = (result: CaseResult | undefined): number | null | undefined => result?.ofC;
const plain = (result: CaseResult | undefined): number | null | undefined => result?.plainOfC;

const RECEIVE: readonly Goal[] = [
  {
    what: '64 B, 8 VMs, one core: of C',
    find: (r) => of(r.receive?.['64']),
    plain: (r) => plain(r.receive?.['64']),
    least: 0.25,
    aim: 0.28,
    digits: 3,
  },
  {
    what: 'the same: Mpps',
    find: (r) => r.receive?.['64']?.mpps,
    plain: (r) => r.receive?.['64']?.plainMpps,
    least: 20,
    aim: 29.8,
    digits: 1,
  },
  ...(
    [
      { size: '512', what: '512 B', least: 0.5, aim: 0.6 },
      { size: '1514', what: '1514 B', least: 0.72, aim: 0.8 },
      { size: 'imix', what: 'IMIX', least: 0.48, aim: 0.55 },
    ] as const
  ).map(
    ({ size, what, least, aim }): Goal => ({
      what: `${what}: of C`,
      find: (r) => of(r.receive?.[size]),
      plain: (r) => plain(r.receive?.[size]),
      least,
      aim,
      digits: 3,
    }),
  ),
  {
    what: '64 VMs, 64 B: of C',
    find: (r) => of(r.receive64Vms),
    plain: (r) => plain(r.receive64Vms),
    least: 0.3,
    aim: 0.35,
    digits: 3,
  },
  {
    what: 'one frame per interrupt: Mpps',
    find: (r) => r.oneFramePerInterrupt?.mpps,
    least: 10,
    aim: 14.88,
    digits: 2,
  },
  {
    what: 'two processors: scaling',
    find: (r) => r.twoProcessors?.scaling,
    least: 1.7,
    aim: 1.85,
    digits: 2,
  },
];

const VMQ: readonly Goal[] = [
  ...(['64', '512'] as const).map(
    (size): Goal => ({
      what: `VMQ on over off, throughput, ${size} B`,
      find: (r) => r.vmqOnOverOff?.throughput?.[size],
      least: 2,
      aim: 2.3,
      digits: 2,
    }),
  ),
  ...(
    [
      { size: '64', least: 2.5, aim: 3 },
      { size: '512', least: 5, aim: 6 },
      { size: '1514', least: 8, aim: 10 },
    ] as const
  ).map(
    ({ size, least, aim }): Goal => ({
      what: `VMQ off over on, host CPU per frame, ${size} B`,
      find: (r) => r.vmqOnOverOff?.hostCpu?.[size],
      least,
      aim,
      digits: 2,
    }),
  ),
];

const REST: readonly Goal[] = [
  { what: '64-frame burst: p50 µs', find: (r) => r.burst?.p50us, most: null, aim: 2, digits: 1 },
  { what: '64-frame burst: p99 µs', find: (r) => r.burst?.p99us, most: 8, aim: 4, digits: 1 },
  { what: 'wire to VM, spinning: p50 µs', find: (r) => r.wireToVm?.p50us, most: null, aim: 1, digits: 1 },
  { what: 'wire to VM, spinning: p90 µs', find: (r) => r.wireToVm?.p90us, most: 5, aim: 2, digits: 1 },
  {
    what: 'wire to VM, asleep: p50 µs',
    find: (r) => r.wireToVm?.asleep?.p50us,
    most: 40,
    aim: 20,
    digits: 0,
  },
  { what: 'scavenges per 100 M frames', find: (r) => r.scavengesPer100MFrames, most: 5, aim: 1, digits: 1 },
  { what: 'after churn, of a fresh process', find: (r) => r.afterChurn, least: 0.9, aim: 0.95, digits: 2 },
];

/** Profile 6.30 copies every frame twice: 0.6 of the first rows. */
const PROFILE_630: readonly Goal[] = [
  {
    what: '6.30: 64 B, 8 VMs: of C',
    find: (r) => of(r.receive630?.['64']),
    least: 0.15,
    aim: null,
    digits: 3,
  },
  { what: '6.30: the same: Mpps', find: (r) => r.receive630?.['64']?.mpps, least: 12, aim: null, digits: 1 },
  { what: '6.30: 512 B: of C', find: (r) => of(r.receive630?.['512']), least: 0.3, aim: null, digits: 3 },
  { what: '6.30: 1514 B: of C', find: (r) => of(r.receive630?.['1514']), least: 0.43, aim: null, digits: 3 },
  { what: '6.30: IMIX: of C', find: (r) => of(r.receive630?.imix), least: 0.29, aim: null, digits: 3 },
  {
    what: '6.30: 64 VMs, 64 B: of C',
    find: (r) => of(r.receive630With64Vms),
    least: 0.18,
    aim: null,
    digits: 3,
  },
  {
    what: '6.30: one frame per interrupt: Mpps',
    find: (r) => r.oneFramePerInterrupt630?.mpps,
    least: 6,
    aim: null,
    digits: 2,
  },
];

export const GOALS: readonly Goal[] = [...RECEIVE, ...VMQ, ...REST, ...PROFILE_630];

export interface Judgement {
  /** Undefined if it was not measured; then the goal is not met. */
  readonly value: number | undefined;
  readonly met: boolean;
}

/** A goal that only has an aim is met or not by it. */
export function judge(
  { find, least, most, aim }: Pick<Goal, 'find'> & Partial<Goal>,
  results: ShapedResults,
): Judgement {
  const value = find(results);
  if (value === undefined || value === null) return { value: undefined, met: false };
  if (least !== undefined) return { value, met: value >= least };
  const bound = most ?? aim;
  return { value, met: typeof bound === 'number' && value <= bound };
}
