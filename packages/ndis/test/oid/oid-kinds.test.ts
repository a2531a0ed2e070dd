/** Which kinds of request each VMQ OID has: query, set or method. */
import {
  NDIS_STATUS_NOT_SUPPORTED,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  OID_RECEIVE_FILTER_ENUM_FILTERS,
  OID_RECEIVE_FILTER_ENUM_QUEUES,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
  OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
  OID_RECEIVE_FILTER_PARAMETERS,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  OID_RECEIVE_FILTER_SET_FILTER,
} from '@vmq/abi';
import { methodRequest, queryRequest, setRequest } from '@vmq/ddi';
import { expect, test } from 'vitest';
import { createBench } from '../bench.test-support.ts';

// As their pages have it: method, set or query; what is not named is refused.
const KINDS: readonly [oid: number, kinds: readonly ('query' | 'set' | 'method')[]][] = [
  [OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, ['query']],
  [OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, ['query']],
  [OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, ['query']],
  [OID_RECEIVE_FILTER_ALLOCATE_QUEUE, ['method']],
  [OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, ['method']],
  [OID_RECEIVE_FILTER_QUEUE_PARAMETERS, ['method', 'set']],
  [OID_RECEIVE_FILTER_FREE_QUEUE, ['set']],
  [OID_RECEIVE_FILTER_ENUM_QUEUES, ['query']],
  [OID_RECEIVE_FILTER_SET_FILTER, ['method']],
  [OID_RECEIVE_FILTER_CLEAR_FILTER, ['set']],
  [OID_RECEIVE_FILTER_ENUM_FILTERS, ['method']],
  [OID_RECEIVE_FILTER_PARAMETERS, ['method']],
];
test.each(KINDS)(
  'INIT-13: OID %i in every kind of request: those of its page are judged, others NOT_SUPPORTED',
  (oid, kinds) => {
    const make = {
      query: () => queryRequest(oid, 2000),
      set: () => setRequest(oid, new Uint8Array(2000)),
      method: () => methodRequest(oid, new Uint8Array(2000)),
    };
    for (const kind of ['query', 'set', 'method'] as const) {
      const { binding, miniport, lastRule } = createBench();
      const status = binding.oidRequest(make[kind]());
      if (kinds.includes(kind)) expect(lastRule()).not.toBe('INIT-13');
      else expect([status, lastRule()]).toEqual([NDIS_STATUS_NOT_SUPPORTED, 'INIT-13']);
      // Zeros are a bad structure of every kind: no miniport is to see them.
      expect(miniport.seen).toEqual([]);
    }
  },
);
