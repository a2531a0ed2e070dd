// Faults of the device, its bus and its interrupts, on whole hosts.
import { NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { COMPLETION_DAMAGES } from '@vmq/nic';
import { afterEach, describe, expect, it } from 'vitest';
import { FAULTS } from '../../src/faults/fault-names.ts';
import { type BenchOptions, FaultBench } from './fault-bench.test-support.ts';

const benches: FaultBench[] = [];
function createBench(options: BenchOptions = {}): FaultBench {
  const bench = new FaultBench(options);
  benches.push(bench);
  bench.expectFlow();
  return bench;
}
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.tearDown();
});

const count = (bench: FaultBench, name: string): number => bench.received[name].length;
/** Checks for hang that NDIS answered with a reset. */
function resets(bench: FaultBench): () => number {
  const { adapter } = bench.host;
  let seen = 0;
  const reset = adapter.reset.bind(adapter);
  adapter.reset = () => {
    seen++;
    return reset();
  };
  return () => seen;
}

describe('an interrupt', () => {
  it('that is lost leaves frames lying until the check for hang looks, and no longer', () => {
    const bench = createBench();
    const reset = resets(bench);
    bench.inject('interrupt-lost', { queue: 1 });
    const before = count(bench, 'web');
    bench.send('web', 3);
    bench.run();
    expect(count(bench, 'web')).toBe(before);
    bench.pass(2.1);
    expect(count(bench, 'web')).toBe(before + 3);
    expect(reset()).toBe(0);
    bench.recover();
    bench.expectOrder();
    expect(bench.dropped).toEqual({});
  });

  it('that is spurious finds nothing to do, with an ISR or without', () => {
    const bench = createBench();
    bench.inject('interrupt-spurious', { count: 500 });
    bench.sendToAll(5);
    bench.run();
    bench.recover();
    bench.expectOrder();
    expect(bench.dropped).toEqual({});
  });

  it('that storms keeps no traffic from going on, and no control call waiting forever', () => {
    const bench = createBench();
    // A storm of half a second, an interrupt with each turn of the device.
    bench.inject('interrupt-storm', { queue: 1, count: 500_000, nanoseconds: 1000 });
    const before = count(bench, 'mail');
    bench.sendToAll(5);
    bench.faults.passTime(1e6);
    bench.take();
    expect(count(bench, 'mail')).toBe(before + 5);
    expect(bench.host.removeVm('db').status).toBe(0);
    bench.recover();
    bench.expectOrder();
  });
});

describe('a write-back that is damaged', () => {
  it.each(COMPLETION_DAMAGES.map((kind, i) => [kind, i + 1] as const))(
    '(%s) costs the frame it was about at most; nothing is delivered twice or wrong',
    (kind, seed) => {
      for (let round = 0; round < 6; round++) {
        const bench = createBench({ seed: seed * 100 + round });
        const reset = resets(bench);
        bench.inject('completion-corrupted', { kind, count: 3 });
        for (let burst = 0; burst < 6; burst++) {
          bench.sendToAll(4);
          bench.run();
        }
        bench.pass(4.5);
        bench.expectClosed();
        bench.expectOrder();
        const lost = kind.startsWith('index') ? 0 : 3;
        expect(bench.dropped).toEqual(lost === 0 ? {} : { 'miniport.bad-completion': lost });
        expect(reset()).toBe(0);
        bench.recover();
      }
    },
  );

  it('so often that it cannot be chance ends in a reset', () => {
    const bench = createBench();
    const reset = resets(bench);
    bench.inject('completion-corrupted', { kind: 'length', count: 1000 });
    for (let burst = 0; burst < 40; burst++) {
      bench.send('web', 2);
      bench.run();
    }
    bench.pass(2.1);
    expect(reset()).toBe(1);
    bench.recover();
    bench.expectOrder();
  });

  it('(index ahead) and a reset at once lose no frame from the books', () => {
    for (let seed = 1; seed < 20; seed++) {
      const bench = createBench({ seed });
      bench.inject('completion-corrupted', { count: 5 });
      bench.sendToAll(6);
      bench.faults.passTime(seed * 500);
      bench.host.adapter.reset();
      bench.recover();
      bench.expectOrder();
    }
  });
});

describe('a receive descriptor that points nowhere', () => {
  it.each(FAULTS['descriptor-corrupted'].kinds ?? [])(
    '(%s) costs frames of its own queue until a reset posts it anew',
    (kind) => {
      const bench = createBench();
      const reset = resets(bench);
      bench.inject('descriptor-corrupted', { queue: 1, kind, count: 2 });
      const [web, db, mail] = ['web', 'db', 'mail'].map((name) => count(bench, name));
      bench.sendToAll(8);
      bench.run();
      expect(count(bench, 'web')).toBe(web);
      expect([count(bench, 'db'), count(bench, 'mail')]).toEqual([db + 8, mail + 8]);
      expect(bench.dropped).toEqual({ 'nic.dma-fault': 8 });
      bench.pass(2.1);
      bench.send('web', 1);
      bench.run();
      bench.pass(2.1);
      expect(reset()).toBeGreaterThan(0);
      bench.recover();
      bench.expectOrder();
    },
  );
});

describe('a device', () => {
  it('that is late is waited for', () => {
    const bench = createBench();
    const before = count(bench, 'web');
    bench.inject('dma-late', { nanoseconds: 20e6 });
    bench.send('web', 4);
    bench.faults.passTime(19e6);
    bench.take();
    expect(count(bench, 'web')).toBe(before);
    bench.faults.passTime(2e6);
    bench.take();
    expect(count(bench, 'web')).toBe(before + 4);
    bench.recover();
    expect(bench.dropped).toEqual({});
  });

  it('that hangs is reset by the check for hang; what it held goes on or is counted', () => {
    const bench = createBench();
    const reset = resets(bench);
    bench.inject('nic-hang');
    bench.sendToAll(5);
    bench.sendOut('web', 5);
    bench.run();
    bench.pass(4.1);
    expect(reset()).toBe(1);
    bench.expectFlow();
    bench.recover();
    bench.expectOrder();
    // What waited on the wire found a port that was not on yet.
    expect(bench.dropped).toEqual({ 'miniport.reset': 5, 'nic.rx-disabled': 15 });
  });

  it('that hangs and is deaf to resets is tried again until it comes back', () => {
    const bench = createBench();
    const reset = resets(bench);
    bench.inject('nic-hang', { kind: 'until healed' });
    bench.sendToAll(5);
    bench.pass(9);
    expect(reset()).toBeGreaterThanOrEqual(2);
    // Meanwhile control calls end, if not well.
    expect(bench.host.removeVm('db').status).toBe(0);
    bench.recover();
    bench.expectOrder();
  });

  it('that hangs does not keep the adapter from pausing for good', () => {
    const bench = createBench();
    bench.inject('nic-hang', { kind: 'until healed' });
    bench.sendOut('web', 3);
    bench.run();
    expect(bench.host.adapter.pause()).toBe(NDIS_STATUS_PENDING);
    expect(bench.host.adapter.state).toBe('Pausing');
    bench.pass(4.1);
    expect(bench.host.adapter.state).toBe('Paused');
    bench.faults.heal();
    bench.pass(2.1);
    expect(bench.host.adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
    bench.recover();
  });

  it('that sends nothing any more is noticed while it goes on receiving', () => {
    const bench = createBench();
    const reset = resets(bench);
    bench.inject('transmit-hang');
    const numbers = bench.sendOut('web', 5);
    const before = count(bench, 'web');
    bench.send('web', 3);
    bench.run();
    expect(count(bench, 'web')).toBe(before + 3);
    bench.pass(4.1);
    expect(reset()).toBe(1);
    bench.recover();
    expect(bench.out.some((sequence) => numbers.includes(sequence))).toBe(false);
    expect(bench.dropped).toEqual({ 'miniport.reset': 5 });
  });

  it('that waits for a full wire is not taken for one that hangs', () => {
    const bench = createBench();
    const reset = resets(bench);
    // Nobody takes frames off the wire for six seconds.
    let sent = 0;
    for (let i = 0; i < 100; i++) {
      sent += bench.sendOut('web', 16).length + bench.sendOut('mail', 16).length;
      bench.host.runUntilIdle();
    }
    bench.faults.passTime(6e9);
    expect(reset()).toBe(0);
    const before = bench.out.length;
    for (let i = 0; i < 100; i++) bench.run();
    expect(bench.out.length - before).toBe(sent);
    bench.recover();
  });

  it('whose link flaps counts what comes meanwhile and goes on', () => {
    const bench = createBench();
    bench.inject('link-flap', { nanoseconds: 50e6 });
    bench.sendToAll(2);
    const numbers = bench.sendOut('web', 3);
    bench.run();
    expect(bench.dropped).toEqual({ 'nic.link-down': 6 });
    bench.pass(0.06);
    expect(bench.out.slice(-3)).toEqual(numbers);
    bench.recover();
    bench.expectOrder();
  });
});

describe('a card', () => {
  it('that falls off the bus makes no wait endless, and works again when it is back', () => {
    const bench = createBench();
    const reset = resets(bench);
    bench.inject('registers-all-ones', { nanoseconds: 5e9 });
    bench.sendToAll(3);
    bench.sendOut('web', 3);
    bench.run();
    expect(bench.faults.inject('nic-hang')).toEqual({ accepted: false, why: 'the card is not on the bus' });
    // It waits until a check for hang has ended the sends that the card had.
    expect(bench.host.adapter.pause()).toBe(NDIS_STATUS_SUCCESS);
    expect(reset()).toBe(1);
    expect(bench.host.removeVm('db').status).toBe(0);
    expect(bench.host.adapter.restart()).toBe(NDIS_STATUS_FAILURE);
    bench.pass(7);
    expect(reset()).toBeGreaterThanOrEqual(2);
    expect(bench.host.adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
    bench.recover();
    bench.expectOrder();
  });

  it('that is pulled takes the adapter with it, and nothing else', () => {
    const bench = createBench();
    bench.sendToAll(5);
    bench.sendOut('web', 5);
    bench.inject('surprise-removal');
    expect(bench.host.adapter.state).toBe('Halted');
    expect(bench.faults.lasting).toEqual(['surprise-removal']);
    expect(bench.faults.inject('nic-hang').accepted).toBe(false);
    bench.faults.heal();
    bench.pass(5);
    bench.expectClosed();
    bench.expectOrder();
  });
});
