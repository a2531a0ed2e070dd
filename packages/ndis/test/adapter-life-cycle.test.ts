import {
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_SHARED_MEMORY_USAGE,
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESET_IN_PROGRESS,
  NDIS_STATUS_RESET_START,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
} from '@vmq/abi';
import { describe, expect, test } from 'vitest';
import { outputOf, queryRequest } from '../src/index.ts';
import {
  allocate,
  allocateRequest,
  type BenchOptions,
  capabilities,
  clearFilter,
  complete,
  createBench,
  createHost,
  free,
  freeRequest,
  setFilter,
  stateOf,
  TestProtocol,
} from './bench.ts';

const SUCCESS = NDIS_STATUS_SUCCESS;
const receive = NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceive;
const want = {
  contiguous: false,
  queueId: 0,
  vportId: 0,
  usage: receive,
  length: 4096,
  preferredNode: 0,
  maximumElements: 8,
};

describe('initialization', () => {
  test('INIT-03 INIT-04 LIFE-01: success leaves the adapter Paused, with the default queue', () => {
    const { adapter, miniport } = createBench();
    expect(adapter.state).toBe('Paused');
    expect(adapter.inspect().queues).toMatchObject([{ queueId: 0, state: 'Running', owner: 0 }]);
    expect(miniport.events).toEqual(['initialize']);
  });

  test('INIT-03 LIFE-01: failure leaves nothing behind', () => {
    const { add, memory, ndis } = createHost({
      initialize(adapter) {
        adapter.registerScatterGatherDma();
        expect(adapter.allocateSharedMemory(want).status).toBe(SUCCESS);
        adapter.allocateInterruptMessage(0);
        return NDIS_STATUS_FAILURE;
      },
    });
    expect(add()).toEqual({ status: NDIS_STATUS_FAILURE, adapter: null });
    expect(memory.blocks()).toEqual([]);
    expect(ndis.adapters).toEqual([]);
  });

  test('INIT-01 INIT-02: order and revisions', () => {
    const statuses: number[] = [];
    const { add, ndis } = createHost({
      initialize(adapter, miniport) {
        const [registration, general, hardware] = miniport.attributes();
        for (const attributes of [
          general!,
          hardware!,
          { ...registration!, revision: 9 },
          registration!,
          hardware!,
          general!,
          { ...hardware!, revision: 2 },
          hardware!,
        ])
          statuses.push(adapter.setMiniportAttributes(attributes));
        return SUCCESS;
      },
    });
    expect(add().status).toBe(SUCCESS);
    expect(statuses).toEqual([
      NDIS_STATUS_FAILURE,
      NDIS_STATUS_FAILURE,
      NDIS_STATUS_BAD_VERSION,
      SUCCESS,
      NDIS_STATUS_FAILURE,
      SUCCESS,
      NDIS_STATUS_BAD_VERSION,
      SUCCESS,
    ]);
    expect(ndis.refusals.last?.rule).toBe('INIT-02');
  });

  test('INIT-08: nothing is indicated before the registration attributes or after halt', () => {
    const bench = createBench();
    bench.adapter.halt();
    bench.miniport.indicateDmaStopped(0);
    expect(bench.violations()).toEqual(['INIT-08']);
  });

  test('keywords are read from the adapter’s record', () => {
    const { miniport } = createBench({ keywords: { '*VMQ': 1, name: 'x' } });
    expect(miniport.adapter.readConfiguration('*VMQ')).toBe(1);
    expect(miniport.adapter.readConfiguration('toString')).toBeUndefined();
  });
});

describe('capabilities', () => {
  const zero = {
    EnabledFilterTypes: 0,
    EnabledQueueTypes: 0,
    NumQueues: 0,
    SupportedQueueProperties: 0,
    SupportedFilterTests: 0,
    SupportedHeaders: 0,
    SupportedMacHeaderFields: 0,
    MaxMacHeaderFilters: 0,
  };
  const bad: [string, BenchOptions][] = [
    ['CAP-03', { hardware: null }],
    ['CAP-03', { current: null }],
    ['CAP-04', { current: capabilities(20) }],
    ['CAP-04', { minor: 20, current: capabilities(30), hardware: capabilities(20) }],
    ['CAP-04', { hardware: capabilities(30, { Flags: 1 }) }],
    ['CAP-04', { current: capabilities(30, { MaxQueueGroups: 1 }) }],
    ['CAP-04', { current: capabilities(30).subarray(0, 83) }],
    ['CAP-05', { current: capabilities(30, { EnabledFilterTypes: 0 }) }],
    ['CAP-06', { current: capabilities(30, { SupportedQueueProperties: 0x1a }) }],
    ['CAP-07', { minor: 20, current: capabilities(20, { SupportedQueueProperties: 0xb }) }],
    ['CAP-08', { current: capabilities(30, { SupportedMacHeaderFields: 8 }) }],
    ['CAP-10', { hardware: capabilities(30, { MaxMacHeaderFilters: 3 }) }],
    ['CAP-11', { hardware: capabilities(30, { SupportedQueueProperties: 0x1f }) }],
    ['CAP-11', { current: capabilities(30, { MaxLookaheadSplitSize: 64 }) }],
    ['CAP-12', { minor: 20, current: capabilities(20, { SupportedQueueProperties: 7 }) }],
    ['CAP-13', { current: capabilities(30, { SupportedQueueProperties: 0x5b }) }],
    [
      'CAP-14',
      {
        hardware: capabilities(30, {
          MaxPacketCoalescingFilters: 9,
          MaxFieldTestsPerPacketCoalescingFilter: 5,
        }),
      },
    ],
  ];
  test.each(bad)('%s: a set that breaks it is refused', (rule, options) => {
    const { add, ndis } = createHost(options);
    expect(add().status).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(ndis.refusals.entries[0]).toMatchObject({ rule, kind: 'refusal' });
  });

  test('CAP-03 CAP-15: a zeroed current set, and VPort mode without VM queues, are accepted', () => {
    expect(createBench({ current: capabilities(30, zero) }).adapter.inspect().vmqCurrent).toBe(false);
    const vports = capabilities(30, { NumQueues: 0, EnabledQueueTypes: 0 });
    expect(createBench({ current: vports }).adapter.inspect().vmqCurrent).toBe(false);
  });

  test('INIT-05: bind parameters carry the current set, revision 3 or 4, NULL without receive filtering', () => {
    expect(createBench().protocol.bound).toMatchObject({
      revision: 4,
      receiveFilterCapabilities: capabilities(30),
    });
    expect(createBench({ minor: 20 }).protocol.bound).toMatchObject({
      revision: 3,
      receiveFilterCapabilities: capabilities(20),
    });
    expect(
      createBench({ hardware: null, current: null }).protocol.bound?.receiveFilterCapabilities,
    ).toBeNull();
  });

  test('CAP-18 IND-02: an indicated set is used for queries, later binds and checks', () => {
    const { miniport, binding, adapter, protocol } = createBench();
    const smaller = capabilities(30, { NumQueues: 1 });
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, smaller);
    expect(protocol.indications.map(({ statusBuffer }) => statusBuffer)).toEqual([smaller]);
    const query = queryRequest(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, 84);
    binding.oidRequest(query);
    expect(outputOf(query)).toEqual(smaller);
    const late = new TestProtocol('late');
    adapter.bind(late);
    expect(late.bound?.receiveFilterCapabilities).toEqual(smaller);
    allocate(binding);
    expect(binding.oidRequest(allocateRequest())).toBe(NDIS_STATUS_FAILURE);
    const broken = NDIS_RECEIVE_FILTER_CAPABILITIES.encode({ NumQueues: 5 });
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, broken);
    expect(adapter.inspect().currentCapabilities?.NumQueues).toBe(1);
    expect(protocol.indications.length).toBe(1);
  });

  test('CAP-18: a 6.20 miniport indicates no capabilities', () => {
    const { miniport, protocol, violations } = createBench({ minor: 20 });
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, capabilities(20));
    expect(violations()).toEqual(['CAP-18']);
    expect(protocol.indications).toEqual([]);
  });
});

describe('states', () => {
  test('LIFE-01 LIFE-06 LIFE-08: restart from below, pause from above, halt only from Paused', () => {
    const { adapter, miniport, protocol, ndis } = createBench();
    const log: string[] = [];
    miniport.events.push = (...events) => log.push(...events.map((event) => `miniport ${event}`));
    protocol.events.push = (...events) => log.push(...events.map((event) => `protocol ${event}`));
    expect(adapter.pause()).toBe(NDIS_STATUS_FAILURE);
    expect(ndis.refusals.last?.rule).toBe('LIFE-01');
    expect(adapter.restart()).toBe(SUCCESS);
    expect(adapter.inspect().bindings).toMatchObject([{ protocol: 'switch', state: 'Running' }]);
    expect(adapter.restart()).toBe(NDIS_STATUS_FAILURE);
    expect(adapter.halt()).toBe(NDIS_STATUS_FAILURE);
    expect(ndis.refusals.last?.rule).toBe('LIFE-11');
    expect(adapter.pause()).toBe(SUCCESS);
    expect(adapter.halt()).toBe(SUCCESS);
    expect(log).toEqual([
      'miniport restart',
      'protocol restart',
      'protocol pause',
      'miniport pause',
      'protocol unbind',
      'miniport halt 0',
    ]);
    expect(adapter.state).toBe('Halted');
  });

  test('LIFE-01: a failed restart leaves the adapter Paused; a pended one completes later', () => {
    const { adapter, miniport } = createBench();
    miniport.restartStatus = NDIS_STATUS_FAILURE;
    expect(adapter.restart()).toBe(NDIS_STATUS_FAILURE);
    expect(adapter.state).toBe('Paused');
    miniport.restartStatus = NDIS_STATUS_PENDING;
    expect(adapter.restart()).toBe(NDIS_STATUS_PENDING);
    expect(adapter.state).toBe('Restarting');
    miniport.adapter.restartComplete(SUCCESS);
    expect(adapter.state).toBe('Running');
  });

  test('LIFE-02 LIFE-04: queues and filters can be set while paused, and outlive pause and restart', () => {
    const { adapter, binding } = createBench();
    const id = allocate(binding);
    setFilter(binding, id);
    complete(binding, [id]);
    adapter.restart();
    adapter.pause();
    adapter.restart();
    expect(stateOf(adapter, id)).toBe('Running');
    expect(adapter.inspect().filters.length).toBe(1);
  });

  test('LIFE-11: no halt with a request outstanding', () => {
    const { adapter, binding, miniport } = createBench();
    miniport.pendNext = true;
    binding.oidRequest(allocateRequest());
    expect(adapter.halt()).toBe(NDIS_STATUS_FAILURE);
    miniport.completePended();
    expect(adapter.halt()).toBe(SUCCESS);
  });

  test('SHM-15: what is left allocated at halt is written down and released', () => {
    const { adapter, miniport, memory, violations } = createBench();
    miniport.adapter.allocateSharedMemory(want);
    adapter.halt();
    expect(violations()).toEqual(['SHM-15']);
    expect(memory.blocks()).toEqual([]);
  });
});

describe('bindings', () => {
  test('LIFE-09 LIFE-10: NDIS cleans up what a protocol left, and writes it down', () => {
    const { adapter, binding, memory, miniport, ndis } = createBench();
    const id = allocate(binding);
    setFilter(binding, id);
    setFilter(binding, 0);
    complete(binding, [id]);
    binding.close();
    expect(ndis.refusals.entries.map(({ rule }) => rule)).toEqual(['LIFE-09', 'LIFE-09', 'LIFE-09']);
    expect(adapter.inspect()).toMatchObject({ filters: [], bindings: [], queues: [{ queueId: 0 }] });
    expect(miniport.queues.size).toBe(0);
    expect(memory.blocks()).toEqual([]);
  });

  test('LIFE-09: a protocol that cleaned up leaves no note', () => {
    const { binding, violations } = createBench();
    const id = allocate(binding);
    clearFilter(binding, id, setFilter(binding, id));
    free(binding, id);
    binding.close();
    expect(violations()).toEqual([]);
  });

  test('LIFE-08: requests work inside bind, and not after close', () => {
    const host = createHost();
    const adapter = host.add().adapter!;
    const protocol = new TestProtocol('switch');
    let inside = -1;
    protocol.onBind = (binding) => {
      inside = binding.oidRequest(allocateRequest());
    };
    const { binding } = adapter.bind(protocol);
    expect(inside).toBe(SUCCESS);
    binding!.close();
    expect(binding!.oidRequest(allocateRequest())).toBe(0xc0010012);
    expect(host.ndis.refusals.last?.rule).toBe('LIFE-08');
  });

  test('a protocol that refuses the binding leaves none', () => {
    const host = createHost();
    const adapter = host.add().adapter!;
    const protocol = new TestProtocol('switch');
    protocol.bindStatus = NDIS_STATUS_FAILURE;
    expect(adapter.bind(protocol)).toEqual({ status: NDIS_STATUS_FAILURE, binding: null });
    expect(adapter.inspect().bindings).toEqual([]);
  });

  test('registered protocols are bound once', () => {
    const host = createHost();
    const adapter = host.add().adapter!;
    host.ndis.registerProtocolDriver(new TestProtocol('one'));
    host.ndis.registerProtocolDriver(new TestProtocol('two'));
    expect(host.ndis.registerProtocolDriver(new TestProtocol('one'))).not.toBe(SUCCESS);
    host.ndis.bindProtocols(adapter);
    host.ndis.bindProtocols(adapter);
    expect(adapter.inspect().bindings.map(({ protocol }) => protocol)).toEqual(['one', 'two']);
  });
});

describe('reset and removal', () => {
  test('LIFE-12 LIFE-13 IND-06: records survive; a reset within a reset, and requests, are refused', () => {
    const { adapter, binding, miniport, protocol } = createBench({ resettable: true });
    const id = allocate(binding);
    setFilter(binding, id);
    let inner = -1;
    let request = -1;
    miniport.onReset = () => {
      inner = adapter.reset();
      request = binding.oidRequest(allocateRequest());
    };
    expect(adapter.reset()).toBe(SUCCESS);
    expect([inner, request]).toEqual([NDIS_STATUS_RESET_IN_PROGRESS, NDIS_STATUS_RESET_IN_PROGRESS]);
    expect(protocol.indications.map(({ statusCode }) => statusCode)).toEqual([
      NDIS_STATUS_RESET_START,
      NDIS_STATUS_RESET_END,
    ]);
    expect(stateOf(adapter, id)).toBe('Set');
  });

  test('LIFE-14: a free aborted by a reset is issued again afterwards, without a second DmaStopped', () => {
    const { adapter, binding, miniport, protocol, violations } = createBench({ resettable: true });
    const id = allocate(binding);
    const queue = miniport.queues.get(id)!;
    queue.outstanding = 1;
    const request = freeRequest(id);
    expect(binding.oidRequest(request)).toBe(NDIS_STATUS_PENDING);
    miniport.onReset = () => {
      miniport.adapter.oidRequestComplete(request, NDIS_STATUS_REQUEST_ABORTED);
      expect(adapter.inspect().pendingOids).toMatchObject([{ state: 'held for the reset' }]);
      expect(stateOf(adapter, id)).toBe('Freeing');
      queue.outstanding = 0;
      miniport.dmaStops = 0;
    };
    adapter.reset();
    expect(miniport.seen.filter((seen) => seen === request).length).toBe(2);
    expect(protocol.completions).toEqual([{ request, status: SUCCESS }]);
    expect(stateOf(adapter, id)).toBe('Undefined');
    expect(violations()).toEqual([]);
  });

  test('LIFE-17: notice, pause, unbind, halt; after the notice clears and frees still succeed for the protocol', () => {
    const { adapter, binding, miniport, protocol, violations } = createBench();
    const id = allocate(binding);
    const filter = setFilter(binding, id);
    adapter.restart();
    protocol.unbindAdapter = () => {
      expect(clearFilter(binding, id, filter)).toBe(SUCCESS);
      expect(free(binding, id)).toBe(SUCCESS);
      expect(binding.oidRequest(allocateRequest())).toBe(0x10003);
    };
    expect(adapter.surpriseRemove()).toBe(SUCCESS);
    expect(miniport.events.slice(-3)).toEqual(['surprise removal', 'pause', 'halt 3']);
    expect(violations()).toEqual([]);
  });
});
