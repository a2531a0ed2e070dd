import {
  NDIS_SHARED_MEMORY_USAGE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESET_IN_PROGRESS,
  NDIS_STATUS_RESET_START,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  allocateRequest,
  clearFilter,
  complete,
  createBench,
  createHost,
  free,
  freeRequest,
  setFilter,
  stateOf,
  TestProtocol,
} from '../bench.test-support.ts';

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

  test('INIT-08: nothing is indicated after halt; what comes before the registration attributes is written down', () => {
    const bench = createBench();
    bench.adapter.halt();
    bench.miniport.indicateDmaStopped(0);
    expect(bench.violations()).toEqual(['INIT-08']);
    const early = createHost({
      initialize(adapter, miniport) {
        adapter.indicateStatusEx(0x4001_0001, new Uint8Array(0));
        for (const attributes of miniport.attributes()) adapter.setMiniportAttributes(attributes);
        return SUCCESS;
      },
    });
    expect(early.add().adapter?.inspect().advice).toMatchObject([
      { rule: 'INIT-08', page: 'NdisMIndicateStatusEx' },
    ]);
  });

  test('keywords are read from the adapter’s record', () => {
    const { miniport } = createBench({ keywords: { '*VMQ': 1, name: 'x' } });
    expect(miniport.adapter.readConfiguration('*VMQ')).toBe(1);
    expect(miniport.adapter.readConfiguration('toString')).toBeUndefined();
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
