import {
  NDIS_STATUS_HARD_ERRORS,
  NDIS_STATUS_MULTICAST_FULL,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_SOFT_ERRORS,
  NDIS_STATUS_SUCCESS,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
} from '@vmq/abi';
import { type Binding, setRequest } from '@vmq/ddi';
import { describe, expect, test } from 'vitest';
import { allocate, createBench, freeRequest, TestProtocol } from '../bench.test-support.ts';

const SUCCESS = NDIS_STATUS_SUCCESS;
const DIRECTED = 1;
const MULTICAST = 2;
const BROADCAST = 8;
const A = [1, 0, 0x5e, 0, 0, 1];
const B = [1, 0, 0x5e, 0, 0, 2];
const packetFilter = (types: number) =>
  setRequest(OID_GEN_CURRENT_PACKET_FILTER, Uint8Array.of(types, 0, 0, 0));
const multicastList = (...addresses: number[][]) =>
  setRequest(OID_802_3_MULTICAST_LIST, Uint8Array.from(addresses.flat()));

/** An adapter whose device forgets packet filter and multicast list, with two bindings that have asked for some. */
function createForgetful() {
  const bench = createBench({ resettable: true });
  const { adapter, binding, miniport } = bench;
  const second = adapter.bind(new TestProtocol('second')).binding as Binding;
  expect(binding.oidRequest(packetFilter(DIRECTED | BROADCAST))).toBe(SUCCESS);
  expect(second.oidRequest(packetFilter(DIRECTED | MULTICAST))).toBe(SUCCESS);
  expect(second.oidRequest(multicastList(A, B))).toBe(SUCCESS);
  miniport.resetResult = { status: SUCCESS, addressingReset: true };
  const forget = (): void => {
    miniport.packetFilter = 0;
    miniport.multicastList = new Uint8Array(0);
    miniport.seen.length = 0;
  };
  miniport.onReset = forget;
  const oidsSeen = (): number[] => miniport.seen.map(({ oid }) => oid);
  return { ...bench, second, forget, oidsSeen };
}

describe('LIFE-12: AddressingReset of MiniportResetEx', () => {
  test('TRUE: NDIS sets what all bindings together had asked for, filter first', () => {
    const { adapter, miniport, oidsSeen, violations } = createForgetful();
    expect(adapter.reset()).toBe(SUCCESS);
    expect(oidsSeen()).toEqual([OID_GEN_CURRENT_PACKET_FILTER, OID_802_3_MULTICAST_LIST]);
    expect(miniport.packetFilter).toBe(DIRECTED | MULTICAST | BROADCAST);
    expect([...miniport.multicastList]).toEqual([...A, ...B]);
    expect(violations()).toEqual([]);
  });

  test('FALSE, or a device that does not come back: NDIS sets nothing', () => {
    const { adapter, miniport, oidsSeen } = createForgetful();
    miniport.resetResult = { status: SUCCESS, addressingReset: false };
    expect(adapter.reset()).toBe(SUCCESS);
    miniport.resetResult = { status: NDIS_STATUS_HARD_ERRORS, addressingReset: true };
    expect(adapter.reset()).toBe(NDIS_STATUS_HARD_ERRORS);
    expect(oidsSeen()).toEqual([]);
  });

  test('SOFT_ERRORS: the device works on, and gets them, too', () => {
    const { adapter, miniport, violations } = createForgetful();
    miniport.resetResult = { status: NDIS_STATUS_SOFT_ERRORS, addressingReset: true };
    expect(adapter.reset()).toBe(NDIS_STATUS_SOFT_ERRORS);
    expect(miniport.packetFilter).toBe(DIRECTED | MULTICAST | BROADCAST);
    expect([...miniport.multicastList]).toEqual([...A, ...B]);
    expect(violations()).toEqual([]);
  });

  test('by NdisMResetComplete, too', () => {
    const { adapter, miniport } = createForgetful();
    const { onReset } = miniport;
    miniport.resetResult = { status: NDIS_STATUS_PENDING, addressingReset: false };
    miniport.onReset = () => {
      onReset();
      miniport.adapter.queueWorkItem(() => miniport.adapter.resetComplete(SUCCESS, true));
    };
    expect(adapter.reset()).toBe(SUCCESS);
    expect(miniport.packetFilter).toBe(DIRECTED | MULTICAST | BROADCAST);
  });

  test('LIFE-14: before the free that the reset aborted and before requests that waited', () => {
    const { adapter, binding, second, miniport, forget, oidsSeen } = createForgetful();
    const id = allocate(binding);
    const queue = miniport.queues.get(id)!;
    queue.outstanding = 1;
    const request = freeRequest(id);
    expect(binding.oidRequest(request)).toBe(NDIS_STATUS_PENDING);
    expect(second.oidRequest(packetFilter(DIRECTED))).toBe(NDIS_STATUS_PENDING);
    miniport.onReset = () => {
      miniport.adapter.oidRequestComplete(request, NDIS_STATUS_REQUEST_ABORTED);
      queue.outstanding = 0;
      miniport.dmaStops = 0;
      forget();
    };
    expect(adapter.reset()).toBe(SUCCESS);
    expect(oidsSeen()).toEqual([
      OID_GEN_CURRENT_PACKET_FILTER,
      OID_802_3_MULTICAST_LIST,
      OID_RECEIVE_FILTER_FREE_QUEUE,
      OID_GEN_CURRENT_PACKET_FILTER,
    ]);
    // The one that waited has the last word, and changes the share of its own binding alone.
    expect(miniport.packetFilter).toBe(DIRECTED | BROADCAST);
    expect(adapter.inspect().pendingOids).toEqual([]);
  });

  test('a second reset, while the first is still being made good, begins it again', () => {
    const { adapter, miniport, forget, violations } = createForgetful();
    miniport.pendNext = true;
    expect(adapter.reset()).toBe(SUCCESS);
    expect(adapter.inspect().pendingOids.map(({ state }) => state)).toEqual(['at the miniport', 'queued']);
    miniport.onReset = () => {
      miniport.completePended(NDIS_STATUS_REQUEST_ABORTED);
      forget();
    };
    expect(adapter.reset()).toBe(SUCCESS);
    expect(miniport.packetFilter).toBe(DIRECTED | MULTICAST | BROADCAST);
    expect([...miniport.multicastList]).toEqual([...A, ...B]);
    expect(adapter.inspect().pendingOids).toEqual([]);
    expect(violations()).toEqual([]);
  });

  test('a miniport that refuses now what it had accepted is written down', () => {
    const { adapter, miniport, violations } = createForgetful();
    const { onReset } = miniport;
    miniport.onReset = () => {
      onReset();
      miniport.failNext = NDIS_STATUS_MULTICAST_FULL;
    };
    expect(adapter.reset()).toBe(SUCCESS);
    expect(violations()).toEqual(['LIFE-12']);
  });
});
