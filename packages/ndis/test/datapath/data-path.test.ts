import {
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { describe, expect, test } from 'vitest';
import { setUp } from './data-path-bench.test-support.ts';

describe('receive', () => {
  test('RX-13: a chain goes up once, and its NBLs come back one by one', () => {
    const { adapter, run, pools, log, dropped } = setUp();
    adapter.restart();
    run('miniport', 1, { op: 'indicate', count: 5 });
    expect(log).toEqual(['protocol 1 gets 5']);
    expect(adapter.inspect().outstanding).toEqual({ receives: 5, sends: 0 });
    run('protocol', 1, { op: 'return', count: 3 });
    expect([pools[1]?.available, adapter.inspect().outstanding.receives]).toEqual([62, 2]);
    run('protocol', 1, { op: 'return', count: 2 });
    expect([pools[1]?.available, adapter.inspect().outstanding.receives]).toEqual([64, 0]);
    expect(dropped()).toBe(0);
  });

  test('with nobody running above, the chain goes back and each frame is counted once', () => {
    const { run, pools, log, dropped, adapter, binding } = setUp();
    run('miniport', 0, { op: 'indicate', count: 4 });
    expect([log, pools[0]?.available, dropped()]).toEqual([[], 64, 4]);
    adapter.restart();
    run('miniport', 0, { op: 'indicate', count: 2, flags: NDIS_RECEIVE_FLAGS_RESOURCES });
    expect([log, dropped()]).toEqual([['protocol 0 gets 2'], 4]);
    binding.close();
    run('miniport', 0, { op: 'indicate', count: 3, flags: NDIS_RECEIVE_FLAGS_RESOURCES });
    expect([pools[0]?.available, dropped()]).toEqual([64, 7]);
    expect(adapter.inspect().outstanding).toEqual({ receives: 0, sends: 0 });
  });

  test('RX-14: with RESOURCES nothing is outstanding after the call', () => {
    const { adapter, run, pools } = setUp();
    adapter.restart();
    run('miniport', 0, { op: 'indicate', count: 2, flags: NDIS_RECEIVE_FLAGS_RESOURCES });
    expect(adapter.inspect().outstanding.receives).toBe(0);
    expect(pools[0]?.available).toBe(64);
  });
});

describe('send', () => {
  test('TX-05: each NBL completes once with the miniport’s status', () => {
    const { adapter, run, completed } = setUp();
    adapter.restart();
    run('protocol', 0, { op: 'send', count: 3 });
    expect(completed).toEqual([NDIS_STATUS_SUCCESS, NDIS_STATUS_SUCCESS, NDIS_STATUS_SUCCESS]);
    expect(adapter.inspect().outstanding.sends).toBe(0);
  });

  test('TX-06: while not Running sends complete PAUSED, the miniport never sees them', () => {
    const { adapter, run, completed, log } = setUp();
    run('protocol', 1, { op: 'send', count: 2 });
    expect([completed, log]).toEqual([[NDIS_STATUS_PAUSED, NDIS_STATUS_PAUSED], []]);
    adapter.restart();
    adapter.pause();
    run('protocol', 1, { op: 'send', count: 1 });
    expect(completed.at(-1)).toBe(NDIS_STATUS_PAUSED);
  });
});

describe('pause', () => {
  test('LIFE-03: ends only when every indicated NBL is back', () => {
    const { adapter, run, ndis } = setUp();
    adapter.restart();
    run('miniport', 0, { op: 'indicate', count: 2 });
    run('miniport', 1, { op: 'indicate', count: 1 });
    expect(adapter.pause()).toBe(NDIS_STATUS_PENDING);
    expect(adapter.state).toBe('Pausing');
    run('protocol', 0, { op: 'return', count: 2 });
    ndis.poll();
    expect(adapter.state).toBe('Pausing');
    run('protocol', 1, { op: 'return', count: 1 });
    ndis.poll();
    expect(adapter.state).toBe('Paused');
    expect(adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
  });
});

describe('restart', () => {
  test('LIFE-05: from the call of MiniportRestart on chains may be indicated, sends go down when it has completed', () => {
    const { adapter, run, miniport, completed, log, pools, dropped, violations } = setUp();
    miniport.restartStatus = NDIS_STATUS_PENDING;
    expect(adapter.restart()).toBe(NDIS_STATUS_PENDING);
    expect(adapter.state).toBe('Restarting');
    // Nobody above runs yet: what is indicated now is counted and comes back, and that is no fault of the miniport's.
    run('miniport', 0, { op: 'indicate', count: 3 });
    expect([dropped(), pools[0]?.available, violations()]).toEqual([3, 64, []]);
    run('protocol', 0, { op: 'send', count: 2 });
    expect([completed, log]).toEqual([[NDIS_STATUS_PAUSED, NDIS_STATUS_PAUSED], []]);
    miniport.adapter.restartComplete(NDIS_STATUS_SUCCESS);
    expect(adapter.state).toBe('Running');
    run('miniport', 0, { op: 'indicate', count: 1 });
    run('protocol', 0, { op: 'send', count: 1 });
    expect(log).toEqual(['protocol 0 gets 1', 'miniport 0 sends 1']);
    expect([completed.at(-1), dropped()]).toEqual([NDIS_STATUS_SUCCESS, 3]);
  });

  test('LIFE-05: a restart that fails in the end leaves sends closed', () => {
    const { adapter, run, miniport, completed, log } = setUp();
    miniport.restartStatus = NDIS_STATUS_PENDING;
    adapter.restart();
    miniport.adapter.restartComplete(NDIS_STATUS_FAILURE);
    expect(adapter.state).toBe('Paused');
    run('protocol', 1, { op: 'send', count: 1 });
    expect([completed, log]).toEqual([[NDIS_STATUS_PAUSED], []]);
  });
});

describe('layers', () => {
  test('chains pass the filter modules bottom up, sends and returns top down', () => {
    const { adapter, run, log } = setUp(['low', 'high']);
    adapter.restart();
    run('miniport', 0, { op: 'indicate', count: 1 });
    run('protocol', 0, { op: 'send', count: 1 });
    run('protocol', 0, { op: 'return', count: 1 });
    expect(log).toEqual([
      'low up',
      'high up',
      'protocol 0 gets 1',
      'high down',
      'low down',
      'miniport 0 sends 1',
      'high return',
      'low return',
    ]);
  });

  test('LIFE-06: while the modules are not Running received chains go past them, back to the miniport', () => {
    const { adapter, run, log, pools, dropped } = setUp(['low']);
    run('miniport', 0, { op: 'indicate', count: 3 });
    run('miniport', 0, { op: 'indicate', count: 2, flags: NDIS_RECEIVE_FLAGS_RESOURCES });
    expect([log, dropped(), pools[0]?.available]).toEqual([[], 5, 64]);
    adapter.restart();
    run('miniport', 0, { op: 'indicate', count: 1 });
    expect(log).toEqual(['low up', 'protocol 0 gets 1']);
    run('protocol', 0, { op: 'return', count: 1 });
    adapter.pause();
    run('miniport', 0, { op: 'indicate', count: 1 });
    expect([log.length, dropped(), adapter.inspect().outstanding.receives]).toEqual([3, 6, 0]);
  });

  test('a module that fails to restart is bypassed in both directions; its neighbours stay', () => {
    const { adapter, run, log, filterDrivers } = setUp(['low', 'bad', 'high']);
    filterDrivers[1].restartStatus = NDIS_STATUS_FAILURE;
    adapter.restart();
    run('miniport', 1, { op: 'indicate', count: 1 });
    run('protocol', 1, { op: 'return', count: 1 });
    run('protocol', 1, { op: 'send', count: 1 });
    expect(log).toEqual([
      'low up',
      'high up',
      'protocol 1 gets 1',
      'high return',
      'low return',
      'high down',
      'low down',
      'miniport 1 sends 1',
    ]);
  });

  test('what a module posts reaches its own data paths', () => {
    const { early, filterDrivers, executor } = setUp(['low', 'high']);
    early.length = 0;
    filterDrivers[1].module.post('all', 'all');
    filterDrivers[0].module.post(1, 'one');
    executor.publish();
    expect(early.sort()).toEqual(['all', 'all', 'one']);
  });

  test('what a miniport posts while it initializes reaches its data path once that is there', () => {
    expect(setUp().early).toEqual([{ op: 'early' }]);
  });
});
