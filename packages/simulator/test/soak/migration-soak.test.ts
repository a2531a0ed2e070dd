/** Short runs of what `tools/soak/dist/migrations.js` does a thousand times. */
import { describe, expect, it } from 'vitest';
import { distributionOf } from '../../src/soak/distribution.ts';
import { runMigrations } from '../../src/soak/run-migrations.ts';

describe('VMs that go to and fro under load', () => {
  it.each([
    [64, 1],
    [1514, 2],
  ])(
    'MIG-01 MIG-03 MIG-05 MIG-08 under %i-byte frames, stopped at random: each frame comes once, to its VM, or is counted',
    async (length, seed) => {
      const report = await runMigrations({ count: 20, length, seed });
      expect(report.wrongs).toEqual([]);
      expect(report).toMatchObject({
        moved: 20,
        duplicated: 0,
        misdelivered: 0,
        altered: 0,
        unaccounted: 0,
        disturbed: 0,
      });
      // The load went on, and hurt: what is lost is lost while the VM is between its hosts.
      expect(report.framesToMovers).toBeGreaterThan(10_000);
      expect(report.lost).toBeGreaterThan(0);
      expect(report.lost).toBeLessThan(report.framesToMovers / 2);
      expect(report.blackoutMicroseconds.max).toBeGreaterThan(0);
    },
  );

  it('MIG-01 MIG-05 so it is with device, processors and guests in threads, whose instants nobody chooses', async () => {
    const report = await runMigrations({ count: 4, length: 64, seed: 3, executor: 'threads' });
    expect(report.wrongs).toEqual([]);
    expect(report).toMatchObject({ moved: 4, duplicated: 0, misdelivered: 0, altered: 0, unaccounted: 0 });
    expect(report.framesToMovers).toBeGreaterThan(1000);
  });

  it('same seed, same figures; another seed, others', async () => {
    const options = { count: 4, length: 64 } as const;
    const [one, again, other] = [
      await runMigrations({ ...options, seed: 7 }),
      await runMigrations({ ...options, seed: 7 }),
      await runMigrations({ ...options, seed: 8 }),
    ];
    expect(again).toEqual(one);
    expect(other.frames).not.toBe(one.frames);
  });

  it('percentiles are values that occurred, by nearest rank', () => {
    const values = Array.from({ length: 200 }, (_, i) => 200 - i);
    expect(distributionOf(values)).toEqual({ p50: 100, p90: 180, p99: 198, max: 200 });
    expect(distributionOf([7])).toEqual({ p50: 7, p90: 7, p99: 7, max: 7 });
    expect(distributionOf([])).toEqual({ p50: 0, p90: 0, p99: 0, max: 0 });
  });
});
