import {
  NDIS_RECEIVE_FILTER_FIELD_PARAMETERS,
  NDIS_RECEIVE_FILTER_INFO_ARRAY,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_FILTER_TEST,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_FILE_NOT_FOUND,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_ENUM_FILTERS,
  OID_RECEIVE_FILTER_MOVE_FILTER,
  OID_RECEIVE_FILTER_PARAMETERS,
  OID_RECEIVE_FILTER_SET_FILTER,
} from '@vmq/abi';
import { methodRequest, outputOf, setRequest } from '@vmq/ddi';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  capabilities,
  clearFilter,
  clearRequest,
  complete,
  createBench,
  filterIdOf,
  filterRequest,
  macTest,
  setFilter,
  stateOf,
  TestProtocol,
  untaggedMac,
  vlanTest,
} from '../bench.test-support.ts';

const INVALID = NDIS_STATUS_INVALID_PARAMETER;
const SUCCESS = NDIS_STATUS_SUCCESS;

describe('set', () => {
  test.each([
    [20, 36],
    [30, 44],
  ] as const)('INIT-12: the answer of 6.%i needs room for a head of %i bytes, no more', (minor, head) => {
    const { binding } = createBench({ minor });
    const { informationBuffer } = filterRequest(allocate(binding), [untaggedMac(1)]);
    const short = methodRequest(OID_RECEIVE_FILTER_SET_FILTER, informationBuffer.slice(), head - 1);
    expect(binding.oidRequest(short)).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(short.bytesNeeded).toBe(head);
    const enough = methodRequest(OID_RECEIVE_FILTER_SET_FILTER, informationBuffer.slice(), head);
    expect(binding.oidRequest(enough)).toBe(SUCCESS);
    expect(filterIdOf(enough)).toBe(1);
  });

  test('FLT-35: a 6.20 adapter answers with the structure it knows, whichever it was set with', () => {
    const { binding } = createBench({ minor: 20 });
    const id = allocate(binding);
    const set = filterRequest(id, [untaggedMac(1)]);
    expect(set.informationBuffer[1]).toBe(2);
    expect(binding.oidRequest(set)).toBe(SUCCESS);
    const input = NDIS_RECEIVE_FILTER_PARAMETERS.encode({ FilterId: filterIdOf(set), elements: [] });
    const query = methodRequest(OID_RECEIVE_FILTER_PARAMETERS, input, 500);
    expect(binding.oidRequest(query)).toBe(SUCCESS);
    const [type, revision, size] = outputOf(query);
    expect([type, revision, size]).toEqual([0x80, 1, NDIS_RECEIVE_FILTER_PARAMETERS.sizeOf(1)]);
  });

  test('FLT-01 FLT-03: NDIS assigns ids from 1 up, unique over all queues, before the miniport sees them', () => {
    const { binding, miniport } = createBench();
    const one = allocate(binding);
    const two = allocate(binding);
    expect([setFilter(binding, one, 1), setFilter(binding, two, 2), setFilter(binding, 0, 3)]).toEqual([
      1, 2, 3,
    ]);
    const ids = miniport.seen
      .filter(({ oid }) => oid === OID_RECEIVE_FILTER_SET_FILTER)
      .map((request) => filterIdOf(request));
    expect(ids).toEqual([1, 2, 3]);
    clearFilter(binding, two, 2);
    expect(setFilter(binding, one, 4)).toBe(2);
  });

  test('FLT-08: a header that no version has', () => {
    const { binding, lastRule } = createBench();
    const request = filterRequest(allocate(binding), [untaggedMac(1)]);
    const view = new DataView(request.informationBuffer.buffer);
    const first = request.informationBuffer.length - NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.strideOf();
    expect(view.getUint32(first + 8, true)).toBe(1);
    view.setUint32(first + 8, 99, true);
    expect(binding.oidRequest(request)).toBe(INVALID);
    expect(lastRule()).toBe('FLT-08');
  });

  test('FLT-01: a structure of a later revision is read as the newest there is', () => {
    const { binding } = createBench();
    const request = filterRequest(allocate(binding), [untaggedMac(1)]);
    request.informationBuffer[1] = 3;
    expect(binding.oidRequest(request)).toBe(SUCCESS);
    expect(filterIdOf(request)).toBe(1);
  });

  test('FLT-03: a miniport that changes the id is written down and overruled', () => {
    const { binding, miniport, adapter, violations } = createBench();
    const id = allocate(binding);
    miniport.handle = (_adapter, request) => {
      const set = NDIS_RECEIVE_FILTER_PARAMETERS.decode(request.informationBuffer);
      if (!set.ok) throw new Error('NDIS let an unreadable request through');
      const { elements, QueueId, FilterType } = set.value;
      NDIS_RECEIVE_FILTER_PARAMETERS.encode(
        { FilterType, QueueId, FilterId: 9, elements },
        { into: request.informationBuffer },
      );
      return SUCCESS;
    };
    expect(setFilter(binding, id)).toBe(1);
    expect(violations()).toEqual(['FLT-03']);
    expect(adapter.inspect().filters.map(({ filterId }) => filterId)).toEqual([1]);
  });

  test('FLT-19: from 6.30 on MAC alone, MAC and VLAN, or MAC untagged are all accepted', () => {
    const { binding, adapter } = createBench();
    const id = allocate(binding);
    for (const elements of [
      [macTest(1)],
      [macTest(2), vlanTest(100)],
      [vlanTest(4094), macTest(3)],
      [untaggedMac(4)],
    ])
      expect(binding.oidRequest(filterRequest(id, elements))).toBe(SUCCESS);
    expect(adapter.inspect().filters).toMatchObject([
      { filterId: 1, mac: '00-15-5D-00-00-01', vlanId: null, untaggedOrZero: false },
      { filterId: 2, vlanId: 100, untaggedOrZero: false },
      { filterId: 3, mac: '00-15-5D-00-00-03', vlanId: 4094 },
      { filterId: 4, vlanId: null, untaggedOrZero: true },
    ]);
  });

  const group = { ...macTest(1), FieldValue: { FieldByteArrayValue: Uint8Array.of(1, 0, 0x5e, 0, 0, 1) } };
  const sourceMac = { ...macTest(1), HeaderField: { MacHeaderField: 2 } };
  const masked = {
    ...macTest(1),
    ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestMaskEqual,
  };
  const arp = { ...vlanTest(1), FrameHeader: 2, HeaderField: { ArpHeaderField: 1 } };
  const bad: [string, Parameters<typeof filterRequest>][] = [
    ['FLT-02', [1, [untaggedMac(1)], { FilterType: 2 }]],
    ['FLT-02', [1, [untaggedMac(1)], { FilterType: 0 }]],
    ['FLT-04', [1, [untaggedMac(1)], { FilterId: 1 }]],
    ['FLT-05', [1, [untaggedMac(1)], { RequestedFilterIdBitCount: 4 }]],
    ['FLT-07', [1, []]],
    ['FLT-07', [1, [vlanTest(5)]]],
    ['FLT-07', [1, [macTest(1), macTest(2)]]],
    ['FLT-07', [1, [macTest(1), vlanTest(1), vlanTest(2)]]],
    ['FLT-08', [1, [macTest(1), sourceMac]]],
    ['FLT-08', [1, [masked]]],
    ['FLT-08', [1, [macTest(1), arp]]],
    ['FLT-17', [1, [untaggedMac(1), vlanTest(5)]]],
    ['FLT-21', [1, [macTest(1), vlanTest(0)]]],
    ['FLT-21', [1, [macTest(1), vlanTest(4095)]]],
    ['FLT-21', [1, [group]]],
    ['FLT-23', [3, [untaggedMac(1)]]],
    ['FLT-38', [1, [untaggedMac(1)], { Flags: 2 }]],
  ];
  test.each(bad)(
    '%s QUE-03 STA-14: INVALID_PARAMETER, the miniport never asked, no filter left',
    (rule, args) => {
      const { binding, adapter, miniport, ndis } = createBench();
      allocate(binding);
      const seen = miniport.seen.length;
      expect(binding.oidRequest(filterRequest(...args))).toBe(INVALID);
      expect(ndis.refusals.last).toMatchObject({ rule, status: INVALID, oid: OID_RECEIVE_FILTER_SET_FILTER });
      expect(miniport.seen.length).toBe(seen);
      expect(adapter.inspect().filters).toEqual([]);
      expect(stateOf(adapter, 1)).toBe('Allocated');
    },
  );

  test('FLT-06: an array past the buffer is INVALID_LENGTH; inside the header or undersized INVALID_PARAMETER', () => {
    const { binding, lastRule } = createBench();
    const id = allocate(binding);
    const whole = filterRequest(id, [untaggedMac(1)]).informationBuffer;
    const short = methodRequest(OID_RECEIVE_FILTER_SET_FILTER, whole.subarray(0, whole.length - 1));
    expect(binding.oidRequest(short)).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(short.bytesNeeded).toBe(whole.length);
    for (const [at, value] of [
      [20, 43],
      [28, 55],
    ] as const) {
      const damaged = whole.slice();
      damaged[at] = value;
      expect(binding.oidRequest(methodRequest(OID_RECEIVE_FILTER_SET_FILTER, damaged))).toBe(INVALID);
      expect(lastRule()).toBe('FLT-06');
    }
    expect(binding.oidRequest(methodRequest(OID_RECEIVE_FILTER_SET_FILTER, whole))).toBe(SUCCESS);
  });

  test('FLT-18: below 6.30 neither VLAN test nor flag is refused', () => {
    const { binding, lastRule } = createBench({ minor: 20 });
    expect(binding.oidRequest(filterRequest(0, [macTest(1)]))).toBe(INVALID);
    expect(lastRule()).toBe('FLT-18');
    expect(binding.oidRequest(filterRequest(0, [untaggedMac(1)]))).toBe(SUCCESS);
  });

  test('FLT-22: only the allocator sets filters on a queue, anybody on queue 0', () => {
    const { binding, adapter, lastRule } = createBench();
    const id = allocate(binding);
    const { binding: stranger } = adapter.bind(new TestProtocol('other'));
    expect(stranger!.oidRequest(filterRequest(id, [untaggedMac(1)]))).toBe(INVALID);
    expect(lastRule()).toBe('FLT-22');
    expect(stranger!.oidRequest(filterRequest(0, [untaggedMac(1)]))).toBe(SUCCESS);
    expect(binding.oidRequest(filterRequest(0, [untaggedMac(2)]))).toBe(SUCCESS);
  });

  test('FLT-24: beyond MaxMacHeaderFilters FAILURE, no filter left behind', () => {
    const { binding, adapter, lastRule } = createBench();
    for (let i = 0; i < 8; i++) setFilter(binding, 0, i);
    expect(binding.oidRequest(filterRequest(0, [untaggedMac(9)]))).toBe(NDIS_STATUS_FAILURE);
    expect(lastRule()).toBe('FLT-24');
    expect(adapter.inspect().filters.length).toBe(8);
  });

  test('FLT-08: a VLAN test needs the VLAN field in the current set', () => {
    const current = capabilities(30, { SupportedMacHeaderFields: 1 });
    const { binding, lastRule } = createBench({ current });
    expect(binding.oidRequest(filterRequest(0, [macTest(1), vlanTest(5)]))).toBe(INVALID);
    expect(lastRule()).toBe('FLT-08');
  });

  test('FLT-26: filters may be set before and after allocation complete', () => {
    const { binding, adapter } = createBench();
    const id = allocate(binding);
    setFilter(binding, id, 1);
    expect(stateOf(adapter, id)).toBe('Set');
    complete(binding, [id]);
    setFilter(binding, id, 2);
    expect(stateOf(adapter, id)).toBe('Running');
  });

  test('OFF-08: a coalescing filter needs the capability and queue 0, and may be modified by id', () => {
    const current = capabilities(30, {
      SupportedQueueProperties: 0x11b,
      MaxFieldTestsPerPacketCoalescingFilter: 5,
      MaxPacketCoalescingFilters: 10,
    });
    const { binding, adapter, lastRule } = createBench({ current });
    const id = allocate(binding);
    const coalescing = { FilterType: 2 };
    expect(binding.oidRequest(filterRequest(id, [untaggedMac(1)], coalescing))).toBe(INVALID);
    expect(lastRule()).toBe('FLT-02');
    expect(binding.oidRequest(filterRequest(0, [macTest(1)], coalescing))).toBe(SUCCESS);
    expect(binding.oidRequest(filterRequest(0, [macTest(2)], { ...coalescing, FilterId: 1 }))).toBe(SUCCESS);
    expect(adapter.inspect().filters).toMatchObject([{ filterId: 1, mac: '00-15-5D-00-00-02' }]);
    expect(binding.oidRequest(filterRequest(0, [macTest(2)], { ...coalescing, FilterId: 5 }))).toBe(INVALID);
    expect(lastRule()).toBe('OFF-08');
  });
});

describe('clear', () => {
  test('FLT-28 FLT-29: id 0, unknown, another queue’s or another’s filter gets FILE_NOT_FOUND', () => {
    const { binding, adapter, miniport, lastRule } = createBench();
    const id = allocate(binding);
    const filter = setFilter(binding, id);
    const { binding: stranger } = adapter.bind(new TestProtocol('other'));
    const seen = miniport.seen.length;
    for (const [queueId, filterId] of [
      [id, 0],
      [id, 9],
      [0, filter],
      [3, filter],
    ] as const) {
      expect(clearFilter(binding, queueId, filterId)).toBe(NDIS_STATUS_FILE_NOT_FOUND);
      expect(lastRule()).toBe('FLT-28');
    }
    expect(clearFilter(stranger!, id, filter)).toBe(NDIS_STATUS_FILE_NOT_FOUND);
    expect(lastRule()).toBe('FLT-29');
    expect(miniport.seen.length).toBe(seen);
    expect(clearFilter(binding, id, filter)).toBe(SUCCESS);
    expect(clearFilter(binding, id, filter)).toBe(NDIS_STATUS_FILE_NOT_FOUND);
  });

  test('FLT-32 FLT-33: one of several leaves the queue Running, the last pauses it, without an indication', () => {
    const { binding, adapter, protocol } = createBench();
    const id = allocate(binding);
    const [one, two] = [setFilter(binding, id, 1), setFilter(binding, id, 2)];
    complete(binding, [id]);
    clearFilter(binding, id, one);
    expect(stateOf(adapter, id)).toBe('Running');
    clearFilter(binding, id, two);
    expect(stateOf(adapter, id)).toBe('Paused');
    expect(protocol.indications).toEqual([]);
  });

  test('STA-15: filters do not move the default queue', () => {
    const { binding, adapter } = createBench();
    const id = setFilter(binding, 0, 1);
    expect(stateOf(adapter, 0)).toBe('Running');
    clearFilter(binding, 0, id);
    expect(stateOf(adapter, 0)).toBe('Running');
  });

  test('INIT-12: a short buffer gets INVALID_LENGTH', () => {
    const { binding } = createBench();
    const request = clearRequest(1, 1);
    const short = setRequest(request.oid, request.informationBuffer.subarray(0, 15));
    expect(binding.oidRequest(short)).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(short.bytesNeeded).toBe(16);
  });
});

describe('enumerate and read back', () => {
  const list = (queueId: number) =>
    methodRequest(
      OID_RECEIVE_FILTER_ENUM_FILTERS,
      NDIS_RECEIVE_FILTER_INFO_ARRAY.encode({ QueueId: queueId }),
      1000,
    );

  test('FLT-34: type and id of the named queue’s filters, from NDIS’s cache; unknown queue FAILURE', () => {
    const { binding, miniport, lastRule } = createBench();
    const id = allocate(binding);
    setFilter(binding, id, 1);
    setFilter(binding, 0, 2);
    setFilter(binding, id, 3);
    const seen = miniport.seen.length;
    const read = (queueId: number) => {
      const request = list(queueId);
      expect(binding.oidRequest(request)).toBe(SUCCESS);
      const decoded = NDIS_RECEIVE_FILTER_INFO_ARRAY.decode(outputOf(request));
      return decoded.ok
        ? decoded.value.elements.map(({ FilterType, FilterId }) => [FilterType, FilterId])
        : null;
    };
    expect(read(id)).toEqual([
      [1, 1],
      [1, 3],
    ]);
    expect(read(0)).toEqual([[1, 2]]);
    expect(binding.oidRequest(list(3))).toBe(NDIS_STATUS_FAILURE);
    expect(lastRule()).toBe('FLT-34');
    expect(miniport.seen.length).toBe(seen);
  });

  test('FLT-35: a filter is read back as set; id 0 or unknown gets INVALID_PARAMETER', () => {
    const { binding } = createBench();
    const id = allocate(binding);
    const filter = filterRequest(id, [macTest(5), vlanTest(77)]);
    binding.oidRequest(filter);
    const query = (FilterId: number) =>
      methodRequest(OID_RECEIVE_FILTER_PARAMETERS, NDIS_RECEIVE_FILTER_PARAMETERS.encode({ FilterId }), 500);
    const request = query(1);
    expect(binding.oidRequest(request)).toBe(SUCCESS);
    expect(outputOf(request)).toEqual(filter.informationBuffer);
    expect(binding.oidRequest(query(0))).toBe(INVALID);
    expect(binding.oidRequest(query(2))).toBe(INVALID);
    const short = methodRequest(
      OID_RECEIVE_FILTER_PARAMETERS,
      query(1).informationBuffer.subarray(0, 44),
      44,
    );
    expect(binding.oidRequest(short)).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(short.bytesNeeded).toBe(outputOf(request).length);
  });

  test('VPT-24: a move, without a NIC switch, gets NOT_SUPPORTED', () => {
    const { binding, lastRule } = createBench();
    const request = setRequest(OID_RECEIVE_FILTER_MOVE_FILTER, new Uint8Array(24));
    expect(binding.oidRequest(request)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(lastRule()).toBe('VPT-24');
  });
});
