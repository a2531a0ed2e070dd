// Paired comparison: the contestants of a pair take turns in changing order, and are compared round by round by what a
// frame costs. The cost is CPU time where the process did not have its core to itself: others' work does not count.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, quantile } from '../measuring/quantile.ts';
import { runWorkloadFile } from '../measuring/rounds.ts';
import type { Sample } from '../measuring/sample.ts';
import type { Features } from '../traffic/features.ts';

export const THIS_TREE = fileURLToPath(new URL('../../../../', import.meta.url));

/** One side of a comparison: a workload of a tree, with its parameters. */
export interface Side {
  readonly name: string;
  /** Path of the tree; default: this one. */
  readonly tree?: string;
  readonly workload: string;
  readonly parameters: object;
}

export interface Comparison {
  readonly name: string;
  readonly base: Side;
  readonly other: Side;
  /** What `other` may cost at most, as a multiple of `base`. */
  readonly most: number;
}

export interface ComparisonResult {
  readonly name: string;
  readonly most: number;
  /** Nanoseconds a frame, medians. */
  readonly baseNs: number;
  readonly otherNs: number;
  /** What `other` costs as a multiple of `base`: median of the rounds, and their quartiles. */
  readonly ratio: number;
  readonly quartiles: readonly [number, number];
  readonly rounds: number;
  readonly problems: readonly string[];
}

/** The file of a workload in a tree: built TypeScript, or the plain JavaScript of older trees. */
export function workloadFile(tree: string, workload: string): string {
  const files = [`tools/bench/dist/workloads/${workload}.js`, `tools/bench/workloads/${workload}.mjs`];
  const found = files.map((file) => join(tree, file)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`${tree} has no workload ${workload} (is it built?)`);
  return found;
}

const run = ({ tree = THIS_TREE, workload, parameters }: Side, ms: number): Sample =>
  runWorkloadFile(workloadFile(tree, workload), { ms, ...parameters });

/** Nanoseconds that a frame cost. */
function costOf({ frames = 0, wallMs = 0, cpuMs = 0 }: Sample): number {
  return (Math.min(wallMs, cpuMs) * 1e6) / frames;
}

export interface CompareOptions {
  readonly rounds: number;
  readonly ms: number;
}

export function compare(
  { name, base, other, most }: Comparison,
  { rounds, ms }: CompareOptions,
): ComparisonResult {
  const costs: { readonly base: number; readonly other: number }[] = [];
  const problems = new Set<string>();
  for (let round = 0; round < rounds && problems.size === 0; round++) {
    const first = run(round % 2 === 0 ? base : other, ms);
    const second = run(round % 2 === 0 ? other : base, ms);
    const [ofBase, ofOther] = round % 2 === 0 ? [first, second] : [second, first];
    for (const problem of ofBase.problems) problems.add(`${base.name}: ${problem}`);
    for (const problem of ofOther.problems) problems.add(`${other.name}: ${problem}`);
    costs.push({ base: costOf(ofBase), other: costOf(ofOther) });
  }
  const ratios = costs.map((cost) => cost.other / cost.base);
  return {
    name,
    most,
    baseNs: median(costs.map((cost) => cost.base)),
    otherNs: median(costs.map((cost) => cost.other)),
    ratio: median(ratios),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    rounds: costs.length,
    problems: [...problems],
  };
}

/** New over old: none may cost more than this. */
const MOST_OF_OLD = 1.15;

/** The cases in which this tree is held against another, with one profile. */
export function treeComparisons(old: string, ndisVersion: string): Comparison[] {
  const pair = (name: string, workload: string, parameters: object): Comparison => {
    const given = { ndisVersion, ...parameters };
    return {
      name,
      base: { name: 'old', tree: old, workload, parameters: given },
      other: { name: 'new', workload, parameters: given },
      most: MOST_OF_OLD,
    };
  };
  return [
    pair('receive 64 B, 8 VMs', 'receive', { size: '64', vms: 8 }),
    pair('receive 512 B, 8 VMs', 'receive', { size: '512', vms: 8 }),
    pair('receive 1514 B, 8 VMs', 'receive', { size: '1514', vms: 8 }),
    pair('receive IMIX, 8 VMs', 'receive', { size: 'imix', vms: 8 }),
    pair('receive 64 B, 64 VMs', 'receive', { size: '64', vms: 64 }),
    pair('lone frame, 64 B', 'receive', { size: '64', vms: 8, offered: 1 }),
    pair('transmit 64 B', 'send', { to: 'wire', size: '64' }),
    pair('transmit 1514 B', 'send', { to: 'wire', size: '1514' }),
    pair('VM to VM 64 B', 'send', { to: 'vm', size: '64' }),
    pair('VM to VM 1514 B', 'send', { to: 'vm', size: '1514' }),
  ];
}

const FEATURE_CASES: readonly {
  readonly name: string;
  readonly features: Features;
  readonly most: number;
  readonly parameters?: object;
}[] = [
  // Frames whose checksums are right, with and without somebody who looks.
  { name: 'checksum validation', features: { checksum: true }, most: 1.3, parameters: { udp: true } },
  { name: 'NVGRE on, plain frames', features: { nvgre: true }, most: 1.3 },
  {
    name: 'a counting extension',
    features: { extension: true },
    most: 1.3,
    parameters: { ndisVersion: '6.30' },
  },
  { name: 'trace of deliveries', features: { trace: 'deliveries' }, most: 2 },
  { name: 'trace of everything', features: { trace: 'all' }, most: 2 },
];

/** What is switched on beside the plain case, in this tree. */
export function featureComparisons(size: string): Comparison[] {
  return FEATURE_CASES.map(({ name, features, most, parameters }) => {
    const given = { size, vms: 8, ndisVersion: '6.20', ...parameters };
    return {
      name: `${name}, ${size} B`,
      base: { name: 'plain', workload: 'receive', parameters: given },
      other: { name, workload: 'receive', parameters: { ...given, features } },
      most,
    };
  });
}
