/** QUE-38: what a miniport forgets or does too early about a queue has a name. */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NDIS_RECEIVE_FLAGS_SINGLE_QUEUE as SINGLE_QUEUE,
} from '@vmq/abi';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  clearFilter,
  complete,
  completeRequest,
  filterRequest,
  free,
  setFilter,
  stateOf,
  untaggedMac,
} from '../bench.test-support.ts';
import { setUp } from './data-path-bench.test-support.ts';

const SUCCESS = NDIS_STATUS_SUCCESS;

function running() {
  const bench = setUp();
  bench.adapter.restart();
  const told = (): string[] => {
    bench.ndis.poll();
    const { entries } = bench.ndis.refusals;
    return entries.filter(({ kind }) => kind === 'violation').map(({ rule, found }) => `${rule} ${found}`);
  };
  return { ...bench, told };
}

describe('frames on a queue that is not Running', () => {
  test('QUE-38 RX-01: each state but Running is written down, with queue and count; the frames go up all the same', () => {
    const { binding, run, told, log } = running();
    const id = allocate(binding);
    const indicate = (count = 1): void =>
      run('miniport', 1, { op: 'indicate', count, queues: Array(count).fill(id), flags: SINGLE_QUEUE });
    const expected: string[] = [];
    const expectTold = (count: number, state: string): void => {
      expected.push(`QUE-38 ${count} on processor 1, the last on queue ${id}, which is ${state}`);
      expect(told()).toEqual(expected);
    };
    indicate();
    expectTold(1, 'Allocated');
    const filter = setFilter(binding, id);
    indicate(3);
    expectTold(3, 'Set');
    complete(binding, [id]);
    indicate(2);
    expect(told()).toEqual(expected);
    clearFilter(binding, id, filter);
    indicate(2);
    expectTold(2, 'Paused');
    setFilter(binding, id);
    indicate();
    expect(told()).toEqual(expected);
    clearFilter(binding, id, 1);
    free(binding, id);
    indicate();
    expectTold(1, 'Undefined');
    expect(log.length).toBe(6);
  });

  test('QUE-38: of a mixed chain those are counted that are misplaced; the default queue always runs (STA-15)', () => {
    const { binding, run, told } = running();
    const [one, two] = [allocate(binding), allocate(binding)];
    setFilter(binding, one);
    complete(binding, [one]);
    run('miniport', 0, { op: 'indicate', count: 5, queues: [0, one, two, 0xffff, one] });
    run('miniport', 1, { op: 'indicate', count: 2, queues: [two, 0] });
    expect(told()).toEqual([
      'QUE-38 2 on processor 0, the last on queue 65535, which is Undefined',
      `QUE-38 1 on processor 1, the last on queue ${two}, which is Allocated`,
    ]);
  });

  test('FLT-25 QUE-38: a miniport may indicate while it handles what has the queue run', () => {
    const { binding, run, told, miniport, adapter } = running();
    const id = allocate(binding);
    const indicate = (): void =>
      run('miniport', 0, { op: 'indicate', count: 1, queues: [id], flags: SINGLE_QUEUE });
    const pended = (start: () => number, status?: number): void => {
      miniport.pendNext = true;
      expect(start()).not.toBe(SUCCESS);
      indicate();
      miniport.completePended(status);
      indicate();
    };
    setFilter(binding, id);
    pended(() => binding.oidRequest(completeRequest([id])));
    expect([stateOf(adapter, id), told()]).toEqual(['Running', []]);
    clearFilter(binding, id, 1);
    pended(() => binding.oidRequest(filterRequest(id, [untaggedMac(1)])));
    expect([stateOf(adapter, id), told()]).toEqual(['Running', []]);
    // Unless it fails what it handles.
    clearFilter(binding, id, 1);
    pended(() => binding.oidRequest(filterRequest(id, [untaggedMac(1)])), NDIS_STATUS_FAILURE);
    expect([stateOf(adapter, id), told().length]).toEqual(['Paused', 1]);
  });

  test('QUE-38 QUE-20: a queue whose completion failed does not run', () => {
    const { binding, run, told, miniport } = running();
    const id = allocate(binding);
    setFilter(binding, id);
    const indicate = (): void => run('miniport', 0, { op: 'indicate', count: 1, queues: [id] });
    miniport.bytesPerQueue = 1 << 30;
    expect(complete(binding, [id]).elements).toEqual([NDIS_STATUS_RESOURCES]);
    indicate();
    expect(told().length).toBe(1);
    miniport.failNext = NDIS_STATUS_FAILURE;
    complete(binding, [id]);
    indicate();
    expect(told().length).toBe(2);
  });
});

describe('elements without a status', () => {
  test('QUE-38 QUE-17: the queue stays as it was, its caller gets FAILURE, and the miniport is named', () => {
    const { binding, miniport, adapter, ndis } = running();
    const ids = [allocate(binding), allocate(binding)];
    for (const id of ids) setFilter(binding, id);
    miniport.forgets = new Set([ids[1]]);
    expect(complete(binding, ids)).toEqual({ status: SUCCESS, elements: [SUCCESS, NDIS_STATUS_FAILURE] });
    expect(ids.map((id) => stateOf(adapter, id))).toEqual(['Running', 'Set']);
    expect(ndis.refusals.entries).toMatchObject([
      { kind: 'violation', rule: 'QUE-38', found: 'none set', ids: { queueId: ids[1] } },
    ]);
    miniport.forgets.clear();
    expect(complete(binding, [ids[1]]).elements).toEqual([SUCCESS]);
  });

  test('QUE-38: a status of failure that a miniport did set is none', () => {
    const { binding, miniport, ndis } = running();
    const id = allocate(binding);
    miniport.bytesPerQueue = 1 << 30;
    expect(complete(binding, [id]).elements).toEqual([NDIS_STATUS_RESOURCES]);
    expect(ndis.refusals.entries.filter(({ rule }) => rule === 'QUE-38')).toEqual([]);
  });
});
