/** Several protocols with data paths on one adapter: who gets which frame, whose NBL it is, and who is told of a send. */
import {
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_PACKET_FILTER,
} from '@vmq/abi';
import { type Binding, filteringInfo, setRequest } from '@vmq/ddi';
import { expect, test } from 'vitest';
import {
  allocate,
  clearFilter,
  complete,
  filterRequest,
  free,
  macTest,
  setFilter,
  TestProtocol,
  vlanTest,
} from '../bench.test-support.ts';
import { setUp } from './data-path-bench.test-support.ts';

const STATION = [2, 0, 0, 0, 0, 1];
const BROADCAST = [255, 255, 255, 255, 255, 255];
const GROUP = [1, 0, 0x5e, 0, 0, 1];
const OTHER_GROUP = [1, 0, 0x5e, 0, 0, 2];
const STRANGER = [2, 9, 9, 9, 9, 9];
const filtered = (last: number): number[] => [0, 0x15, 0x5d, 0, 0, last];
const DIRECTED = 1;
const MULTICAST = 2;
const ALL_MULTICAST = 4;
const BROADCASTS = 8;
const PROMISCUOUS = 0x20;

function accepts(binding: Binding, types: number): void {
  const request = setRequest(OID_GEN_CURRENT_PACKET_FILTER, Uint8Array.of(types, 0, 0, 0));
  expect(binding.oidRequestAndWait(request)).toBe(NDIS_STATUS_SUCCESS);
}

/** Two protocols, the first called `protocol`, the second `other`, both running. */
function twoProtocols() {
  const bench = setUp();
  const other = bench.bindOther('other');
  bench.adapter.restart();
  bench.manners.isRude = true;
  return { ...bench, other };
}

test('RX-22: each binding gets what its packet filter takes, the last one to want it the NBL', () => {
  const { binding, other, run, seen, adapter, dropped, pools } = twoProtocols();
  accepts(binding, DIRECTED | BROADCASTS);
  accepts(other, ALL_MULTICAST | BROADCASTS);
  run('miniport', 0, { op: 'indicate', count: 5, to: [STATION, BROADCAST, GROUP, STRANGER, BROADCAST] });
  expect(seen).toEqual(['protocol: 0', 'protocol: 1 loaned', 'protocol: 4 loaned', 'other: 1 2', 'other: 4']);
  // The stranger's frame was asked for by nobody: the miniport has it back, and it is counted once.
  expect([dropped('not-wanted'), dropped()]).toEqual([1, 0]);
  expect([pools[0]?.available, adapter.inspect().outstanding.receives]).toEqual([60, 4]);
});

test('RX-22: multicast lists and PROMISCUOUS are each binding’s own', () => {
  const { binding, other, run, seen } = twoProtocols();
  accepts(binding, MULTICAST);
  accepts(other, MULTICAST);
  const list = (of: Binding, address: number[]): void =>
    void of.oidRequestAndWait(setRequest(OID_802_3_MULTICAST_LIST, Uint8Array.from(address)));
  list(binding, GROUP);
  list(other, OTHER_GROUP);
  run('miniport', 0, { op: 'indicate', count: 2, to: [GROUP, OTHER_GROUP] });
  expect(seen.splice(0)).toEqual(['protocol: 0', 'other: 1']);
  accepts(other, PROMISCUOUS);
  run('miniport', 0, { op: 'indicate', count: 3, to: [GROUP, STRANGER, BROADCAST] });
  expect(seen).toEqual(['protocol: 0 loaned', 'other: 0 1 2']);
});

test('RX-22: a filter on queue 0 is whose it is, with its VLAN; two may set the same', () => {
  const { binding, other, run, seen, dropped } = twoProtocols();
  accepts(binding, DIRECTED);
  setFilter(binding, 0, 7);
  setFilter(other, 0, 7);
  const five = filterRequest(0, [macTest(8), vlanTest(5)]);
  expect(other.oidRequestAndWait(five)).toBe(NDIS_STATUS_SUCCESS);
  const tag = 5 << 4;
  run('miniport', 0, {
    op: 'indicate',
    count: 4,
    to: [filtered(7), filtered(8), filtered(8), filtered(7)],
    tags: [0, tag, 0, tag],
  });
  expect(seen.splice(0)).toEqual(['protocol: 0 loaned', 'other: 0 1']);
  expect(dropped('not-wanted')).toBe(2);
  expect(clearFilter(other, 0, 2)).toBe(NDIS_STATUS_SUCCESS);
  run('miniport', 0, { op: 'indicate', count: 1, to: [filtered(7)] });
  expect(seen).toEqual(['protocol: 0']);
});

test('RX-22: frames on a VM queue are its owner’s, whatever others ask for', () => {
  const { binding, other, run, seen } = twoProtocols();
  accepts(binding, PROMISCUOUS);
  const queueId = allocate(other);
  const filterId = setFilter(other, queueId, 7);
  complete(other, [queueId]);
  run('miniport', 0, { op: 'indicate', count: 2, queues: [queueId, 0], to: [filtered(7), filtered(7)] });
  expect(seen.splice(0)).toEqual(['protocol: 1', 'other: 0']);
  clearFilter(other, queueId, filterId);
  free(other, queueId);
  run('miniport', 0, { op: 'indicate', count: 1, to: [filtered(7)] });
  expect(seen).toEqual(['protocol: 0']);
  expect(filteringInfo(queueId, 0)).toBeGreaterThan(0);
});

test('RX-14: of a chain that the miniport loans nobody gets an NBL', () => {
  const { binding, other, run, seen, adapter, pools } = twoProtocols();
  accepts(binding, BROADCASTS);
  accepts(other, BROADCASTS);
  const flags = NDIS_RECEIVE_FLAGS_RESOURCES;
  run('miniport', 0, { op: 'indicate', count: 2, flags, to: [BROADCAST, STRANGER] });
  expect(seen).toEqual(['protocol: 0 loaned', 'other: 0 loaned']);
  expect([pools[0]?.available, adapter.inspect().outstanding.receives]).toEqual([64, 0]);
});

test('RX-22: a binding alone gets everything that it asked for, though others are bound', () => {
  const { binding, run, seen, dropped } = twoProtocols();
  accepts(binding, DIRECTED);
  run('miniport', 0, { op: 'indicate', count: 3, to: [STATION, STRANGER, BROADCAST] });
  expect(seen).toEqual(['protocol: 0 1 2']);
  expect(dropped('not-wanted')).toBe(0);
});

test('RX-22: what only one without data paths asked for ends at NDIS, counted', () => {
  const bench = setUp();
  const { adapter, binding, run, seen, dropped } = bench;
  accepts(binding, DIRECTED);
  const { binding: deaf } = adapter.bind(new TestProtocol('deaf'));
  accepts(deaf as Binding, PROMISCUOUS);
  adapter.restart();
  run('miniport', 0, { op: 'indicate', count: 3, to: [STATION, STRANGER, STATION] });
  expect(seen).toEqual(['protocol: 0', 'protocol: 2']);
  expect(dropped('not-wanted')).toBe(1);
});

test('RX-22 LIFE-08: a binding that closes leaves all to the other; its share goes with it', () => {
  const { binding, other, run, seen, adapter } = twoProtocols();
  accepts(binding, DIRECTED);
  accepts(other, PROMISCUOUS);
  binding.close();
  run('miniport', 0, { op: 'indicate', count: 2, to: [STATION, STRANGER] });
  expect(seen).toEqual(['other: 0 1']);
  expect(adapter.inspect().bindings.map(({ protocol }) => protocol)).toEqual(['other']);
});

test('RX-21: while the adapter is paused nobody gets anything, and each frame is counted', () => {
  const { binding, other, run, seen, adapter, dropped } = twoProtocols();
  accepts(binding, DIRECTED);
  accepts(other, DIRECTED);
  adapter.pause();
  run('miniport', 0, { op: 'indicate', count: 2, to: [STATION, STATION] });
  expect([seen, dropped()]).toEqual([[], 2]);
});

test('TX-05: each protocol is told of its own sends', () => {
  const { binding, other, order, completedBy } = twoProtocols();
  order(other, 0, { op: 'send', count: 2 });
  order(binding, 1, { op: 'send', count: 1 });
  order(other, 1, { op: 'send', count: 1 });
  expect(completedBy).toEqual(['other', 'other', 'protocol', 'other']);
});

test('SEC-06: a header that a VM can write is not looked at: all who ask on queue 0 get the frame', () => {
  const { binding, other, run, seen, machine } = twoProtocols();
  const outside = machine.memory.addSegment('vm', 4096);
  accepts(binding, DIRECTED);
  accepts(other, BROADCASTS);
  run('miniport', 0, {
    op: 'indicate',
    count: 2,
    to: [STATION, STATION],
    segments: [outside, machine.memory.host],
  });
  expect(seen).toEqual(['protocol: 0 loaned', 'protocol: 1', 'other: 0']);
});
