/**
 * One step of a random sequence, before it is known what there is to act on: small numbers stand for "the third
 * queue", "somebody else's filter", and find their meaning in the model's state when the step is taken. That is
 * what lets a failing sequence shrink: without its first steps the others still mean something.
 */
import fc from 'fast-check';
import type { FieldTest, Geometry, RequestKind } from '../reference/vocabulary.ts';

/** Who asks: whoever owns what is named, or a protocol by name. */
export type Asker = 'owner' | 'A' | 'B';

/** How a request is spoilt: in its kind or its lengths. */
export type Spoil = 'wrong kind' | 'input' | 'output' | null;

/** 0: the default queue; 15: one that does not exist; else the nth that does. */
type QueueChoice = number;
/** 0: id 0; 15: one that does not exist; else the nth that is set. */
type FilterChoice = number;

export type RequestStep =
  | {
      readonly oid: 'allocate queue';
      readonly flaw:
        | null
        | 'type'
        | 'no processor'
        | 'group'
        | 'lookahead'
        | 'lookahead above maximum'
        | 'QoS';
      readonly affinity: number;
      readonly flags: number;
      readonly buffers: number;
      readonly junk: number;
      readonly text: string;
    }
  | {
      readonly oid: 'complete allocation';
      readonly queues: readonly QueueChoice[];
      readonly geometry: Geometry;
    }
  | {
      readonly oid: 'set queue parameters';
      readonly queue: QueueChoice;
      readonly changes: number;
      readonly affinity: number;
      readonly flags: number;
      readonly buffers: number;
      readonly text: string;
    }
  | {
      readonly oid: 'query queue parameters' | 'free queue' | 'enumerate filters';
      readonly queue: QueueChoice;
    }
  | {
      readonly oid: 'set filter';
      readonly queue: QueueChoice;
      readonly mac: number;
      readonly vlan: number;
      readonly flaw: FilterFlaw;
    }
  | { readonly oid: 'clear filter'; readonly filter: FilterChoice; readonly elsewhere: boolean }
  | { readonly oid: 'query filter' | 'move filter'; readonly filter: FilterChoice }
  /** `all`: by user mode, which sees every queue. */
  | { readonly oid: 'enumerate queues'; readonly all: boolean }
  | { readonly oid: 'query current capabilities' | 'query global parameters' }
  | { readonly oid: 'set packet filter'; readonly bits: number }
  | { readonly oid: 'set multicast list'; readonly groups: readonly number[] };

export const FILTER_FLAWS = [
  'type',
  'filter id',
  'id bits',
  'no test',
  'no MAC test',
  'two MAC tests',
  'two VLAN tests',
  'source test',
  'packet type test',
  'other header',
  'mask equal',
  'not equal',
  'group MAC',
  'VLAN 0',
  'VLAN 4095',
  'flag and VLAN',
  'past the end',
  'inside the header',
  'undersized elements',
] as const;
export type FilterFlaw = null | (typeof FILTER_FLAWS)[number];

export interface FrameStep {
  /** Nonzero: the nth filter's address, and its VLAN if it tests one. */
  readonly aim: number;
  readonly mac: number;
  readonly vlan: number;
  readonly hold: boolean;
}

export type Step =
  | {
      readonly do: 'request';
      readonly by: Asker;
      readonly spoil: Spoil;
      readonly request: RequestStep;
    }
  | {
      readonly do: 'frames';
      readonly frames: readonly FrameStep[];
      readonly racing: boolean;
    }
  | {
      readonly do: 'return';
      readonly choice: number;
      readonly backwards: boolean;
      readonly oneByOne: boolean;
    }
  | { readonly do: 'memory'; readonly available: boolean }
  /** VM queues of the current set, modulo those the adapter has and none. */
  | { readonly do: 'capabilities'; readonly queues: number }
  | { readonly do: 'pause or restart' }
  | { readonly do: 'reopen' }
  | { readonly do: 'settle' };

/** Addresses of frames and filters. Index 3 is the station's own, 4 broadcast, 5 and 6 groups, 7 a stranger. */
export const ADDRESSES = 8;
/** VLAN tags of frames: index 0 none, then these. */
export const FRAME_VLANS: readonly (number | null)[] = [null, 0, 1, 5, 4094];
/** VLAN part of a filter: index 0 the flag, 1 neither, then these. */
export const FILTER_VLANS: readonly (number | null)[] = [null, null, 1, 5, 4094];

/** fast-check's `oneof` with a weight in front of each. */
const weighted = <T>(...choices: (readonly [number, fc.Arbitrary<T>])[]): fc.Arbitrary<T> =>
  fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
const rarely = <T>(weight: number, usual: T, others: readonly T[]): fc.Arbitrary<T> =>
  weighted<T>([weight, fc.constant(usual)], [1, fc.constantFrom(...others)]);

const queue: fc.Arbitrary<QueueChoice> = weighted(
  [12, fc.integer({ min: 1, max: 3 })],
  [2, fc.constant(0)],
  [1, fc.constant(15)],
);
const filter: fc.Arbitrary<FilterChoice> = weighted(
  [14, fc.integer({ min: 1, max: 5 })],
  [1, fc.constantFrom(0, 15)],
);
const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const text = fc.constantFrom('', 'web', 'database 2');
const settings = {
  affinity: rarely(12, 1, [2, 3, 6, 0, 4]),
  flags: rarely(4, 1, [0, 2, 3]),
  buffers: fc.constantFrom(0, 32, 64, 100),
  text,
};
const geometry = rarely<Geometry>(12, 'fine', ['past the end', 'inside the header', 'undersized elements']);

const request: fc.Arbitrary<RequestStep> = weighted<RequestStep>(
  [
    9,
    fc.record({
      oid: fc.constant('allocate queue' as const),
      flaw: rarely(8, null, ['type', 'no processor', 'group', 'lookahead', 'lookahead above maximum', 'QoS']),
      junk: small(3),
      ...settings,
      affinity: rarely(3, 1, [2, 3, 6]),
    }),
  ],
  [
    8,
    fc.record({
      oid: fc.constant('complete allocation' as const),
      queues: fc.array(queue, { maxLength: 3 }),
      geometry,
    }),
  ],
  [
    3,
    fc.record({
      oid: fc.constant('set queue parameters' as const),
      queue,
      changes: small(15),
      ...settings,
      affinity: rarely(2, 2, [1, 3, 6, 0, 4]),
    }),
  ],
  [2, fc.record({ oid: fc.constant('query queue parameters' as const), queue })],
  [6, fc.record({ oid: fc.constant('free queue' as const), queue })],
  [2, fc.record({ oid: fc.constant('enumerate filters' as const), queue })],
  [
    14,
    fc.record({
      oid: fc.constant('set filter' as const),
      queue,
      mac: weighted([8, small(2)], [1, fc.constant(3)]),
      vlan: small(FILTER_VLANS.length - 1),
      flaw: rarely<FilterFlaw>(5, null, FILTER_FLAWS),
    }),
  ],
  [
    7,
    fc.record({
      oid: fc.constant('clear filter' as const),
      filter,
      elsewhere: rarely(8, false, [true]),
    }),
  ],
  [1, fc.record({ oid: fc.constantFrom('query filter' as const, 'move filter' as const), filter })],
  [3, fc.record({ oid: fc.constant('enumerate queues' as const), all: fc.boolean() })],
  [
    1,
    fc.record({
      oid: fc.constantFrom('query current capabilities' as const, 'query global parameters' as const),
    }),
  ],
  [3, fc.record({ oid: fc.constant('set packet filter' as const), bits: small(31) })],
  [
    1,
    fc.record({
      oid: fc.constant('set multicast list' as const),
      groups: fc.uniqueArray(small(1), { maxLength: 2 }),
    }),
  ],
);

const frame = fc.record({
  aim: weighted([2, small(5)], [1, fc.constant(0)]),
  mac: weighted([6, small(2)], [3, small(ADDRESSES - 1)]),
  vlan: small(FRAME_VLANS.length - 1),
  hold: fc.boolean(),
});

export const stepArbitrary: fc.Arbitrary<Step> = weighted<Step>(
  [
    20,
    fc.record({
      do: fc.constant('request' as const),
      by: weighted<Asker>([10, fc.constant('owner')], [1, fc.constantFrom('A', 'B')]),
      spoil: rarely<Spoil>(16, null, ['wrong kind', 'input', 'output']),
      request,
    }),
  ],
  [
    9,
    fc.record({
      do: fc.constant('frames' as const),
      frames: fc.array(frame, { minLength: 1, maxLength: 3 }),
      racing: rarely(2, false, [true]),
    }),
  ],
  [
    3,
    fc.record({
      do: fc.constant('return' as const),
      choice: small(15),
      backwards: fc.boolean(),
      oneByOne: fc.boolean(),
    }),
  ],
  [0.5 * 2, fc.record({ do: fc.constant('memory' as const), available: fc.boolean() })],
  [
    1,
    fc.record({
      do: fc.constant('capabilities' as const),
      queues: weighted([2, fc.constant(0)], [3, small(3)]),
    }),
  ],
  [1, fc.constant({ do: 'pause or restart' as const })],
  [1, fc.constantFrom({ do: 'reopen' as const }, { do: 'settle' as const })],
);

/** Other kinds a request may wrongly come in. */
export const WRONG_KINDS: Readonly<Record<RequestStep['oid'], RequestKind | null>> = {
  'allocate queue': 'set',
  'complete allocation': 'set',
  'query queue parameters': 'query',
  'set queue parameters': 'query',
  'free queue': 'method',
  'enumerate queues': 'method',
  'set filter': 'set',
  'clear filter': 'method',
  'enumerate filters': 'query',
  'query filter': 'query',
  'move filter': null,
  'query current capabilities': 'set',
  'query global parameters': 'method',
  'set packet filter': null,
  'set multicast list': null,
};

/** A test of the MAC header, with everything as it usually is. */
export function macHeaderTest(
  field: FieldTest['field'],
  members: Partial<Omit<FieldTest, 'field'>> = {},
): FieldTest {
  return { header: 'mac', field, test: 'equal', mac: '', vlan: 0, untaggedOrZero: false, ...members };
}
