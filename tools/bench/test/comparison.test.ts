/** Comparisons: paired, alternating, each tree by its own workloads. The built ones run, as short as can be. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compare, featureComparisons, treeComparisons, workloadFile } from '../src/cases/comparison.ts';

const tree = mkdtempSync(join(tmpdir(), 'vmq-compare-'));
afterAll(() => rmSync(tree, { recursive: true, force: true }));

/** A workload of an older tree: prints a sample made of its parameters. */
function oldWorkload(): string {
  const folder = join(tree, 'tools/bench/workloads');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'receive.mjs'),
    `const { cost, wrong } = JSON.parse(process.argv[2]);
console.log('a line before');
console.log(JSON.stringify({ frames: 1e6, wallMs: cost * 2, cpuMs: cost, problems: wrong ? [wrong] : [] }));`,
  );
  return join(folder, 'receive.mjs');
}

describe('a comparison', () => {
  const file = oldWorkload();
  const side = (name: string, cost: number, wrong?: string) => ({
    name,
    tree,
    workload: 'receive',
    parameters: { cost, wrong },
  });

  it('finds the workloads of older trees, and says where there are none', () => {
    expect(workloadFile(tree, 'receive')).toBe(file);
    expect(() => workloadFile(tree, 'send')).toThrow('has no workload send');
  });

  it('divides what a frame costs, in CPU time where the core was shared', () => {
    const pair = { name: 'pair', base: side('a', 10), other: side('b', 12), most: 1.3 };
    const result = compare(pair, { rounds: 3, ms: 1 });
    expect(result).toMatchObject({ baseNs: 10, otherNs: 12, rounds: 3, problems: [] });
    expect(result.ratio).toBeCloseTo(1.2);
  });

  it('ends when something is computed wrongly, and says by whom', () => {
    const pair = { name: 'pair', base: side('a', 10), other: side('b', 12, 'lost 3'), most: 1.3 };
    expect(compare(pair, { rounds: 3, ms: 1 })).toMatchObject({ rounds: 1, problems: ['b: lost 3'] });
  });

  it('names every case once', () => {
    const names = [...treeComparisons(tree, '6.20'), ...featureComparisons('64')].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

it('each feature can be switched on, and brings every frame where it belongs', () => {
  for (const comparison of featureComparisons('64')) {
    const short = { warmUpMs: 1, vms: 2 };
    const { base, other } = comparison;
    const result = compare(
      {
        ...comparison,
        base: { ...base, parameters: { ...base.parameters, ...short } },
        other: { ...other, parameters: { ...other.parameters, ...short } },
      },
      { rounds: 1, ms: 1 },
    );
    expect(result.problems, comparison.name).toEqual([]);
    expect(result.ratio).toBeGreaterThan(0);
  }
});
