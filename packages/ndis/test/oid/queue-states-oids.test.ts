/** Chapter 6 through the OIDs alone: each request in each state, its answer, and the state afterwards. */
import {
  NDIS_RECEIVE_FILTER_INFO_ARRAY,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED,
  NDIS_RECEIVE_QUEUE_TYPE,
  NDIS_STATUS_PENDING,
  OID_RECEIVE_FILTER_ENUM_FILTERS,
  OID_RECEIVE_FILTER_PARAMETERS,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  statusName,
} from '@vmq/abi';
import { methodRequest, type OidRequest, setRequest } from '@vmq/ddi';
import { expect, test } from 'vitest';
import {
  allocate,
  allocateRequest,
  type Bench,
  clearRequest,
  complete,
  completeRequest,
  createBench,
  filterRequest,
  freeRequest,
  setFilter,
  stateOf,
  untaggedMac,
} from '../bench.test-support.ts';

const QUEUE = 1;
const Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED;
const parameters = (change: object = {}): Uint8Array =>
  NDIS_RECEIVE_QUEUE_PARAMETERS.encode({
    QueueType: NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue,
    QueueId: QUEUE,
    ...change,
  });

/** Brings queue 1 of a fresh adapter into a state, with as many filters as the event wants; the filters' ids. */
function reach(bench: Bench, state: State, filters: number): number[] {
  const { binding, miniport } = bench;
  if (state === 'Undefined') return [];
  allocate(binding);
  if (state === 'StopDma' || state === 'Freeing') {
    complete(binding, [QUEUE]);
    // Frames are out: the request pends behind the indication of DmaStopped.
    if (state === 'Freeing') miniport.queues.get(QUEUE)!.outstanding = 1;
    else miniport.pendNext = true;
    expect(binding.oidRequest(freeRequest(QUEUE))).toBe(NDIS_STATUS_PENDING);
    return [];
  }
  const ids =
    state === 'Set' || state === 'Running'
      ? Array.from({ length: filters }, (_, i) => setFilter(binding, QUEUE, i + 1))
      : [];
  if (state === 'Running' || state === 'Paused') complete(binding, [QUEUE]);
  return ids;
}

const STATES = ['Undefined', 'Allocated', 'Set', 'Running', 'Paused', 'StopDma', 'Freeing'] as const;
type State = (typeof STATES)[number];
const LETTERS = 'UASRPDF';

interface Event {
  /** The next state in each of {@link STATES}, as the requirements' table has it. */
  readonly next: string;
  /** The answer where the event is invalid. */
  readonly refusal: string;
  /** Filters that the queue has in the states that have some. */
  readonly filters?: number;
  request(filterIds: readonly number[]): OidRequest;
  /** The status of the request's element for the queue, where it has elements. */
  element?(request: OidRequest): number;
}

const enumerate = (queueId: number): OidRequest =>
  methodRequest(
    OID_RECEIVE_FILTER_ENUM_FILTERS,
    NDIS_RECEIVE_FILTER_INFO_ARRAY.encode({ QueueId: queueId }),
    500,
  );
const readBack = (FilterId: number): OidRequest =>
  methodRequest(OID_RECEIVE_FILTER_PARAMETERS, NDIS_RECEIVE_FILTER_PARAMETERS.encode({ FilterId }), 500);
const INVALID = 'NDIS_STATUS_INVALID_PARAMETER';

const EVENTS: readonly (readonly [name: string, event: Event])[] = [
  [
    'STA-02 parameters, method',
    {
      next: '.ASRP..',
      refusal: INVALID,
      request: () => methodRequest(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, parameters()),
    },
  ],
  [
    'STA-03 parameters, set',
    {
      next: '.ASRP..',
      refusal: INVALID,
      request: () =>
        setRequest(
          OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
          parameters({ Flags, NumSuggestedReceiveBuffers: 32 }),
        ),
    },
  ],
  [
    'STA-04 set filter',
    { next: '.SSRR..', refusal: INVALID, request: () => filterRequest(QUEUE, [untaggedMac(9)]) },
  ],
  [
    'STA-05 clear filter, last',
    {
      next: '..AP...',
      refusal: 'NDIS_STATUS_FILE_NOT_FOUND',
      request: ([last = 1]) => clearRequest(QUEUE, last),
    },
  ],
  [
    'STA-06 clear filter, not last',
    {
      next: '..SR...',
      refusal: 'NDIS_STATUS_FILE_NOT_FOUND',
      filters: 2,
      request: ([first = 1]) => clearRequest(QUEUE, first),
    },
  ],
  [
    'STA-07 enum filters',
    { next: '.ASRP..', refusal: 'NDIS_STATUS_FAILURE', request: () => enumerate(QUEUE) },
  ],
  [
    'STA-08 filter parameters',
    { next: '..SR...', refusal: INVALID, request: ([first = 1]) => readBack(first) },
  ],
  [
    'STA-09 allocation complete',
    {
      next: '.PR....',
      refusal: INVALID,
      request: () => completeRequest([QUEUE]),
      element(request) {
        const decoded = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.decode(request.informationBuffer);
        if (!decoded.ok) throw new Error('undecodable answer');
        return decoded.value.elements[0]?.CompletionStatus ?? -1;
      },
    },
  ],
  ['STA-11 free queue', { next: '.U..U..', refusal: INVALID, request: () => freeRequest(QUEUE) }],
];

/** Ends a free under way, so that what waits behind it gets its turn. */
function finishFree(bench: Bench, state: State): void {
  if (state === 'StopDma') bench.miniport.completePended();
  if (state === 'Freeing') bench.miniport.queues.get(QUEUE)!.outstanding = 0;
  bench.ndis.poll();
}

/** NDIS gives a miniport one request at a time: what comes during a free is judged behind it, of a queue that is gone. */
function statusOf(bench: Bench, request: OidRequest, state: State): number {
  const status = bench.binding.oidRequest(request);
  if (status !== NDIS_STATUS_PENDING) return status;
  expect(stateOf(bench.adapter, QUEUE), 'what waits changes nothing').toBe(state);
  finishFree(bench, state);
  const completion = bench.protocol.completions.find((one) => one.request === request);
  if (completion === undefined) throw new Error('never completed');
  return completion.status;
}

for (const [name, event] of EVENTS) {
  test.each(STATES.map((state, i) => [state, event.next[i]] as const))(`${name}: in %s`, (state, next) => {
    const bench = createBench();
    const ids = reach(bench, state, event.filters ?? 1);
    expect(stateOf(bench.adapter, QUEUE)).toBe(state);
    const request = event.request(ids);
    const own = statusName(statusOf(bench, request, state));
    const status = event.element === undefined ? own : statusName(event.element(request));
    if (event.element !== undefined) expect(own).toBe('NDIS_STATUS_SUCCESS');
    expect(status).toBe(next === '.' ? event.refusal : 'NDIS_STATUS_SUCCESS');
    const after = stateOf(bench.adapter, QUEUE);
    if (next !== '.') expect(after).toBe(STATES[LETTERS.indexOf(next)]);
    else expect(state === 'StopDma' || state === 'Freeing' ? [state, 'Undefined'] : [state]).toContain(after);
    expect(bench.violations()).toEqual([]);
  });
}

test('STA-01 an allocation gets the lowest id of a queue that does not exist, in whatever state the others are', () => {
  for (const state of STATES.slice(1, 5)) {
    const bench = createBench();
    reach(bench, state, 1);
    expect(allocate(bench.binding)).toBe(2);
    expect(stateOf(bench.adapter, QUEUE)).toBe(state);
  }
  for (const state of ['StopDma', 'Freeing'] as const) {
    const bench = createBench();
    reach(bench, state, 0);
    const request = allocateRequest();
    expect(bench.binding.oidRequest(request)).toBe(NDIS_STATUS_PENDING);
    expect(bench.adapter.inspect().queues.map(({ queueId }) => queueId)).toEqual([0, 1]);
    finishFree(bench, state);
    expect(bench.protocol.completions.at(-1)).toEqual({ request, status: 0 });
    expect(stateOf(bench.adapter, QUEUE)).toBe('Allocated');
  }
});

test('STA-12 STA-13 a free goes through StopDma and Freeing to Undefined, each step when the miniport says so', () => {
  const bench = createBench();
  const { binding, adapter, miniport } = bench;
  allocate(binding);
  complete(binding, [QUEUE]);
  miniport.queues.get(QUEUE)!.outstanding = 1;
  miniport.pendNext = true;
  expect(binding.oidRequest(freeRequest(QUEUE))).toBe(NDIS_STATUS_PENDING);
  expect(stateOf(adapter, QUEUE)).toBe('StopDma');
  const request = miniport.pended as OidRequest;
  expect(miniport.handle(miniport.adapter, request)).toBe(NDIS_STATUS_PENDING);
  expect(stateOf(adapter, QUEUE)).toBe('Freeing');
  bench.ndis.poll();
  expect(stateOf(adapter, QUEUE)).toBe('Freeing');
  miniport.queues.get(QUEUE)!.outstanding = 0;
  bench.ndis.poll();
  expect(stateOf(adapter, QUEUE)).toBe('Undefined');
  expect(bench.protocol.completions.at(-1)).toMatchObject({ status: 0 });
});
