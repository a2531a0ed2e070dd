import {
  NDIS_LINK_STATE,
  NDIS_NIC_SWITCH_CAPABILITIES,
  NDIS_RECEIVE_QUEUE_INFO_ARRAY,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_STATISTICS_FLAGS_VALID_BYTES_RCV,
  NDIS_STATISTICS_INFO,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES,
  NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
  NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveQueueParameters,
  OID_GEN_BYTES_RCV,
  OID_GEN_BYTES_XMIT,
  OID_GEN_LINK_SPEED,
  OID_GEN_LINK_STATE,
  OID_GEN_MEDIA_CONNECT_STATUS,
  OID_GEN_STATISTICS,
  OID_NIC_SWITCH_CURRENT_CAPABILITIES,
  OID_NIC_SWITCH_HARDWARE_CAPABILITIES,
  OID_RECEIVE_FILTER_ENUM_QUEUES,
  OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  type StructInput,
} from '@vmq/abi';
import { methodRequest, outputOf, queryRequest } from '@vmq/ddi';
import { describe, expect, test } from 'vitest';
import { allocate, capabilities, createBench, TestProtocol } from '../bench.test-support.ts';

test('IND-03: an indicated hardware set is what hardware queries answer; the current set stays', () => {
  const { miniport, binding, adapter, protocol } = createBench();
  const fewer = capabilities(30, { NumQueues: 2 });
  miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, fewer);
  expect(protocol.indications).toMatchObject([
    { statusCode: NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, statusBuffer: fewer },
  ]);
  const query = queryRequest(OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, 84);
  expect(binding.oidRequest(query)).toBe(NDIS_STATUS_SUCCESS);
  expect(outputOf(query)).toEqual(fewer);
  expect(adapter.inspect().currentCapabilities?.NumQueues).toBe(4);
});

test('IND-03 INIT-21: a set that breaks a rule, or a 6.20 miniport’s, is written down and taken; half a set is not', () => {
  const { miniport, adapter, protocol } = createBench();
  const odd = capabilities(30, { MaxMacHeaderFilters: 1 });
  const indicate = (bytes: Uint8Array): void =>
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, bytes);
  indicate(odd);
  indicate(odd.subarray(0, 40));
  expect(adapter.inspect().hardwareCapabilities?.MaxMacHeaderFilters).toBe(1);
  expect(protocol.indications.map(({ statusBuffer }) => statusBuffer)).toEqual([odd]);
  expect(adapter.inspect().advice.map(({ rule }) => rule)).toEqual(['CAP-10', 'CAP-04']);
  const old = createBench({ minor: 20 });
  const fewer = capabilities(20, { NumQueues: 2 });
  old.miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, fewer);
  expect(old.protocol.indications.length).toBe(1);
  expect(old.adapter.inspect()).toMatchObject({
    hardwareCapabilities: { NumQueues: 2 },
    advice: [{ rule: 'CAP-18', page: 'ndis-status-receive-filter-current-capabilities' }],
  });
});

test('INIT-22: the link state that was last indicated is what queries of the link answer', () => {
  const { miniport, binding, protocol, violations } = createBench();
  const state = NDIS_LINK_STATE.encode({
    MediaConnectState: 2,
    MediaDuplexState: 2,
    XmitLinkSpeed: 1_000_000_000n,
    RcvLinkSpeed: 1_000_000_000n,
  });
  const ask = (oid: number, room: number): Uint8Array => {
    const query = queryRequest(oid, room);
    expect(binding.oidRequest(query)).toBe(NDIS_STATUS_SUCCESS);
    return outputOf(query);
  };
  expect(ask(OID_GEN_MEDIA_CONNECT_STATUS, 4)[0]).toBe(0);
  miniport.adapter.indicateStatusEx(NDIS_STATUS_LINK_STATE, state);
  expect(protocol.indications).toMatchObject([{ statusCode: NDIS_STATUS_LINK_STATE }]);
  expect(ask(OID_GEN_LINK_STATE, 40)).toEqual(state);
  expect(ask(OID_GEN_MEDIA_CONNECT_STATUS, 4)[0]).toBe(1);
  expect(new DataView(ask(OID_GEN_LINK_SPEED, 4).buffer).getUint32(0, true)).toBe(10_000_000);
  miniport.adapter.indicateStatusEx(NDIS_STATUS_LINK_STATE, state.subarray(0, 20));
  expect(violations()).toEqual(['NDIS_STATUS_LINK_STATE']);
  expect(protocol.indications).toHaveLength(1);
});

test('INIT-22: a statistic by itself is read from the miniport’s OID_GEN_STATISTICS, or NOT_SUPPORTED', () => {
  const { miniport, binding } = createBench();
  const ask = (oid: number): [number, bigint] => {
    const query = queryRequest(oid, 8);
    const status = binding.oidRequest(query);
    return [status, new DataView(query.informationBuffer.buffer).getBigUint64(0, true)];
  };
  expect(ask(OID_GEN_BYTES_RCV)[0]).toBe(NDIS_STATUS_NOT_SUPPORTED);
  const handle = miniport.handle.bind(miniport);
  miniport.handle = (adapter, request) => {
    if (request.oid !== OID_GEN_STATISTICS) return handle(adapter, request);
    const info = { SupportedStatistics: NDIS_STATISTICS_FLAGS_VALID_BYTES_RCV, ifHCInOctets: 5_000_000_000n };
    request.bytesWritten = NDIS_STATISTICS_INFO.encode(info, { into: request.informationBuffer }).length;
    return NDIS_STATUS_SUCCESS;
  };
  expect(ask(OID_GEN_BYTES_RCV)).toEqual([NDIS_STATUS_SUCCESS, 5_000_000_000n]);
  expect(ask(OID_GEN_BYTES_XMIT)[0]).toBe(NDIS_STATUS_NOT_SUPPORTED);
});

describe('queue parameters', () => {
  const DOMAIN_CHANGED = 0x0010_0000;
  const parameters = (change: StructInput<NdisReceiveQueueParameters>, revision = 2): Uint8Array =>
    NDIS_RECEIVE_QUEUE_PARAMETERS.encode(
      { QueueId: 1, Flags: DOMAIN_CHANGED, InterruptCoalescingDomainId: 7, ...change },
      { revision },
    );

  test('IND-04: a new coalescing domain is kept, and nothing else of the buffer', () => {
    const { miniport, binding, protocol } = createBench();
    const id = allocate(binding);
    const buffer = parameters({ VmName: 'other', NumSuggestedReceiveBuffers: 5 });
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS, buffer);
    expect(protocol.indications.map(({ statusBuffer }) => statusBuffer)).toEqual([buffer]);
    const query = methodRequest(
      OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
      NDIS_RECEIVE_QUEUE_PARAMETERS.encode({ QueueId: id }),
    );
    expect(binding.oidRequest(query)).toBe(NDIS_STATUS_SUCCESS);
    const answer = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(outputOf(query));
    expect(answer.ok && answer.value).toMatchObject({
      InterruptCoalescingDomainId: 7,
      VmName: 'web',
      NumSuggestedReceiveBuffers: 64,
    });
    const list = queryRequest(OID_RECEIVE_FILTER_ENUM_QUEUES, 4000);
    binding.oidRequest(list);
    const queues = NDIS_RECEIVE_QUEUE_INFO_ARRAY.decode(outputOf(list));
    expect(queues.ok && queues.value.elements[0]?.InterruptCoalescingDomainId).toBe(7);
  });

  const bad: [string, Uint8Array][] = [
    ['IND-04 another member changed', parameters({ Flags: DOMAIN_CHANGED | 0x2_0000 })],
    ['IND-04 nothing changed', parameters({ Flags: 0 })],
    ['IND-04 revision 1', parameters({ InterruptCoalescingDomainId: 0 }, 1)],
    ['IND-04 unknown queue', parameters({ QueueId: 3 })],
    ['IND-04 half a structure', parameters({}).subarray(0, 40)],
  ];
  test.each(bad)('%s: written down, not passed on, not kept', (_, buffer) => {
    const { miniport, binding, protocol, violations } = createBench();
    allocate(binding);
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS, buffer);
    expect([violations(), protocol.indications]).toEqual([['IND-04'], []]);
  });
});

test('IND-04 INIT-21: a 6.20 miniport’s is written down and passed on', () => {
  const { miniport, binding, protocol, adapter } = createBench({ minor: 20 });
  const QueueId = allocate(binding);
  const buffer = NDIS_RECEIVE_QUEUE_PARAMETERS.encode({ QueueId, Flags: 0x0010_0000 }, { revision: 2 });
  miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS, buffer);
  expect([protocol.indications.length, adapter.inspect().advice.map(({ rule }) => rule)]).toEqual([
    1,
    ['IND-04'],
  ]);
});

describe('NIC switch', () => {
  const set = (MaxNumVPorts: number): Uint8Array =>
    NDIS_NIC_SWITCH_CAPABILITIES.encode({ MaxNumSwitches: 1, MaxNumVPorts }, { revision: 2 });

  test('IND-05: an indicated set is used for queries and later binds', () => {
    const { miniport, binding, adapter, protocol } = createBench();
    const ask = (oid: number) => {
      const query = queryRequest(oid, 116);
      const status = binding.oidRequest(query);
      return status === NDIS_STATUS_SUCCESS ? outputOf(query) : status;
    };
    expect(ask(OID_NIC_SWITCH_CURRENT_CAPABILITIES)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    miniport.adapter.indicateStatusEx(NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES, set(9));
    expect(ask(OID_NIC_SWITCH_HARDWARE_CAPABILITIES)).toBe(NDIS_STATUS_NOT_SUPPORTED); // VPT-24
    miniport.adapter.indicateStatusEx(NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, set(5));
    expect(ask(OID_NIC_SWITCH_HARDWARE_CAPABILITIES)).toEqual(set(9));
    expect(ask(OID_NIC_SWITCH_CURRENT_CAPABILITIES)).toEqual(set(5));
    expect(protocol.indications.map(({ statusBuffer }) => statusBuffer)).toEqual([set(9), set(5)]);
    const late = new TestProtocol('late');
    adapter.bind(late);
    expect(late.bound?.nicSwitchCapabilities).toEqual(set(5));
    const short = queryRequest(OID_NIC_SWITCH_CURRENT_CAPABILITIES, 20);
    expect([binding.oidRequest(short), short.bytesNeeded]).toEqual([NDIS_STATUS_INVALID_LENGTH, 116]);
  });

  test('IND-05 INIT-21: below 6.30 it is written down and kept; undecodable it goes no further', () => {
    const old = createBench({ minor: 20 });
    old.miniport.adapter.indicateStatusEx(NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, set(5));
    const { miniport, protocol, violations, adapter } = createBench();
    miniport.adapter.indicateStatusEx(NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES, set(5).subarray(0, 20));
    expect([old.violations(), violations()]).toEqual([['IND-05'], ['IND-05']]);
    expect([old.protocol.indications.length, protocol.indications.length]).toEqual([1, 0]);
    expect([old.adapter, adapter].map((one) => one.inspect().advice.length)).toEqual([1, 0]);
  });
});
