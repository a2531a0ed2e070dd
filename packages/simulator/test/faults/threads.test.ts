// The same faults where device, processors and guests really run at once. What is asked is what holds at any speed.
import { afterEach, it } from 'vitest';
import { FaultBench } from './fault-bench.test-support.ts';

let bench: FaultBench | null = null;
afterEach(async () => {
  await bench?.tearDown();
  bench = null;
});

it('faults of device, bus, processors and wire are survived under the threads executor', () => {
  bench = new FaultBench({ config: { executor: 'threads' } });
  bench.expectFlow();
  for (const kind of [
    'length',
    'no DD',
    'write lost',
    'index ahead',
    'index beyond the ring',
    'index behind',
  ]) {
    bench.inject('completion-corrupted', { kind, count: 2 });
    for (let burst = 0; burst < 4; burst++) {
      bench.sendToAll(4);
      bench.run();
    }
  }
  bench.inject('processor-stall', { nanoseconds: 50e6 });
  bench.inject('guest-stall', { nanoseconds: 50e6 });
  bench.inject('dma-late', { nanoseconds: 50e6 });
  bench.inject('interrupt-spurious', { count: 100 });
  bench.inject('wire-drop', { count: 2 });
  bench.inject('link-flap', { nanoseconds: 50e6 });
  bench.sendToAll(8);
  bench.pass(0.2);
  bench.inject('interrupt-lost', { queue: 1 });
  bench.inject('descriptor-corrupted', { queue: 2, kind: 'beyond memory' });
  bench.sendToAll(4);
  bench.pass(2.2);
  bench.inject('nic-hang');
  bench.sendToAll(4);
  bench.sendOut('web', 4);
  bench.recover();
  bench.expectOrder();
});
