import {
  NDIS_RECEIVE_QUEUE_INFO_ARRAY,
  NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_ENUM_QUEUES,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
} from '@vmq/abi';
import { methodRequest, outputOf, queryRequest, queryStatisticsRequest, setRequest } from '@vmq/ddi';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  allocateRequest,
  capabilities,
  clearFilter,
  complete,
  completeRequest,
  createBench,
  free,
  freeRequest,
  queueParameters,
  setFilter,
  stateOf,
  TestProtocol,
} from '../bench.test-support.ts';

const decodeParameters = (bytes: Uint8Array) => {
  const decoded = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(bytes);
  if (!decoded.ok) throw new Error('undecodable');
  return decoded.value;
};
const INVALID = NDIS_STATUS_INVALID_PARAMETER;

describe('allocate', () => {
  test('QUE-01 QUE-06 QUE-08: NDIS assigns the id before the miniport sees it, the miniport’s MSI-X entry comes back', () => {
    const { binding, miniport, adapter } = createBench();
    const request = allocateRequest({ QueueId: 77 });
    expect(binding.oidRequest(request)).toBe(NDIS_STATUS_SUCCESS);
    expect([...miniport.queues.keys()]).toEqual([1]);
    expect(decodeParameters(outputOf(request))).toMatchObject({
      QueueId: 1,
      MSIXTableEntry: 2,
      VmName: 'web',
    });
    expect(adapter.inspect().queues[1]).toMatchObject({ queueId: 1, msixTableEntry: 2, state: 'Allocated' });
  });

  test('QUE-07 QUE-10 QUE-33: ids are 1..NumQueues, exhaustion is FAILURE, a freed id comes back', () => {
    const { binding, lastRule } = createBench();
    expect([0, 0, 0, 0].map(() => allocate(binding))).toEqual([1, 2, 3, 4]);
    expect(binding.oidRequest(allocateRequest())).toBe(NDIS_STATUS_FAILURE);
    expect(lastRule()).toBe('QUE-10');
    expect(free(binding, 3)).toBe(NDIS_STATUS_SUCCESS);
    expect(allocate(binding)).toBe(3);
  });

  const refusals: [string, Parameters<typeof queueParameters>[0], number][] = [
    ['QUE-02', { QueueType: 2 }, INVALID],
    ['QUE-04', { ProcessorAffinity: { Mask: 0n } }, INVALID],
    ['QUE-04', { ProcessorAffinity: { Mask: 0xf0n } }, INVALID],
    ['QUE-04', { ProcessorAffinity: { Mask: 1n, Group: 1 } }, INVALID],
    ['QUE-14', { LookaheadSize: 1 }, INVALID],
    ['QUE-14', { LookaheadSize: 63 }, INVALID],
    ['QUE-14', { LookaheadSize: 64 }, INVALID],
    ['QUE-14', { LookaheadSize: 0xffff_ffff }, INVALID],
    ['QUE-14', { LookaheadSize: 64, Flags: 2 }, INVALID],
  ];
  test.each(refusals)(
    '%s QUE-03 QUE-09: refused by NDIS, the miniport never asked, no id consumed',
    (rule, change, status) => {
      const { binding, miniport, ndis } = createBench();
      expect(binding.oidRequest(allocateRequest(change))).toBe(status);
      expect(ndis.refusals.last).toMatchObject({
        kind: 'refusal',
        rule,
        status,
        oid: OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
      });
      expect(miniport.seen).toEqual([]);
      expect(allocate(binding)).toBe(1);
    },
  );

  test('QUE-09 STA-14: a failure of the miniport consumes no id and caches nothing', () => {
    const { binding, miniport, adapter } = createBench();
    miniport.failNext = NDIS_STATUS_FAILURE;
    expect(binding.oidRequest(allocateRequest())).toBe(NDIS_STATUS_FAILURE);
    expect(adapter.inspect().queues.map(({ queueId }) => queueId)).toEqual([0]);
    expect(allocate(binding)).toBe(1);
  });

  test('QUE-05 QUE-14: other flags are ignored, the split flag too from 6.30 on', () => {
    const { binding, adapter } = createBench();
    allocate(binding, { Flags: 0xff07 });
    expect(adapter.inspect().queues[1]?.flags).toBe(3);
  });

  test('QUE-11: any number of suggested buffers is legal', () => {
    const { binding } = createBench();
    expect(allocate(binding, { NumSuggestedReceiveBuffers: 0 })).toBe(1);
  });

  test('QUE-12 QUE-13: a 6.20 split needs the flag, the capability and a size within the maximum', () => {
    const split = { SupportedQueueProperties: 7, MinLookaheadSplitSize: 64, MaxLookaheadSplitSize: 128 };
    const caps = capabilities(20, split);
    const can = createBench({ minor: 20, hardware: caps, current: caps });
    const ask = (bench: typeof can, change: object): number =>
      bench.binding.oidRequest(allocateRequest(change, 1));
    expect(ask(can, { LookaheadSize: 64 })).toBe(INVALID);
    expect(can.lastRule()).toBe('QUE-12');
    expect(ask(can, { LookaheadSize: 129, Flags: 2 })).toBe(INVALID);
    expect(can.lastRule()).toBe('QUE-13');
    expect(ask(can, { LookaheadSize: 32, Flags: 2 })).toBe(NDIS_STATUS_SUCCESS);
    const cannot = createBench({ minor: 20 });
    expect(ask(cannot, { LookaheadSize: 64, Flags: 2 })).toBe(INVALID);
    expect(cannot.lastRule()).toBe('QUE-13');
  });

  test('QUE-15: PortId is stored and returned; a QosSqId gets NOT_SUPPORTED', () => {
    const { binding, adapter, lastRule } = createBench();
    allocate(binding, { PortId: 9 });
    expect(adapter.inspect().queues[1]?.portId).toBe(9);
    const later = new Uint8Array(1096);
    later.set(queueParameters());
    later.set([3, 1096 & 0xff, 1096 >> 8], 1);
    later[1092] = 5;
    const request = methodRequest(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, later);
    expect(binding.oidRequest(request)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(lastRule()).toBe('QUE-15');
  });

  test('QUE-15: what lies behind a structure that ends before QosSqId is not its QosSqId', () => {
    const { binding } = createBench();
    for (const size of [1092, 1095]) {
      const later = new Uint8Array(1100).fill(0xff, 1092);
      later.set(queueParameters());
      later.set([3, size & 0xff, size >> 8], 1);
      const request = methodRequest(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, later);
      expect(binding.oidRequest(request)).toBe(NDIS_STATUS_SUCCESS);
    }
  });

  test('QUE-15: a 6.20 miniport knows no QosSqId: what follows its structure is ignored', () => {
    const { binding } = createBench({ minor: 20 });
    const later = new Uint8Array(1096);
    later.set(queueParameters());
    later.set([3, 1096 & 0xff, 1096 >> 8], 1);
    later[1092] = 5;
    expect(binding.oidRequest(methodRequest(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, later))).toBe(
      NDIS_STATUS_SUCCESS,
    );
  });

  test('INIT-12: a short buffer gets INVALID_LENGTH; repeating with BytesNeeded passes the check', () => {
    const { binding, miniport } = createBench();
    const whole = queueParameters();
    for (const length of [0, 3, 1083, 1091]) {
      const request = methodRequest(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, whole.subarray(0, length));
      expect(binding.oidRequest(request)).toBe(NDIS_STATUS_INVALID_LENGTH);
      expect(request.bytesNeeded).toBe(1092);
    }
    const noRoom = methodRequest(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, whole, 100);
    expect(binding.oidRequest(noRoom)).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(noRoom.bytesNeeded).toBe(1092);
    expect(miniport.seen).toEqual([]);
    const again = methodRequest(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, whole, noRoom.bytesNeeded);
    expect(binding.oidRequest(again)).toBe(NDIS_STATUS_SUCCESS);
  });

  test('QUE-06: a miniport that changes the id is written down and overruled', () => {
    const { binding, miniport, violations } = createBench();
    const handle = miniport.handle.bind(miniport);
    miniport.handle = (adapter, request) => {
      const status = handle(adapter, request);
      request.informationBuffer[12] = 9;
      return status;
    };
    const request = allocateRequest();
    binding.oidRequest(request);
    expect(decodeParameters(outputOf(request)).QueueId).toBe(1);
    expect(violations()).toEqual(['QUE-06']);
  });
});

describe('allocation complete', () => {
  test('QUE-16 QUE-17 QUE-18 QUE-19: every element has its own status, the request SUCCESS', () => {
    const { binding, miniport, adapter, ndis } = createBench();
    const other = new TestProtocol('other');
    const { binding: stranger } = adapter.bind(other);
    const mine = [allocate(binding), allocate(binding)];
    const foreign = allocate(stranger!);
    const answer = complete(binding, [mine[0]!, 99, foreign, 0, mine[1]!, mine[0]!]);
    expect(answer).toEqual({
      status: NDIS_STATUS_SUCCESS,
      elements: [0, INVALID, INVALID, INVALID, 0, INVALID],
    });
    expect(miniport.seen.at(-1)?.informationBuffer.length).toBe(20 + 2 * 16);
    expect([1, 2, 3].map((id) => stateOf(adapter, id))).toEqual(['Paused', 'Paused', 'Allocated']);
    expect(ndis.refusals.entries.filter(({ rule }) => rule === 'QUE-19').map(({ found }) => found)).toEqual([
      'an unknown queue',
      'a queue of binding 2',
      'the default queue',
      'a queue named before',
    ]);
    expect(complete(binding, [mine[0]!]).elements).toEqual([INVALID]);
  });

  test('QUE-18: no elements is SUCCESS; a broken array touches no queue', () => {
    const { binding, miniport, adapter, lastRule } = createBench();
    expect(complete(binding, []).status).toBe(NDIS_STATUS_SUCCESS);
    const id = allocate(binding);
    const seen = miniport.seen.length;
    const whole = completeRequest([id]).informationBuffer;
    const short = methodRequest(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, whole.subarray(0, 30));
    expect(binding.oidRequest(short)).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(short.bytesNeeded).toBe(36);
    const inside = whole.slice();
    inside[8] = 10;
    expect(binding.oidRequest(methodRequest(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, inside))).toBe(
      INVALID,
    );
    const narrow = whole.slice();
    narrow[16] = 8;
    expect(binding.oidRequest(methodRequest(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, narrow))).toBe(
      INVALID,
    );
    expect(lastRule()).toBe('QUE-18');
    expect(miniport.seen.length).toBe(seen);
    expect(stateOf(adapter, id)).toBe('Allocated');
  });

  test('QUE-20: an element short of resources stays as it was and can be completed later', () => {
    const { binding, miniport, adapter } = createBench();
    const plain = allocate(binding);
    const filtered = allocate(binding);
    setFilter(binding, filtered);
    miniport.bytesPerQueue = 1 << 30;
    expect(complete(binding, [plain, filtered])).toEqual({
      status: NDIS_STATUS_SUCCESS,
      elements: [NDIS_STATUS_RESOURCES, NDIS_STATUS_RESOURCES],
    });
    expect([stateOf(adapter, plain), stateOf(adapter, filtered)]).toEqual(['Allocated', 'Set']);
    miniport.bytesPerQueue = 4096;
    expect(complete(binding, [plain, filtered]).elements).toEqual([0, 0]);
    expect([stateOf(adapter, plain), stateOf(adapter, filtered)]).toEqual(['Paused', 'Running']);
  });

  test('QUE-17: an element that the miniport leaves PENDING has failed, and the rule is written down', () => {
    const { binding, miniport, adapter, violations } = createBench();
    const id = allocate(binding);
    miniport.handle = (_adapter, request) => {
      new DataView(request.informationBuffer.buffer).setUint32(
        request.inputBufferLength - 4,
        NDIS_STATUS_PENDING,
        true,
      );
      return NDIS_STATUS_SUCCESS;
    };
    expect(complete(binding, [id]).elements).toEqual([NDIS_STATUS_FAILURE]);
    expect(violations()).toEqual(['QUE-17']);
    expect(stateOf(adapter, id)).toBe('Allocated');
  });

  test('STA-14: a failed request completes nothing', () => {
    const { binding, miniport, adapter } = createBench();
    const id = allocate(binding);
    miniport.failNext = NDIS_STATUS_FAILURE;
    expect(complete(binding, [id]).status).toBe(NDIS_STATUS_FAILURE);
    expect(stateOf(adapter, id)).toBe('Allocated');
  });
});

describe('parameters', () => {
  const set = (value: Parameters<typeof queueParameters>[0]) =>
    setRequest(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, queueParameters(value));
  const query = (queueId: number) =>
    methodRequest(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, queueParameters({ QueueId: queueId }));

  test('QUE-22 QUE-24 QUE-25: only flagged members change, and the method answers from the cache', () => {
    const { binding, miniport } = createBench();
    const id = allocate(binding);
    const wanted = {
      QueueId: id,
      ProcessorAffinity: { Mask: 4n },
      NumSuggestedReceiveBuffers: 500,
      QueueName: 'new',
      VmName: 'other',
      PortId: 8,
    };
    expect(binding.oidRequest(set({ ...wanted, Flags: 0x20000 }))).toBe(NDIS_STATUS_SUCCESS);
    const seen = miniport.seen.length;
    const answer = query(id);
    expect(binding.oidRequest(answer)).toBe(NDIS_STATUS_SUCCESS);
    expect(miniport.seen.length).toBe(seen);
    expect(decodeParameters(outputOf(answer))).toMatchObject({
      ProcessorAffinity: { Mask: 4n },
      NumSuggestedReceiveBuffers: 64,
      QueueName: 'web-eth0',
      VmName: 'web',
      MSIXTableEntry: 2,
      PortId: 0,
    });
    expect(binding.oidRequest(set({ ...wanted, Flags: 0xd0001 }))).toBe(NDIS_STATUS_SUCCESS);
    binding.oidRequest(answer);
    expect(decodeParameters(outputOf(answer))).toMatchObject({
      NumSuggestedReceiveBuffers: 500,
      QueueName: 'new',
      VmName: 'web',
      Flags: 1,
      PortId: 0,
    });
  });

  test.each([
    [20, 1],
    [30, 2],
  ] as const)('QUE-22: 6.%i answers with revision %i', (minor, revision) => {
    const { binding } = createBench({ minor });
    const answer = query(allocate(binding));
    expect(binding.oidRequest(answer)).toBe(NDIS_STATUS_SUCCESS);
    expect(answer.bytesWritten).toBe(NDIS_RECEIVE_QUEUE_PARAMETERS.sizeOf(revision));
    expect(outputOf(answer)[1]).toBe(revision);
  });

  test('QUE-24 STA-14: without a CHANGED flag nothing happens; a failed set changes nothing', () => {
    const { binding, miniport, adapter } = createBench();
    const id = allocate(binding);
    const seen = miniport.seen.length;
    const idle = set({ QueueId: id, QueueName: 'new' });
    expect(binding.oidRequest(idle)).toBe(NDIS_STATUS_SUCCESS);
    expect(idle.supportedRevision, 'INIT-14').toBe(2);
    expect(miniport.seen.length).toBe(seen);
    miniport.failNext = NDIS_STATUS_FAILURE;
    expect(binding.oidRequest(set({ QueueId: id, QueueName: 'new', Flags: 0x80000 }))).toBe(
      NDIS_STATUS_FAILURE,
    );
    expect(adapter.inspect().queues[1]?.queueName).toBe('web-eth0');
  });

  test('QUE-23 QUE-26 QUE-04: foreign, unknown, unsupported, no processor', () => {
    const { binding, adapter, lastRule, miniport } = createBench();
    const id = allocate(binding);
    const { binding: stranger } = adapter.bind(new TestProtocol('other'));
    const seen = miniport.seen.length;
    expect(stranger!.oidRequest(set({ QueueId: id, Flags: 0x80000 }))).toBe(INVALID);
    expect(lastRule()).toBe('QUE-23');
    expect(binding.oidRequest(set({ QueueId: 9, Flags: 0x80000 }))).toBe(INVALID);
    expect(binding.oidRequest(set({ QueueId: id, Flags: 0x10002 }))).toBe(INVALID);
    expect(lastRule()).toBe('QUE-26');
    expect(binding.oidRequest(set({ QueueId: id, Flags: 0x20000, ProcessorAffinity: { Mask: 0n } }))).toBe(
      INVALID,
    );
    expect(lastRule()).toBe('QUE-04');
    expect(miniport.seen.length).toBe(seen);
    expect(binding.oidRequest(query(9))).toBe(INVALID);
    expect(lastRule()).toBe('QUE-22');
  });
});

describe('free', () => {
  test('QUE-28 QUE-29: id 0, unknown, foreign, or with filters is refused and changes nothing', () => {
    const { binding, adapter, miniport, lastRule } = createBench();
    const id = allocate(binding);
    const { binding: stranger } = adapter.bind(new TestProtocol('other'));
    const filter = setFilter(binding, id);
    const seen = miniport.seen.length;
    expect(free(binding, 0)).toBe(INVALID);
    expect(free(binding, 9)).toBe(INVALID);
    expect(free(stranger!, id)).toBe(INVALID);
    expect(lastRule()).toBe('QUE-28');
    expect(free(binding, id)).toBe(INVALID);
    expect(lastRule()).toBe('QUE-29');
    expect(stateOf(adapter, id)).toBe('Set');
    expect(miniport.seen.length).toBe(seen);
    clearFilter(binding, id, filter);
    expect(free(binding, id)).toBe(NDIS_STATUS_SUCCESS);
    expect(stateOf(adapter, id)).toBe('Undefined');
  });

  test('QUE-31 IND-01: one DmaStopped indication reaches the protocols before the completion', () => {
    const { binding, protocol, violations } = createBench();
    const id = allocate(binding);
    free(binding, id);
    expect(protocol.indications.map(({ statusCode }) => statusCode)).toEqual([
      NDIS_STATUS_RECEIVE_QUEUE_STATE,
    ]);
    const decoded = NDIS_RECEIVE_QUEUE_STATE.decode(protocol.indications[0]!.statusBuffer);
    expect(decoded.ok && decoded.value).toMatchObject({ QueueId: id, QueueState: 3 });
    expect(violations()).toEqual([]);
  });

  test('QUE-31: a missing and a second DmaStopped are written down, the second goes no further', () => {
    const bench = createBench();
    bench.miniport.dmaStops = 0;
    expect(free(bench.binding, allocate(bench.binding))).toBe(NDIS_STATUS_SUCCESS);
    expect(bench.violations()).toEqual(['QUE-31']);
    bench.miniport.dmaStops = 2;
    free(bench.binding, allocate(bench.binding));
    expect(bench.violations()).toEqual(['QUE-31', 'QUE-31']);
    expect(bench.protocol.indications.length).toBe(1);
  });

  test('STA-17 QUE-31: no other state, and none outside a free, is taken from a miniport', () => {
    const { binding, miniport, protocol, violations } = createBench();
    const id = allocate(binding);
    miniport.indicateDmaStopped(id);
    const paused = NDIS_RECEIVE_QUEUE_STATE.encode({
      QueueId: id,
      QueueState: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.NdisReceiveQueueOperationalStatePaused,
    });
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_QUEUE_STATE, paused);
    expect(violations()).toEqual(['QUE-31', 'STA-17']);
    expect(protocol.indications).toEqual([]);
  });

  test('QUE-32 QUE-33 QUE-30: with NBLs out the free pends, its memory and id stay taken', () => {
    const { binding, miniport, adapter, protocol, memory, ndis } = createBench();
    const id = allocate(binding);
    complete(binding, [id]);
    miniport.queues.get(id)!.outstanding = 2;
    const request = freeRequest(id);
    expect(binding.oidRequest(request)).toBe(NDIS_STATUS_PENDING);
    ndis.poll();
    expect(stateOf(adapter, id)).toBe('Freeing');
    expect(memory.blocks().length).toBe(1);
    expect(protocol.completions).toEqual([]);
    miniport.queues.get(id)!.outstanding = 0;
    ndis.poll();
    expect(protocol.completions).toEqual([{ request, status: NDIS_STATUS_SUCCESS }]);
    expect(memory.blocks()).toEqual([]);
    expect(stateOf(adapter, id)).toBe('Undefined');
  });

  test('STA-14: a refused free leaves the queue as it was', () => {
    const { binding, miniport, adapter } = createBench();
    const id = allocate(binding);
    miniport.failNext = NDIS_STATUS_FAILURE;
    expect(free(binding, id)).toBe(NDIS_STATUS_FAILURE);
    expect(stateOf(adapter, id)).toBe('Allocated');
    expect(free(binding, id)).toBe(NDIS_STATUS_SUCCESS);
  });
});

describe('enumerate', () => {
  const enumerate = (bytes: Uint8Array) => {
    const decoded = NDIS_RECEIVE_QUEUE_INFO_ARRAY.decode(bytes);
    if (!decoded.ok) throw new Error('undecodable');
    return decoded.value.elements;
  };

  test('QUE-34 QUE-35 STA-16: a query lists the caller’s queues, a statistics query all of them', () => {
    const { binding, adapter, miniport } = createBench();
    const { binding: stranger } = adapter.bind(new TestProtocol('other'));
    const running = allocate(binding, { ProcessorAffinity: { Mask: 2n } });
    allocate(stranger!);
    setFilter(binding, running, 1);
    setFilter(binding, running, 2);
    complete(binding, [running]);
    const seen = miniport.seen.length;
    const mine = queryRequest(OID_RECEIVE_FILTER_ENUM_QUEUES, 8000);
    expect(binding.oidRequest(mine)).toBe(NDIS_STATUS_SUCCESS);
    const elements = enumerate(outputOf(mine));
    expect(elements.map(({ QueueId }) => QueueId)).toEqual([running]);
    expect(elements[0]).toMatchObject({
      QueueType: 1,
      QueueState: 1,
      NumFilters: 2,
      MSIXTableEntry: 2,
      NumSuggestedReceiveBuffers: 64,
      VmName: 'web',
      QueueName: 'web-eth0',
    });
    const all = queryStatisticsRequest(OID_RECEIVE_FILTER_ENUM_QUEUES, 8000);
    expect(adapter.userModeRequest(all)).toBe(NDIS_STATUS_SUCCESS);
    expect(enumerate(outputOf(all)).map(({ QueueId, QueueState }) => [QueueId, QueueState])).toEqual([
      [0, 1],
      [1, 1],
      [2, 2],
    ]);
    expect(miniport.seen.length).toBe(seen);
  });

  test('QUE-34 INIT-12: no queue is an empty array; a short buffer says what it takes', () => {
    const { binding } = createBench();
    const empty = queryRequest(OID_RECEIVE_FILTER_ENUM_QUEUES, 8000);
    expect(binding.oidRequest(empty)).toBe(NDIS_STATUS_SUCCESS);
    expect(enumerate(outputOf(empty))).toEqual([]);
    allocate(binding);
    const short = queryRequest(OID_RECEIVE_FILTER_ENUM_QUEUES, 20);
    expect(binding.oidRequest(short)).toBe(NDIS_STATUS_INVALID_LENGTH);
    const enough = queryRequest(OID_RECEIVE_FILTER_ENUM_QUEUES, short.bytesNeeded);
    expect(binding.oidRequest(enough)).toBe(NDIS_STATUS_SUCCESS);
  });
});

describe('without VMQ', () => {
  test('INIT-10: NDIS answers NOT_SUPPORTED itself', () => {
    const zeroed = capabilities(30, {
      EnabledFilterTypes: 0,
      EnabledQueueTypes: 0,
      NumQueues: 0,
      SupportedQueueProperties: 0,
      SupportedFilterTests: 0,
      SupportedHeaders: 0,
      SupportedMacHeaderFields: 0,
      MaxMacHeaderFilters: 0,
    });
    for (const options of [{ current: zeroed }, { hardware: null, current: null }]) {
      const { binding, miniport, lastRule } = createBench(options);
      expect(binding.oidRequest(allocateRequest())).toBe(NDIS_STATUS_NOT_SUPPORTED);
      expect(binding.oidRequest(completeRequest([1]))).toBe(NDIS_STATUS_NOT_SUPPORTED);
      expect(lastRule()).toBe('INIT-10');
      // There is none: what would be there could be freed all the same.
      expect(binding.oidRequest(freeRequest(1))).toBe(INVALID);
      expect(lastRule()).toBe('QUE-28');
      expect(miniport.seen).toEqual([]);
    }
  });

  test('INIT-13: a request of the wrong kind gets NOT_SUPPORTED', () => {
    const { binding, miniport, lastRule } = createBench();
    expect(binding.oidRequest(setRequest(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, queueParameters()))).toBe(
      NDIS_STATUS_NOT_SUPPORTED,
    );
    expect(binding.oidRequest(queryRequest(OID_RECEIVE_FILTER_FREE_QUEUE, 100))).toBe(
      NDIS_STATUS_NOT_SUPPORTED,
    );
    expect(binding.oidRequest(queryRequest(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, 2000))).toBe(
      NDIS_STATUS_NOT_SUPPORTED,
    );
    expect(lastRule()).toBe('INIT-13');
    expect(miniport.seen).toEqual([]);
  });
});
