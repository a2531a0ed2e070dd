// Any faults in any order, between any traffic: healed, everybody is served again and the books are closed.
// FAULT_SEEDS=first-last runs others than the usual ones.
import { NDIS_DEVICE_POWER_STATE, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { createRandom } from '@vmq/machine';
import { expect, it } from 'vitest';
import { FAULT_NAMES, FAULTS, type FaultName } from '../../src/faults/fault-names.ts';
import { FaultBench, VMS } from './fault-bench.test-support.ts';

const [FIRST, LAST] = (process.env['FAULT_SEEDS'] ?? '1-60').split('-').map(Number) as [number, number];
const STEPS = 30;
const LASTING: readonly FaultName[] = FAULT_NAMES.filter((name) => !FAULTS[name].isPermanent);
const { NdisDeviceStateD0: D0, NdisDeviceStateD3: D3 } = NDIS_DEVICE_POWER_STATE;

/** Runs the sequence of `seed`; what it did is in the error, should there be one. */
async function run(seed: number): Promise<void> {
  const random = createRandom(seed).fork('recovery');
  const story: string[] = [];
  const bench = new FaultBench({
    seed,
    config: { ndisVersion: random.below(3) === 0 ? '6.20' : '6.30', processors: 1 + random.below(3) },
  });
  const { host, faults } = bench;
  const anyVm = (): string | undefined => host.vmNames[random.below(host.vmNames.length)];
  /** VMs of which an adapter that did not answer kept memory: they are gone when they are removed again. */
  const leaving = new Set<string>();
  const steps: Record<string, () => unknown> = {
    fault: () => {
      const name = LASTING[random.below(LASTING.length)];
      const { accepted, why } = faults.inject(name);
      return `${name}: ${accepted ? why : `not accepted, ${why}`}`;
    },
    send: () => bench.sendToAll(1 + random.below(12)),
    'send out': () => host.vmNames.map((name) => bench.sendOut(name, 1 + random.below(6)).length),
    turns: () => faults.passTime(random.below(200_000)),
    rest: () => bench.run(),
    time: () => faults.passTime(random.below(3e9)),
    remove: () => {
      const name = anyVm();
      if (name === undefined) return 'nobody';
      const { status } = host.removeVm(name);
      if (status !== NDIS_STATUS_SUCCESS) leaving.add(name);
      else leaving.delete(name);
      return [name, status];
    },
    add: () => {
      const vm = VMS.find(({ name }) => !host.vmNames.includes(name));
      return vm === undefined ? 'all are here' : [vm.name, host.addVm({ ...vm }).status];
    },
    reset: () => host.adapter.reset(),
    pause: () => host.adapter.pause(),
    restart: () => host.adapter.restart(),
    sleep: () => host.adapter.setPower(D3),
    awake: () => host.adapter.setPower(D0),
    heal: () => faults.heal(),
  };
  const names = [
    ...Object.keys(steps),
    ...['fault', 'fault', 'fault', 'fault', 'send', 'send', 'send', 'send out', 'turns', 'rest', 'time'],
  ];
  try {
    for (let i = 0; i < STEPS; i++) {
      const name = names[random.below(names.length)];
      story.push(name);
      const what = steps[name]?.();
      story.push(`${story.pop()} ${JSON.stringify(what) ?? ''}`);
      bench.take();
    }
    story.push('at the end');
    faults.heal();
    bench.pass(6);
    for (let i = 0; i < 3 && host.adapter.powerState !== D0; i++) host.adapter.setPower(D0);
    if (host.adapter.state === 'Paused') expect(host.adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
    expect(host.adapter.state).toBe('Running');
    bench.sendToAll(1);
    bench.pass(6);
    for (const name of leaving)
      expect([name, host.removeVm(name).status]).toEqual([name, NDIS_STATUS_SUCCESS]);
    for (const vm of VMS) {
      if (host.vmNames.includes(vm.name)) continue;
      expect([vm.name, host.addVm({ ...vm }).status]).toEqual([vm.name, NDIS_STATUS_SUCCESS]);
    }
    bench.expectFlow();
    bench.expectClosed();
    expect(host.ndis.refusals.entries.filter(({ kind }) => kind === 'violation')).toEqual([]);
    await bench.tearDown();
    expect(host.ndis.refusals.entries.filter(({ kind }) => kind === 'violation')).toEqual([]);
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`seed ${seed}:\n  ${story.join('\n  ')}\n${reason}`);
  }
}

it('whatever has gone wrong, once healed everybody is served again and every frame has ended once', async () => {
  const failed: string[] = [];
  for (let seed = FIRST; seed <= LAST; seed++)
    await run(seed).catch((error: Error) => failed.push(error.message));
  expect(failed.length === 0 ? '' : `${failed.length} seeds failed; ${failed.join('\n')}`).toBe('');
});
