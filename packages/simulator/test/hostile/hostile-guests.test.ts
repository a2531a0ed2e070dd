/**
 * Every hostile behaviour against a whole host, under both executors and both ways of receiving: the host lives, the
 * other VMs get and send exactly what they do without the attacker, what was done is counted by name, no byte goes where
 * it does not belong, every frame ends once, and the VM can be ended and started again and works (SEC-10, SEC-01).
 */
import { checkHostConfig, createHost } from '@vmq/host';
import { afterAll, describe, expect, test } from 'vitest';
import {
  createHostileGuestAgent,
  HOSTILE_BEHAVIOURS,
  type HostileBehaviour,
} from '../../src/hostile/hostile-guests.ts';
import {
  createHostileBench,
  type Flows,
  type HostileBench,
  type Setting,
} from './hostile-bench.test-support.ts';

/** Where the NIC writes to VM memory itself, in threads: only those that have to do with what it writes there. */
const RECEIVING = /^(never|completion|receive-buffer|indexes|descriptor|memory|closes|write-index)/;

const SETTINGS: readonly (Setting & { readonly only?: RegExp })[] = [
  { executor: 'deterministic', ndisVersion: '6.30' },
  { executor: 'deterministic', ndisVersion: '6.20' },
  { executor: 'threads', ndisVersion: '6.30' },
  { executor: 'threads', ndisVersion: '6.20', only: RECEIVING },
];
const SUCCESS = 0;

function misbehave(bench: HostileBench, behaviour: HostileBehaviour, seed: number, usual: Flows): void {
  const { host, programs } = bench;
  const attack = { op: 'attack', behaviour: behaviour.name, seed } as const;
  const before = host.inspect().ledger.ends.dropped;
  if (behaviour.begins === 'boot') {
    programs.set('evil', attack);
    const { status, reason } = bench.addEvil();
    programs.delete('evil');
    if (behaviour.channel === 'refused') expect(reason).toBe('VMs did not open their channel: evil');
    else expect([status, reason]).toEqual([SUCCESS, undefined]);
  } else {
    expect(bench.addEvil().status).toBe(SUCCESS);
    expect(bench.expectEvilAnswers()).toBe(true);
    bench.attack(attack);
  }
  // The others notice nothing.
  expect(bench.traffic()).toEqual(usual);
  if (behaviour.channel !== 'refused') {
    // What it did has its name, and no other; a virtual processor that got little time may still be about to do it.
    const expected = behaviour.countedAs;
    const look = (): { phase: string; violations: string[]; counted: string[] } => {
      const { violations: byName = {}, channelPhase = 'open' } = bench.port('evil') ?? {};
      const violations = Object.keys(byName);
      const after = host.inspect().ledger.ends.dropped;
      const dropped = Object.keys(after).filter((name) => after[name] !== before[name]);
      const counted = [...violations, ...dropped.map((name) => `dropped.${name}`)];
      return {
        phase: channelPhase,
        violations,
        counted: counted.filter((name) => expected?.includes(name) ?? false),
      };
    };
    const isDone = (): boolean => {
      const { phase, counted } = look();
      return (behaviour.channel === 'any' || phase === behaviour.channel) && counted.length > 0;
    };
    if (expected === null) bench.run(host.executor.kind === 'threads' ? 100 : 2000);
    bench.until(expected === null ? () => look().phase === behaviour.channel : isDone);
    const { phase, violations, counted } = look();
    expect(expected ?? []).toEqual(expect.arrayContaining(violations));
    if (expected !== null) expect(counted).not.toEqual([]);
    if (behaviour.channel !== 'any') expect(phase).toBe(behaviour.channel);
    expect(bench.leak()).toBe(null);
    expect(host.removeVm('evil')).toEqual({ status: SUCCESS });
  }
  host.runUntilIdle();
  host.wire.receive(() => {});
  host.runUntilIdle();
  expect(host.inspect().ledger.inFlight).toBe(0);
  // Ended and started again, it is a VM like any other.
  expect(bench.addEvil()).toEqual({ status: SUCCESS });
  expect(bench.expectEvilAnswers()).toBe(true);
  expect(host.removeVm('evil')).toEqual({ status: SUCCESS });
}

describe.each(SETTINGS)('SEC-10 hostile guests, $executor, NDIS $ndisVersion', (setting) => {
  let usual: Flows | null = null;
  let bench: HostileBench | null = null;

  const chosen = HOSTILE_BEHAVIOURS.filter(({ name }) => setting.only?.test(name) ?? true);
  test.each(chosen.map((behaviour, i) => [behaviour.name, behaviour, i] as const))(
    '%s',
    async (_name, behaviour, i) => {
      if (usual === null) {
        const alone = createHostileBench(setting, 1);
        usual = alone.traffic();
        await alone.host.stop();
      }
      bench ??= createHostileBench(setting, 1 + i);
      try {
        misbehave(bench, behaviour, 1000 + i, usual);
      } catch (error) {
        const { host } = bench;
        bench = null;
        await host.stop().catch(() => {});
        throw error;
      }
    },
  );

  afterAll(async () => {
    await bench?.host.stop();
  });
});

describe('a host with a guest that never rests', () => {
  test('comes up, and frames pass', async () => {
    const checked = checkHostConfig({
      processors: 1,
      vms: [
        { name: 'restless', mac: '00-15-5D-00-00-01' },
        { name: 'web', mac: '00-15-5D-00-00-02' },
      ],
    });
    if (!checked.ok) throw new Error('no configuration');
    const attack = { op: 'attack', behaviour: 'signal-flood', seed: 1 };
    const host = createHost(checked.config, {
      record: true,
      dataPaths: { agents: { guest: createHostileGuestAgent } },
      guestProgram: ({ name }) => (name === 'restless' ? attack : undefined),
    });
    const frame = Uint8Array.from({ length: 60 }, (_, i) => [0, 0x15, 0x5d, 0, 0, 2, 2][i] ?? i);
    host.wire.send(frame, 0, 60);
    host.wire.flush();
    let frames = 0;
    host.executor.runUntil(() => {
      frames += host.takeReceived('web', () => {});
      return frames > 0;
    });
    expect(frames).toBe(1);
    await host.stop();
  });
});

describe('the list of hostile behaviours', () => {
  test('has a name of its own for each, and says what it does', () => {
    const names = HOSTILE_BEHAVIOURS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(24);
    for (const { name, does, countedAs } of HOSTILE_BEHAVIOURS) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)+$/);
      expect(does.length).toBeGreaterThan(20);
      expect(countedAs).not.toEqual([]);
    }
  });
});
