/**
 * How a sequence opens: queues brought to some state in the usual way, so that the random steps after it find
 * something to act on. An opening is steps like any others, and shrinks to none.
 */
import fc from 'fast-check';
import { FILTER_VLANS, type Step } from './steps.ts';

interface OpeningQueue {
  readonly by: 'A' | 'B';
  readonly affinity: number;
  readonly split: boolean;
  /** Null: it gets no filter. */
  readonly filter: { readonly mac: number; readonly vlan: number } | null;
  readonly complete: boolean;
  /** With filter and completion: it is being freed, and waits for an NBL that is held. */
  readonly freeing: boolean;
}

export interface Opening {
  readonly queues: readonly OpeningQueue[];
  /** Filters set besides, on the queues in turn, so that the limit is near. */
  readonly crowd: number;
}

const queue: fc.Arbitrary<OpeningQueue> = fc.record({
  by: fc.constantFrom('A', 'A', 'B'),
  affinity: fc.constantFrom(1, 2),
  split: fc.boolean(),
  filter: fc.option(
    fc.record({
      mac: fc.integer({ min: 0, max: 2 }),
      vlan: fc.integer({ min: 0, max: FILTER_VLANS.length - 1 }),
    }),
    { freq: 5 },
  ),
  freeing: fc.oneof(
    { weight: 7, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  complete: fc.oneof(
    { weight: 5, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  ),
});

const queues: fc.Arbitrary<OpeningQueue[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<OpeningQueue[]>([]) },
  { weight: 5, arbitrary: fc.array(queue, { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.array(queue, { minLength: 3, maxLength: 3 }) },
);

export const openingArbitrary: fc.Arbitrary<Opening> = fc.record({
  queues,
  crowd: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(3, 4) }),
});

/** `canSplit`: the adapter may be asked for a lookahead split. */
export function openingSteps({ queues, crowd }: Opening, canSplit: boolean): Step[] {
  const steps: Step[] = [];
  const ask = (by: 'A' | 'B' | 'owner', request: Extract<Step, { do: 'request' }>['request']): void => {
    steps.push({ do: 'request', by, spoil: null, request });
  };
  const free = (queue: number): void => {
    steps.push({ do: 'frames', frames: [{ aim: queue, mac: 0, vlan: 0, hold: true }], racing: false });
    ask('owner', { oid: 'clear filter', filter: queue, elsewhere: false });
    ask('owner', { oid: 'free queue', queue });
  };
  // Ends that are to come once all queues are there: a pending free holds up the requests behind it.
  const ends: (() => void)[] = [];
  queues.forEach(({ by, affinity, split, filter, complete, freeing }, i) => {
    const flaw = split && canSplit ? 'lookahead' : null;
    const flags = flaw === null ? 1 : 3;
    ask(by, { oid: 'allocate queue', flaw, affinity, flags, buffers: 0, junk: 0, text: 'web' });
    if (filter !== null) ask('owner', { oid: 'set filter', queue: i + 1, ...filter, flaw: null });
    if (complete) ask('owner', { oid: 'complete allocation', queues: [i + 1], geometry: 'fine' });
    if (freeing && complete && filter !== null) ends.push(() => free(i + 1));
  });
  for (let i = 0; i < crowd; i++)
    ask('owner', { oid: 'set filter', queue: i, mac: i % 3, vlan: i % FILTER_VLANS.length, flaw: null });
  // From the last one on, so that the numbers of queues and filters stay what they are.
  for (const end of ends.reverse()) end();
  return steps;
}
