import { OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, OID_RECEIVE_FILTER_FREE_QUEUE } from '@vmq/abi';
import { queryRequest } from '@vmq/ddi';
import { TRACE_ALL, TraceReader } from '@vmq/machine';
import { expect, test } from 'vitest';
import { describeNdisTrace } from '../../src/index.ts';
import { allocate, clearFilter, complete, createBench, free, setFilter } from '../bench.test-support.ts';

test('the trace tells a queue’s story from the request to its states', () => {
  const { machine, binding } = createBench({ trace: true });
  const reader = new TraceReader(machine.traceImage);
  allocate(binding);
  expect(reader.drain()).toEqual([]);
  reader.setLevel(TRACE_ALL);
  const filter = setFilter(binding, 1);
  complete(binding, [1]);
  free(binding, 1);
  clearFilter(binding, 1, filter);
  expect(reader.drain().map(describeNdisTrace)).toEqual([
    'binding 1: OID_RECEIVE_FILTER_SET_FILTER to the miniport',
    'queue 1: Allocated → Set',
    'filter 1 set on queue 1 by binding 1',
    'binding 1: OID_RECEIVE_FILTER_SET_FILTER completed NDIS_STATUS_SUCCESS',
    'binding 1: OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE to the miniport',
    'queue 1: Set → Running',
    'binding 1: OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE completed NDIS_STATUS_SUCCESS',
    'binding 1: OID_RECEIVE_FILTER_FREE_QUEUE refused by NDIS: NDIS_STATUS_INVALID_PARAMETER',
    'binding 1: OID_RECEIVE_FILTER_CLEAR_FILTER to the miniport',
    'queue 1: Running → Paused',
    'filter 1 cleared from queue 1 by binding 1',
    'binding 1: OID_RECEIVE_FILTER_CLEAR_FILTER completed NDIS_STATUS_SUCCESS',
  ]);
});

test('the trace tells how a queue ends, and what NDIS itself refuses, but not what it answers', () => {
  const { machine, binding } = createBench({ trace: true });
  const reader = new TraceReader(machine.traceImage);
  reader.drain();
  allocate(binding);
  reader.setLevel(TRACE_ALL);
  free(binding, 1);
  const query = (oid: number): number => binding.oidRequest(queryRequest(oid, 100));
  query(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES);
  query(OID_RECEIVE_FILTER_FREE_QUEUE);
  expect(reader.drain().map(describeNdisTrace)).toEqual([
    'queue 1: Allocated → StopDma',
    'binding 1: OID_RECEIVE_FILTER_FREE_QUEUE to the miniport',
    'queue 1: StopDma → Freeing',
    'queue 1: Freeing → Undefined',
    'binding 1: OID_RECEIVE_FILTER_FREE_QUEUE completed NDIS_STATUS_SUCCESS',
    'binding 1: OID_RECEIVE_FILTER_FREE_QUEUE refused by NDIS: NDIS_STATUS_NOT_SUPPORTED',
  ]);
});
