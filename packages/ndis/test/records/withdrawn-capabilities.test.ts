/** Queues and filters that exist while the miniport's current set is withdrawn, shrinks and returns. */
import {
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_RECEIVE_FILTER_INFO_ARRAY,
  NDIS_RECEIVE_QUEUE_INFO_ARRAY,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_FILE_NOT_FOUND,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_ENUM_FILTERS,
  OID_RECEIVE_FILTER_ENUM_QUEUES,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
} from '@vmq/abi';
import { methodRequest, outputOf, queryRequest, setRequest } from '@vmq/ddi';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  allocateRequest,
  type Bench,
  capabilities,
  clearFilter,
  clearRequest,
  complete,
  completeRequest,
  createBench,
  filterRequest,
  free,
  freeRequest,
  queueParameters,
  setFilter,
  stateOf,
  TestProtocol,
  untaggedMac,
} from '../bench.test-support.ts';

const ZEROED = NDIS_RECEIVE_FILTER_CAPABILITIES.encode({}, { revision: 2 });

const indicate = ({ miniport }: Bench, set: Uint8Array): void =>
  miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, set);

/** A running queue with a filter, one that is only allocated, and a filter on queue 0. */
function withQueues(bench: Bench): { readonly filter: number; readonly onDefault: number } {
  const { binding } = bench;
  expect([allocate(binding), allocate(binding)]).toEqual([1, 2]);
  const filter = setFilter(binding, 1);
  complete(binding, [1]);
  const onDefault = setFilter(binding, 0, 9);
  return { filter, onDefault };
}

const enumerate = ({ binding }: Bench): readonly number[] => {
  const request = queryRequest(OID_RECEIVE_FILTER_ENUM_QUEUES, 16_000);
  expect(binding.oidRequest(request)).toBe(NDIS_STATUS_SUCCESS);
  const decoded = NDIS_RECEIVE_QUEUE_INFO_ARRAY.decode(outputOf(request));
  return decoded.ok ? decoded.value.elements.map(({ QueueId }) => QueueId) : [];
};

const filtersOf = ({ binding }: Bench, QueueId: number): readonly number[] => {
  const input = NDIS_RECEIVE_FILTER_INFO_ARRAY.encode({ QueueId, elements: [] });
  const request = methodRequest(OID_RECEIVE_FILTER_ENUM_FILTERS, input, 400);
  expect(binding.oidRequest(request)).toBe(NDIS_STATUS_SUCCESS);
  const decoded = NDIS_RECEIVE_FILTER_INFO_ARRAY.decode(outputOf(request));
  return decoded.ok ? decoded.value.elements.map(({ FilterId }) => FilterId) : [];
};

describe('CAP-31: with the current set withdrawn', () => {
  test('what exists stays, is enumerated, and is cleared and freed', () => {
    const bench = createBench();
    const { filter, onDefault } = withQueues(bench);
    indicate(bench, ZEROED);
    expect(enumerate(bench)).toEqual([1, 2]);
    expect([filtersOf(bench, 1), filtersOf(bench, 0)]).toEqual([[filter], [onDefault]]);
    expect(stateOf(bench.adapter, 1)).toBe('Running');
    const { binding } = bench;
    expect(clearFilter(binding, 1, filter)).toBe(NDIS_STATUS_SUCCESS);
    expect(clearFilter(binding, 0, onDefault)).toBe(NDIS_STATUS_SUCCESS);
    expect([free(binding, 1), free(binding, 2)]).toEqual([NDIS_STATUS_SUCCESS, NDIS_STATUS_SUCCESS]);
    expect(enumerate(bench)).toEqual([]);
    expect(bench.miniport.queues.size).toBe(0);
    expect(bench.violations()).toEqual([]);
  });

  test('INIT-10: nothing new is to be had, and the miniport is not asked', () => {
    const bench = createBench();
    withQueues(bench);
    indicate(bench, ZEROED);
    const { binding, miniport } = bench;
    miniport.seen.length = 0;
    const parameters = setRequest(
      OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
      queueParameters({ QueueId: 1, Flags: 0x0008_0000, QueueName: 'other' }),
    );
    for (const request of [
      allocateRequest(),
      completeRequest([2]),
      filterRequest(1, [untaggedMac(3)]),
      filterRequest(0, [untaggedMac(3)]),
      parameters,
    ]) {
      expect(binding.oidRequest(request)).toBe(NDIS_STATUS_NOT_SUPPORTED);
      expect(bench.lastRule()).toBe('INIT-10');
    }
    expect(miniport.seen).toEqual([]);
  });

  test('a refusal to clear or free names what is wrong with the request, not the capabilities', () => {
    const bench = createBench();
    const { filter } = withQueues(bench);
    indicate(bench, ZEROED);
    const { binding } = bench;
    expect(binding.oidRequest(clearRequest(2, filter))).toBe(NDIS_STATUS_FILE_NOT_FOUND);
    expect(binding.oidRequest(freeRequest(1))).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(bench.lastRule()).toBe('QUE-29');
    expect(binding.oidRequest(freeRequest(4))).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(bench.lastRule()).toBe('QUE-28');
  });

  test('a free that pended before completes after', () => {
    const bench = createBench();
    const { filter } = withQueues(bench);
    const { binding, miniport, ndis, protocol } = bench;
    const queue = miniport.queues.get(1) as { outstanding: number };
    queue.outstanding = 1;
    clearFilter(binding, 1, filter);
    const request = freeRequest(1);
    expect(binding.oidRequest(request)).toBe(NDIS_STATUS_PENDING);
    indicate(bench, ZEROED);
    queue.outstanding = 0;
    ndis.poll();
    expect(protocol.completions).toEqual([{ request, status: NDIS_STATUS_SUCCESS }]);
    expect(enumerate(bench)).toEqual([2]);
  });

  test('LIFE-10: a protocol that closes then has nothing left, and is written down', () => {
    const bench = createBench();
    withQueues(bench);
    indicate(bench, ZEROED);
    bench.binding.close();
    const { queues, filters } = bench.adapter.inspect();
    expect([queues.map(({ queueId }) => queueId), filters]).toEqual([[0], []]);
    expect([...bench.miniport.queues.keys()]).toEqual([]);
    expect(bench.violations()).toEqual(['LIFE-09', 'LIFE-09', 'LIFE-09', 'LIFE-09']);
  });

  test('LIFE-10: what is left at a halt is cleared and freed before MiniportHaltEx', () => {
    const bench = createBench();
    withQueues(bench);
    // Nobody's any more: the miniport would not take them back when their protocol closed.
    const { adapter, miniport } = bench;
    const handle = miniport.handle.bind(miniport);
    miniport.handle = () => NDIS_STATUS_FAILURE;
    bench.binding.close();
    expect(adapter.inspect().queues).toHaveLength(3);
    indicate(bench, ZEROED);
    miniport.handle = handle;
    expect(adapter.halt()).toBe(NDIS_STATUS_SUCCESS);
    expect(miniport.queues.size).toBe(0);
    expect(bench.violations()).not.toContain('SHM-15');
  });
});

test('CAP-31: with fewer queues in the current set, all that exist stay, and new ones wait until there is room', () => {
  const bench = createBench();
  const { binding } = bench;
  expect([0, 0, 0, 0].map(() => allocate(binding))).toEqual([1, 2, 3, 4]);
  indicate(bench, capabilities(30, { NumQueues: 2, MaxMacHeaderFilters: 2 }));
  expect(enumerate(bench)).toEqual([1, 2, 3, 4]);
  expect(setFilter(binding, 4)).toBe(1);
  expect(complete(binding, [4, 3])).toEqual({ status: 0, elements: [0, 0] });
  expect(binding.oidRequest(allocateRequest())).toBe(NDIS_STATUS_FAILURE);
  expect(bench.lastRule()).toBe('QUE-10');
  expect([free(binding, 1), free(binding, 2), free(binding, 3)]).toEqual([0, 0, 0]);
  // One of two exists, whatever its number.
  expect(allocate(binding)).toBe(1);
  expect(binding.oidRequest(allocateRequest())).toBe(NDIS_STATUS_FAILURE);
});

test('CAP-31: when the set returns, all goes on where it stopped', () => {
  const bench = createBench();
  const { filter } = withQueues(bench);
  indicate(bench, ZEROED);
  indicate(bench, capabilities(30));
  const { binding } = bench;
  expect(setFilter(binding, 2)).toBeGreaterThan(filter);
  expect(complete(binding, [2])).toEqual({ status: 0, elements: [0] });
  expect([1, 2].map((queueId) => stateOf(bench.adapter, queueId))).toEqual(['Running', 'Running']);
  expect(allocate(binding)).toBe(3);
});

test('CAP-31: every protocol hears of the change, and each can give back what is its own', () => {
  const bench = createBench();
  const other = new TestProtocol('other');
  const { binding } = bench.adapter.bind(other);
  if (binding === null) throw new Error('not bound');
  const mine = allocate(bench.binding);
  const theirs = allocate(binding);
  indicate(bench, ZEROED);
  for (const { indications } of [bench.protocol, other])
    expect(indications.map(({ statusBuffer }) => statusBuffer)).toEqual([ZEROED]);
  expect(binding.oidRequest(freeRequest(mine))).toBe(NDIS_STATUS_INVALID_PARAMETER);
  expect([free(binding, theirs), free(bench.binding, mine)]).toEqual([0, 0]);
});
