import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_FILE_NOT_FOUND,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  operationalState,
  QUEUE_EVENTS,
  type QueueEvent,
  type QueueState,
  queueTransition,
} from '../../src/index.ts';
import {
  allocateRequest,
  clearFilter,
  complete,
  createBench,
  filterIdOf,
  filterRequest,
  free,
  stateOf,
  untaggedMac,
} from '../bench.test-support.ts';

/**
 * A queue as three facts, written without looking at the table: are its resources there, has it filters, how far
 * is its end. The state's name follows from them.
 */
interface Facts {
  exists: boolean;
  completed: boolean;
  filters: number;
  ending: 'no' | 'stopping' | 'stopped';
}

const named = ({ exists, completed, filters, ending }: Facts): QueueState => {
  if (!exists) return 'Undefined';
  if (ending === 'stopping') return 'StopDma';
  if (ending === 'stopped') return 'Freeing';
  if (completed) return filters > 0 ? 'Running' : 'Paused';
  return filters > 0 ? 'Set' : 'Allocated';
};

const living = (facts: Facts): boolean => facts.exists && facts.ending === 'no';

/** What an event does to the facts, or null where it makes no sense. */
function happen(facts: Facts, event: QueueEvent): Facts | null {
  switch (event) {
    case 'allocate':
      return facts.exists ? null : { exists: true, completed: false, filters: 0, ending: 'no' };
    case 'query parameters':
    case 'set parameters':
    case 'enumerate filters':
      return living(facts) ? facts : null;
    case 'query filter parameters':
      return living(facts) && facts.filters > 0 ? facts : null;
    case 'set filter':
      return living(facts) ? { ...facts, filters: facts.filters + 1 } : null;
    case 'clear last filter':
      return living(facts) && facts.filters > 0 ? { ...facts, filters: 0 } : null;
    case 'clear filter':
      return living(facts) && facts.filters > 0
        ? { ...facts, filters: Math.max(1, facts.filters - 1) }
        : null;
    case 'allocation complete':
      return living(facts) && !facts.completed ? { ...facts, completed: true } : null;
    case 'receive frame':
      return living(facts) && facts.completed && facts.filters > 0 ? facts : null;
    case 'free':
      return living(facts) && facts.filters === 0 ? { ...facts, ending: 'stopping' } : null;
    case 'dma stopped':
      return facts.exists && facts.ending === 'stopping' ? { ...facts, ending: 'stopped' } : null;
    case 'resources freed':
      return facts.ending === 'stopped'
        ? { exists: false, completed: false, filters: 0, ending: 'no' }
        : null;
  }
}

describe('the table', () => {
  test('STA-01 STA-02 STA-03 STA-04 STA-05 STA-06 STA-07 STA-08 STA-09 STA-10 STA-11 STA-12 STA-13: any walk agrees with the model', () => {
    const events = QUEUE_EVENTS.map(({ event }) => event);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 80 }), (walk) => {
        let state: QueueState = 'Undefined';
        let facts: Facts = { exists: false, completed: false, filters: 0, ending: 'no' };
        for (const event of walk) {
          const step = queueTransition(state, event);
          const next = happen(facts, event);
          expect([event, state, step.ok]).toEqual([event, state, next !== null]);
          if (step.ok && next !== null) {
            state = step.next;
            facts = next;
          }
          expect(state).toBe(named(facts));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('STA-16: states as they are reported', () => {
    const states: QueueState[] = ['Undefined', 'Allocated', 'Set', 'Running', 'Paused', 'StopDma', 'Freeing'];
    expect(states.map(operationalState)).toEqual([0, 2, 2, 1, 2, 3, 3]);
  });
});

describe('through the OIDs', () => {
  type Step = { op: 'allocate' | 'complete' | 'set' | 'clear' | 'free'; pick: number; fail: boolean };
  const steps = fc.array(
    fc.record({
      op: fc.constantFrom(
        'allocate' as const,
        'complete' as const,
        'set' as const,
        'clear' as const,
        'free' as const,
      ),
      pick: fc.integer({ min: 1, max: 3 }),
      fail: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
    { maxLength: 60 },
  );

  /** One more than there are queues, and the last is to fail: no request is made of it, and nothing may be left behind. */
  const FIVE_FOR_FOUR: Step[] = [false, false, false, false, true].map((fail) => ({
    op: 'allocate',
    pick: 1,
    fail,
  }));

  test('STA-04 STA-05 STA-06 STA-09 STA-11 STA-14: any sequence of requests leaves the states the model predicts', () => {
    fc.assert(
      fc.property(steps, (sequence: Step[]) => {
        const { binding, adapter, miniport, memory, violations } = createBench();
        const model = new Map<number, Facts>();
        const filters = new Map<number, number[]>();
        for (const { op, pick, fail } of sequence) {
          const facts = model.get(pick);
          const apply = (event: QueueEvent): boolean => {
            const next = facts === undefined ? null : happen(facts, event);
            if (next !== null && !fail) model.set(pick, next);
            return next !== null;
          };
          miniport.failNext = fail ? NDIS_STATUS_INVALID_PARAMETER : null;
          if (op === 'allocate') {
            const free = [1, 2, 3, 4].find((id) => !model.has(id));
            if (free === undefined) continue;
            const status = binding.oidRequest(allocateRequest());
            expect(status === NDIS_STATUS_SUCCESS).toBe(!fail);
            if (!fail)
              model.set(
                free,
                happen({ exists: false, completed: false, filters: 0, ending: 'no' }, 'allocate')!,
              );
          } else if (op === 'complete') {
            const allowed = apply('allocation complete');
            const { status, elements } = complete(binding, [pick]);
            if (!allowed) expect(elements).toEqual([NDIS_STATUS_INVALID_PARAMETER]);
            else expect(status === NDIS_STATUS_SUCCESS).toBe(!fail);
          } else if (op === 'set') {
            if ([...filters.values()].flat().length >= 8) continue;
            const allowed = apply('set filter');
            const request = filterRequest(pick, [untaggedMac(pick)]);
            const status = binding.oidRequest(request);
            expect(status === NDIS_STATUS_SUCCESS).toBe(allowed && !fail);
            if (allowed && !fail) filters.set(pick, [...(filters.get(pick) ?? []), filterIdOf(request)]);
          } else if (op === 'clear') {
            const [first, ...rest] = filters.get(pick) ?? [];
            const allowed = apply(rest.length === 0 ? 'clear last filter' : 'clear filter');
            const status = clearFilter(binding, pick, first ?? 1000);
            if (!allowed) expect(status).toBe(NDIS_STATUS_FILE_NOT_FOUND);
            else expect(status === NDIS_STATUS_SUCCESS).toBe(!fail);
            if (allowed && !fail) filters.set(pick, rest);
          } else {
            const allowed = apply('free');
            const status = free(binding, pick);
            expect(status === NDIS_STATUS_SUCCESS).toBe(allowed && !fail);
            if (allowed && !fail) model.delete(pick);
          }
          miniport.failNext = null;
          for (const id of [1, 2, 3, 4]) {
            const expected = model.get(id);
            expect(stateOf(adapter, id)).toBe(expected === undefined ? 'Undefined' : named(expected));
          }
          expect(adapter.inspect().filters.length).toBe([...filters.values()].flat().length);
        }
        expect(violations()).toEqual([]);
        miniport.failNext = null; // of a last step that was left out
        binding.close();
        expect(adapter.inspect().queues.map(({ queueId }) => queueId)).toEqual([0]);
        expect(adapter.inspect().filters).toEqual([]);
        expect(memory.blocks()).toEqual([]);
      }),
      { numRuns: 120, examples: [[FIVE_FOR_FOUR]] },
    );
  });
});

test('STA-01 to STA-13: every cell of the table, as the requirements have it', () => {
  const table: Record<QueueEvent, string> = {
    allocate: 'A......',
    'query parameters': '.ASRP..',
    'set parameters': '.ASRP..',
    'set filter': '.SSRR..',
    'clear last filter': '..AP...',
    'clear filter': '..SR...',
    'enumerate filters': '.ASRP..',
    'query filter parameters': '..SR...',
    'allocation complete': '.PR....',
    'receive frame': '...R...',
    free: '.D..D..',
    'dma stopped': '.....F.',
    'resources freed': '......U',
  };
  const states = ['Undefined', 'Allocated', 'Set', 'Running', 'Paused', 'StopDma', 'Freeing'] as const;
  const letter: Record<QueueState, string> = {
    Undefined: 'U',
    Allocated: 'A',
    Set: 'S',
    Running: 'R',
    Paused: 'P',
    StopDma: 'D',
    Freeing: 'F',
  };
  const found = QUEUE_EVENTS.map(({ event }) => {
    const cells = states.map((state) => {
      const step = queueTransition(state, event);
      return step.ok ? letter[step.next] : '.';
    });
    return [event, cells.join('')];
  });
  expect(Object.fromEntries(found)).toEqual(table);
  const answers = QUEUE_EVENTS.flatMap(({ event, invalid }) => (invalid === null ? [] : [[event, invalid]]));
  expect(Object.fromEntries(answers)).toEqual({
    'query parameters': NDIS_STATUS_INVALID_PARAMETER,
    'set parameters': NDIS_STATUS_INVALID_PARAMETER,
    'set filter': NDIS_STATUS_INVALID_PARAMETER,
    'clear last filter': NDIS_STATUS_FILE_NOT_FOUND,
    'clear filter': NDIS_STATUS_FILE_NOT_FOUND,
    'enumerate filters': NDIS_STATUS_FAILURE,
    'query filter parameters': NDIS_STATUS_INVALID_PARAMETER,
    'allocation complete': NDIS_STATUS_INVALID_PARAMETER,
    free: NDIS_STATUS_INVALID_PARAMETER,
  });
});
