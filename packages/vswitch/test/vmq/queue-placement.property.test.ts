/** Where VM queues go over a long life of a switch: always to the processor that has the fewest. */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES } from '@vmq/abi';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAdapterBench } from '../adapter-bench.test-support.ts';

const PROCESSORS = [0, 1, 2, 3];
const PORTS = 7;

const step = fc.record({
  op: fc.constantFrom('connect', 'disconnect', 'lighter', 'heavier', 'vlan', 'withdraw', 'return'),
  port: fc.nat(PORTS - 1),
  refuse: fc.constantFrom('', '', '', '', 'ALLOCATE_QUEUE', 'SET_FILTER', 'QUEUE_ALLOCATION_COMPLETE'),
});

test('however VMs come and go, a new queue is aimed at one of the processors with the fewest', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const bench = createAdapterBench({ queues: 6, switch: { vmqProcessors: PROCESSORS } });
      bench.bind();
      const ports = Array.from({ length: PORTS }, (_, i) => bench.addPort(`p${i}`));
      const connected = new Set<number>();
      const loads = (): number[] => {
        const held = bench.sw.inspect().ports.filter(({ queueId }) => queueId !== 0);
        return PROCESSORS.map((one) => held.filter(({ queueProcessor }) => queueProcessor === one).length);
      };
      let allocations = 0;
      bench.onRequest = (line) => {
        const mask = /^ALLOCATE_QUEUE .* mask (\d+)/.exec(line)?.[1];
        if (mask === undefined) return;
        allocations++;
        const before = loads();
        const chosen = Math.log2(Number(mask));
        expect(PROCESSORS).toContain(chosen);
        expect(before[chosen], `${line}, loads ${before}`).toBe(Math.min(...before));
      };
      for (const { op, port: index, refuse } of steps) {
        const port = ports[index];
        if (refuse !== '')
          bench.refuse.set(refuse, refuse === 'SET_FILTER' ? NDIS_STATUS_RESOURCES : NDIS_STATUS_FAILURE);
        if (op === 'connect' && !connected.has(port)) {
          bench.sw.connectNic(port);
          connected.add(port);
        } else if (op === 'disconnect' && connected.delete(port)) bench.sw.disconnectNic(port);
        else if (op === 'lighter') bench.sw.setPort(port, { vmqWeight: 0 });
        else if (op === 'heavier') bench.sw.setPort(port, { vmqWeight: 10 });
        else if (op === 'vlan') bench.sw.setPort(port, { vlan: { mode: 'access', vlan: 1 + index } });
        else if (op === 'withdraw') bench.indicateQueues(0);
        else if (op === 'return') bench.indicateQueues(6);
        bench.refuse.clear();
        expect(loads().reduce((sum, load) => sum + load, 0)).toBeLessThanOrEqual(6);
      }
      // The last word: with everything gone, six VMs again are spread as on the first day.
      for (const port of connected) bench.sw.disconnectNic(port);
      expect(loads()).toEqual([0, 0, 0, 0]);
      bench.indicateQueues(6);
      for (const port of ports) bench.sw.setPort(port, { vmqWeight: 10 });
      const before = allocations;
      bench.sw.connectNics(ports);
      expect(allocations).toBeGreaterThanOrEqual(before + 6);
      expect(loads().sort()).toEqual([1, 1, 2, 2]);
    }),
    { numRuns: 120 },
  );
});
