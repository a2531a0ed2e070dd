/**
 * Whatever queues, filters, affinities, holders and pauses do while frames come in: each frame ends once, a queue's
 * frames keep their order, bytes are the sender's, and at the end every buffer and page is where it belongs.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type Bench,
  clearFilter,
  createBench,
  frame,
  free,
  move,
  runningQueue,
  SendMemory,
  setFilter,
} from '../bench.test-support.ts';

const PROCESSORS = 3;
const SUCCESS = 'NDIS_STATUS_SUCCESS';

type Step =
  | { readonly op: 'frames'; readonly to: number; readonly count: number }
  | { readonly op: 'move'; readonly queue: number; readonly processor: number }
  | { readonly op: 'return'; readonly processor: number; readonly keep: number; readonly reverse: boolean }
  | { readonly op: 'hold' | 'replace' | 'free'; readonly queue: number }
  | { readonly op: 'send'; readonly processor: number; readonly count: number }
  | { readonly op: 'turns'; readonly count: number }
  | { readonly op: 'pause' };

const queue = fc.nat(2);
const processor = fc.nat(PROCESSORS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('frames' as const),
      to: queue,
      count: fc.integer({ min: 1, max: 70 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('move' as const), queue, processor }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('return' as const),
      processor,
      keep: fc.nat(20),
      reverse: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('hold', 'replace', 'free'), queue }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('send' as const),
      processor,
      count: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('turns' as const), count: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.constant({ op: 'pause' as const }) },
);

/** The queue that stands for MAC 1, 2 or 3; it is made anew under any id. */
interface Vm {
  readonly mac: number;
  queueId: number;
  filterId: number;
}

it('QUE-27 QUE-32 RX-11 RX-15 RX-18 LIFE-03 SHM-15 any sequence of requests, traffic and returns', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 40 }),
      fc.integer(),
      fc.constantFrom(1, 2, 3),
      (steps, seed, receiveEngines) => {
        const bench = createBench({
          seed,
          processors: PROCESSORS,
          receiveEngines,
          miniport: { receiveRingEntries: 32, transmitRingEntries: 4, indicationBudget: 16 },
        });
        const memory = new SendMemory(bench);
        const vms = [1, 2, 3].map((mac): Vm => ({ mac, ...runningQueue(bench, mac, mac % PROCESSORS) }));
        let sequence = 0;
        let pending: { readonly vm: Vm; readonly completions: number } | null = null;
        const returnAll = (): void => {
          bench.holding.clear();
          for (let p = 0; p < PROCESSORS; p++) bench.on(p, (path) => path.giveBack(path.held));
          bench.settle();
        };
        /** A free that pended blocks every other request, so the holders give way first. */
        const awaitFree = (): void => {
          if (pending === null) return;
          returnAll();
          expect(bench.completed.slice(pending.completions).map(({ status }) => status)).toEqual([SUCCESS]);
          remake(pending.vm);
          pending = null;
        };
        const remake = (vm: Vm): void => {
          Object.assign(vm, runningQueue(bench, vm.mac, vm.mac % PROCESSORS));
        };

        for (const one of steps) {
          if (one.op !== 'frames' && one.op !== 'turns' && one.op !== 'return' && one.op !== 'send')
            awaitFree();
          const vm = 'queue' in one ? vms[one.queue] : vms[0];
          switch (one.op) {
            case 'frames':
              bench.put(
                ...Array.from({ length: one.count }, () => frame(one.to + 1, { sequence: sequence++ })),
              );
              break;
            case 'move':
              expect(move(bench, vm.queueId, one.processor)).toBe(SUCCESS);
              break;
            case 'return':
              bench.on(one.processor, (path) => {
                const back = path.held.slice(one.keep);
                path.giveBack(one.reverse ? back.reverse() : back);
              });
              break;
            case 'hold':
              bench.holding.add(vm.queueId);
              break;
            case 'replace': {
              expect(clearFilter(bench, vm.queueId, vm.filterId)).toBe(SUCCESS);
              vm.filterId = setFilter(bench, vm.queueId, vm.mac);
              break;
            }
            case 'free': {
              expect(clearFilter(bench, vm.queueId, vm.filterId)).toBe(SUCCESS);
              const completions = bench.completed.length;
              if (free(bench, vm.queueId) === SUCCESS) remake(vm);
              else pending = { vm, completions };
              break;
            }
            case 'send':
              bench.on(one.processor, (path) =>
                path.send(Array.from({ length: one.count }, () => memory.frame(frame(9)))),
              );
              break;
            case 'turns':
              for (let turn = 0; turn < one.count; turn++) bench.executor.step();
              break;
            case 'pause':
              bench.adapter.pause();
              returnAll();
              expect(bench.adapter.state).toBe('Paused');
              expect(bench.adapter.restart()).toBe(0);
              break;
          }
        }
        bench.settle();
        awaitFree();
        returnAll();
        check(bench, sequence);
        // Every buffer is back in its ring: each queue takes a ring's worth at once.
        for (const vm of vms) {
          const before = bench.frames.length;
          bench.receive(...Array.from({ length: 32 }, () => frame(vm.mac, { sequence: sequence++ })));
          expect(bench.frames.slice(before).map(({ queueId }) => queueId)).toEqual(
            new Array(32).fill(vm.queueId),
          );
        }
        bench.adapter.pause();
        for (const { queueId, filterId } of vms) {
          clearFilter(bench, queueId, filterId);
          expect(free(bench, queueId)).toBe(SUCCESS);
        }
        expect(bench.adapter.halt()).toBe(0);
        expect(bench.memory.blocks().map(({ owner }) => owner)).toEqual(['test sends']);
        expect(bench.violations()).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
});

function check(bench: Bench, sent: number): void {
  const { inFlight, ends } = bench.machine.ledger.report();
  expect(inFlight).toBe(0);
  const dropped = Object.values(ends.dropped).reduce((sum, frames) => sum + frames, 0);
  expect(bench.frames.length + dropped).toBe(sent);
  expect(new Set(bench.frames.map(({ sequence }) => sequence)).size).toBe(bench.frames.length);
  for (const mac of [1, 2, 3]) {
    const own = bench.frames.filter(({ bytes }) => bytes[5] === mac);
    const order = own.map(({ sequence }) => sequence);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    for (const { bytes, sequence } of own) expect(bytes).toEqual([...frame(mac, { sequence })]);
  }
  expect(bench.completions.flatMap(({ statuses }) => statuses).every((status) => status === SUCCESS)).toBe(
    true,
  );
}
