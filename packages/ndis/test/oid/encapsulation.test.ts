import {
  NDIS_OFFLOAD_PARAMETERS,
  NDIS_OFFLOAD_SET_OFF,
  NDIS_OFFLOAD_SET_ON,
  NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_PARAMETERS,
  OID_TCP_OFFLOAD_PARAMETERS,
} from '@vmq/abi';
import { methodRequest, outputOf, setRequest } from '@vmq/ddi';
import { expect, test } from 'vitest';
import {
  allocate,
  createBench,
  createHost,
  filterRequest,
  TestProtocol,
  untaggedMac,
} from '../bench.test-support.ts';

const SUCCESS = NDIS_STATUS_SUCCESS;
const INVALID = NDIS_STATUS_INVALID_PARAMETER;
const ON = NDIS_OFFLOAD_SET_ON;
const Flags = NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION;

const offload = (EncapsulatedPacketTaskOffload: number) =>
  setRequest(
    OID_TCP_OFFLOAD_PARAMETERS,
    NDIS_OFFLOAD_PARAMETERS.encode({ EncapsulatedPacketTaskOffload }, { revision: 3 }),
  );
const capable = { encapsulation: { hardware: true, current: false } };

test('FLT-38 OFF-06: PACKET_ENCAPSULATION is accepted exactly while NVGRE is enabled, and read back', () => {
  const { binding, ndis } = createBench(capable);
  const id = allocate(binding);
  const filter = () => filterRequest(id, [untaggedMac(1)], { Flags });
  expect(binding.oidRequest(filter())).toBe(INVALID);
  expect(ndis.refusals.last?.rule).toBe('FLT-38');
  expect(binding.oidRequest(offload(ON))).toBe(SUCCESS);
  const set = filter();
  expect(binding.oidRequest(set)).toBe(SUCCESS);
  const query = methodRequest(
    OID_RECEIVE_FILTER_PARAMETERS,
    NDIS_RECEIVE_FILTER_PARAMETERS.encode({ FilterId: 1 }),
    500,
  );
  binding.oidRequest(query);
  expect(outputOf(query)).toEqual(set.informationBuffer);
  expect(binding.oidRequest(offload(NDIS_OFFLOAD_SET_OFF))).toBe(SUCCESS);
  expect(binding.oidRequest(filter())).toBe(INVALID);
});

test('OFF-06: NVGRE needs the hardware, known values, and the miniport’s consent', () => {
  const without = createBench();
  expect(without.binding.oidRequest(offload(ON))).toBe(NDIS_STATUS_NOT_SUPPORTED);
  expect(without.miniport.seen).toEqual([]);
  const { binding, miniport } = createBench(capable);
  expect(binding.oidRequest(offload(3))).toBe(INVALID);
  expect(binding.oidRequest(setRequest(OID_TCP_OFFLOAD_PARAMETERS, new Uint8Array(3)))).toBe(
    NDIS_STATUS_INVALID_LENGTH,
  );
  expect(miniport.seen).toEqual([]);
  miniport.failNext = NDIS_STATUS_FAILURE;
  expect(binding.oidRequest(offload(ON))).toBe(NDIS_STATUS_FAILURE);
  const id = allocate(binding);
  expect(binding.oidRequest(filterRequest(id, [untaggedMac(1)], { Flags }))).toBe(INVALID);
});

test('OFF-06: it may be on from the start, but not without the hardware (INIT-21)', () => {
  const { binding } = createBench({ encapsulation: { hardware: true, current: true } });
  const id = allocate(binding);
  expect(binding.oidRequest(filterRequest(id, [untaggedMac(1)], { Flags }))).toBe(SUCCESS);
  const { add } = createHost({ encapsulation: { hardware: false, current: true } });
  const { adapter } = add();
  expect(adapter?.inspect().advice.map(({ rule }) => rule)).toEqual(['OFF-06']);
  const other = adapter!.bind(new TestProtocol('switch')).binding!;
  expect(other.oidRequest(filterRequest(allocate(other), [untaggedMac(1)], { Flags }))).toBe(INVALID);
});

test('FLT-38: VPortId and MaxCoalescingDelay are ignored in VMQ mode', () => {
  const { binding } = createBench();
  const id = allocate(binding);
  const change = { VPortId: 5, MaxCoalescingDelay: 100 };
  expect(binding.oidRequest(filterRequest(id, [untaggedMac(1)], change))).toBe(SUCCESS);
});
