/**
 * A hostile VM that is moved while it misbehaves: the migration succeeds or is refused with a reason, the VM is on one
 * host and no other, the others notice nothing on either side, and every frame ends once (MIG, SEC-10).
 */
import { migrateVm } from '@vmq/migration';
import { describe, expect, test } from 'vitest';
import { HOSTILE_BEHAVIOURS } from '../../src/hostile/hostile-guests.ts';
import {
  createHostileBench,
  type Flows,
  type HostileBench,
  type Setting,
} from './hostile-bench.test-support.ts';

const SUCCESS = 0;

describe.each([
  { executor: 'deterministic', ndisVersion: '6.30' },
  { executor: 'deterministic', ndisVersion: '6.20' },
] satisfies Setting[])('SEC-10 a hostile guest that is moved, NDIS $ndisVersion', (setting) => {
  let usual: Flows | null = null;
  let benches: readonly [HostileBench, HostileBench] | null = null;
  const told = { moved: 0, refused: 0 };

  const running = HOSTILE_BEHAVIOURS.filter(({ begins }) => begins === 'running');
  // Under 6.20 every third: what differs is that part of the VM's memory is the NIC's before it goes.
  const chosen = running.filter((_, i) => setting.ndisVersion === '6.30' || i % 3 === 0);
  test.each(chosen.map(({ name }, i) => [name, i] as const))('%s', (name, i) => {
    benches ??= [createHostileBench(setting, 1 + i), createHostileBench(setting, 1001 + i)];
    const [from, to] = benches;
    benches = null;
    usual ??= createHostileBench(setting, 1).traffic();
    expect(from.addEvil().status).toBe(SUCCESS);
    expect(from.expectEvilAnswers()).toBe(true);
    from.attack({ op: 'attack', behaviour: name, seed: 1 + i });
    // Into the midst of it, or behind it.
    from.run([3, 40, 400][i % 3]);
    const { status, reason } = migrateVm(from.host, to.host, 'evil', { maxRounds: 2, turnsPerRound: 50 });
    if (status === SUCCESS) told.moved++;
    else {
      told.refused++;
      expect(reason).toMatch(/channel|receive|section|ring/);
    }
    const has = (bench: HostileBench): boolean => bench.host.vmNames.includes('evil');
    expect([has(from), has(to)]).toEqual(status === SUCCESS ? [false, true] : [true, false]);
    expect(from.traffic()).toEqual(usual);
    expect(to.traffic()).toEqual(usual);
    const now = status === SUCCESS ? to : from;
    expect(now.host.removeVm('evil')).toEqual({ status: SUCCESS });
    for (const { host } of [from, to]) {
      host.runUntilIdle();
      host.wire.receive(() => {});
      host.runUntilIdle();
      expect(host.inspect().ledger.inFlight).toBe(0);
    }
    benches = [from, to];
  });

  test.each(['stop', 'copy', 'operational-port'] as const)(
    'what it has left in its ring at the last moment breaks its channel at any step: after %s',
    (after) => {
      for (let seed = 1; seed <= 6; seed++) {
        const from = createHostileBench(setting, seed);
        const to = createHostileBench(setting, 100 + seed);
        expect(from.addEvil().status).toBe(SUCCESS);
        let attacked = false;
        const { status, reason } = migrateVm(from.host, to.host, 'evil', {
          maxRounds: 1,
          onProgress({ step }) {
            if (step !== after || attacked) return undefined;
            attacked = true;
            from.attack({ op: 'attack', behaviour: 'packet-length-zero-at-last', seed });
            return undefined;
          },
        });
        expect(attacked).toBe(true);
        if (status !== SUCCESS) expect(reason).toMatch(/channel/);
        const now = status === SUCCESS ? to : from;
        expect([from.host.vmNames.length, to.host.vmNames.length].sort()).toEqual([2, 3]);
        expect(now.host.vmNames).toContain('evil');
        expect(now.host.removeVm('evil')).toEqual({ status: SUCCESS });
        expect(now.addEvil()).toEqual({ status: SUCCESS });
        expect(now.expectEvilAnswers()).toBe(true);
      }
    },
  );

  test('some are moved, and some refused', () => {
    expect(told.moved).toBeGreaterThan(chosen.length / 3);
    expect(told.refused).toBeGreaterThan(chosen.length / 20);
  });
});
