/**
 * A driver with the five habits of Microsoft's sample that no page has NDIS refuse: NDIS writes each down, and the driver
 * runs VMQ from its initialization to its halt, on the modelled NIC.
 */
import {
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED,
  NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED,
  statusName,
} from '@vmq/abi';
import type { MiniportAdapter, MiniportAdapterAttributes, MiniportDriver } from '@vmq/ddi';
import { expect, it } from 'vitest';
import {
  allocate,
  clearFilter,
  complete,
  createBench,
  frame,
  free,
  move,
  setFilter,
  sharedMemoryOf,
} from '../bench.test-support.ts';

const SUCCESS = 'NDIS_STATUS_SUCCESS';

/** Capabilities of revision 1, with the split, without MSI-X. */
function oldCapabilities(bytes: Uint8Array | null): Uint8Array | null {
  const decoded = NDIS_RECEIVE_FILTER_CAPABILITIES.decode(bytes ?? new Uint8Array(0));
  if (!decoded.ok) return bytes;
  const { Header: _, SupportedQueueProperties: properties, ...rest } = decoded.value;
  const value = {
    ...Object.fromEntries(Object.entries(rest).filter(([name]) => !REVISION_2.includes(name))),
    SupportedQueueProperties:
      (properties & ~NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED) | NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED,
    MinLookaheadSplitSize: 64,
    MaxLookaheadSplitSize: 128,
  };
  return NDIS_RECEIVE_FILTER_CAPABILITIES.encode(value, { revision: 1 });
}

const REVISION_2 = NDIS_RECEIVE_FILTER_CAPABILITIES.layout.fields
  .filter(({ revision }) => revision === 2)
  .map(({ name }) => name);

function withHabit(attributes: MiniportAdapterAttributes): MiniportAdapterAttributes {
  if (attributes.type !== 'hardware-assist') return attributes;
  return {
    ...attributes,
    revision: 2,
    hardwareReceiveFilterCapabilities: oldCapabilities(attributes.hardwareReceiveFilterCapabilities),
    currentReceiveFilterCapabilities: oldCapabilities(attributes.currentReceiveFilterCapabilities),
  };
}

/** The adapter as such a driver uses it: other attributes, no scatter-gather registration. */
function withHabits(adapter: MiniportAdapter): MiniportAdapter {
  return new Proxy(adapter, {
    get(target, name) {
      if (name === 'setMiniportAttributes')
        return (attributes: MiniportAdapterAttributes) => target.setMiniportAttributes(withHabit(attributes));
      if (name === 'registerScatterGatherDma') return () => target.resources.dmaDomain;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

function sampleLike(own: MiniportDriver): MiniportDriver {
  const handles = new Map<MiniportAdapter, MiniportAdapter>();
  const handle = (adapter: MiniportAdapter): MiniportAdapter => {
    const found = handles.get(adapter) ?? withHabits(adapter);
    handles.set(adapter, found);
    return found;
  };
  return {
    ...own,
    initializeEx: (adapter) => own.initializeEx(handle(adapter)),
    haltEx: (adapter, action) => own.haltEx(handle(adapter), action),
    pause: (adapter) => own.pause(handle(adapter)),
    restart: (adapter) => own.restart(handle(adapter)),
    oidRequest: (adapter, request) => own.oidRequest(handle(adapter), request),
    resetEx: (adapter) => own.resetEx?.(handle(adapter)) ?? { status: 0, addressingReset: false },
    checkForHangEx: (adapter) => own.checkForHangEx?.(handle(adapter)) ?? false,
    devicePnpEventNotify: (adapter, event) => own.devicePnpEventNotify?.(handle(adapter), event),
    dataPathImage: (adapter) => own.dataPathImage(handle(adapter)),
  };
}

it('INIT-21 INIT-02 CAP-04 CAP-06 CAP-11 SHM-06 a driver with the five habits of the sample loads, runs VMQ and halts', () => {
  const bench = createBench({ driver: sampleLike, processors: 2 });
  const report = bench.adapter.inspect();
  expect(report).toMatchObject({ state: 'Running', vmqCurrent: true, ndisVersion: '6.30' });
  expect(report.currentCapabilities?.Header.Revision).toBe(1);

  const queueId = allocate(bench, [1]);
  const filterId = setFilter(bench, queueId, 1);
  expect(complete(bench, queueId)).toEqual([SUCCESS]);
  bench.receive(frame(1, { sequence: 1 }), frame(1, { sequence: 2 }), frame(2, { sequence: 3 }));
  const seen = bench.frames.filter((one) => one.queueId === queueId);
  expect(seen.map(({ sequence, processor }) => [sequence, processor])).toEqual([
    [1, 1],
    [2, 1],
  ]);
  expect(move(bench, queueId, 0)).toBe(SUCCESS);
  bench.receive(frame(1, { sequence: 4 }));
  expect(bench.frames.at(-1)).toMatchObject({ queueId, processor: 0, sequence: 4 });
  expect(clearFilter(bench, queueId, filterId)).toBe(SUCCESS);
  expect(free(bench, queueId)).toBe(SUCCESS);
  expect(sharedMemoryOf(bench, queueId)).toBe(0);
  expect(statusName(bench.adapter.pause())).toBe(SUCCESS);
  const { advice } = bench.adapter.inspect();
  expect(statusName(bench.adapter.halt())).toBe(SUCCESS);

  expect(bench.memory.blocks()).toEqual([]);
  expect(bench.domain.table(0)?.every((rights) => rights === 0)).toBe(true);
  expect(bench.machine.ledger.report()).toMatchObject({ inFlight: 0 });
  // Nothing was refused; each habit has its rule, the page that asks otherwise, and what was found.
  const told = advice.map(({ rule, page, found }) => `${rule} ${page}: ${found}`);
  const STRUCTURE = 'NDIS_RECEIVE_FILTER_CAPABILITIES';
  expect(told).toEqual([
    'INIT-02 NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES: revision 2',
    `CAP-04 ${STRUCTURE}: hardware set: revision 1, not 2`,
    `CAP-11 ${STRUCTURE}: hardware set: LOOKAHEAD_SPLIT_SUPPORTED`,
    `CAP-04 ${STRUCTURE}: current set: revision 1, not 2`,
    `CAP-06 ${STRUCTURE}: current set: SupportedQueueProperties 0x1e`,
    `CAP-11 ${STRUCTURE}: current set: LOOKAHEAD_SPLIT_SUPPORTED`,
    'SHM-06 NdisAllocateSharedMemory: none',
  ]);
  expect(bench.ndis.refusals.entries).toEqual(advice);
});
