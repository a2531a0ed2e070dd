import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESET_START,
  NDIS_STATUS_SUCCESS,
  OID_GEN_CURRENT_PACKET_FILTER,
} from '@vmq/abi';
import { setRequest } from '@vmq/ddi';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  type BenchOptions,
  clearFilter,
  complete,
  createBench,
  freeRequest,
  setFilter,
} from '../bench.test-support.ts';

const SECOND = 1e9;
const filterRequest = () => setRequest(OID_GEN_CURRENT_PACKET_FILTER, Uint8Array.of(1, 0, 0, 0));

/** A Running adapter whose miniport is asked for hangs; time goes by in steps of 100 ms. */
function running(options: BenchOptions = {}) {
  const bench = createBench({ resettable: true, ...options });
  const asked: number[] = [];
  const state = { isHung: false, resets: 0 };
  Object.assign(bench.miniport, {
    checkForHangEx: () => {
      asked.push(bench.machine.clock.now() / SECOND);
      return state.isHung;
    },
  });
  bench.miniport.onReset = () => {
    state.resets++;
  };
  expect(bench.adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
  const pass = (seconds: number): void => {
    for (let i = 0; i < seconds * 10; i++) {
      bench.executor.runFor(SECOND / 10);
      bench.ndis.poll();
    }
  };
  return { ...bench, asked, state, pass };
}

describe('check for hang', () => {
  test('the miniport is asked every two seconds, or as often as it wishes', () => {
    const usual = running();
    usual.pass(7);
    expect(usual.asked.map(Math.round)).toEqual([2, 4, 6]);
    const wish = running({ checkForHangTimeInSeconds: 3 });
    wish.pass(7);
    expect(wish.asked.map(Math.round)).toEqual([3, 6]);
  });

  test('TRUE is answered with a reset, of which everybody hears; FALSE with none', () => {
    const { pass, state, protocol } = running();
    pass(3);
    expect(state.resets).toBe(0);
    state.isHung = true;
    pass(2);
    expect(state.resets).toBe(1);
    const heard = protocol.indications.map(({ statusCode }) => statusCode);
    expect(heard.slice(-2)).toEqual([NDIS_STATUS_RESET_START, NDIS_STATUS_RESET_END]);
    state.isHung = false;
    pass(4);
    expect(state.resets).toBe(1);
  });

  test('nobody is asked in low power, after surprise removal, or when halted', () => {
    const { adapter, asked, pass, ndis, binding } = running();
    expect(adapter.setPower(4)).toBe(NDIS_STATUS_SUCCESS);
    pass(5);
    expect(asked).toEqual([]);
    expect(adapter.setPower(1)).toBe(NDIS_STATUS_SUCCESS);
    pass(2);
    expect(asked).toHaveLength(1);
    expect(binding.adapterName).toBe('nic0');
    expect(adapter.surpriseRemove()).toBe(NDIS_STATUS_SUCCESS);
    pass(5);
    expect(asked).toHaveLength(1);
    expect(ndis.nextTimer).toBe(Number.POSITIVE_INFINITY);
  });

  test('INIT-14 a request that the miniport has over two checks is aborted by a reset', () => {
    const { binding, miniport, protocol, pass, state } = running();
    miniport.onReset = () => {
      state.resets++;
      if (miniport.pended !== null) miniport.completePended(NDIS_STATUS_REQUEST_ABORTED);
    };
    miniport.pendNext = true;
    expect(binding.oidRequest(filterRequest())).toBe(NDIS_STATUS_PENDING);
    pass(2.1);
    expect(protocol.completions).toEqual([]);
    pass(2);
    expect(state.resets).toBe(1);
    expect(protocol.completions.map(({ status }) => status)).toEqual([NDIS_STATUS_REQUEST_ABORTED]);
  });

  test('QUE-32 a free that waits for NBLs is waited for, however long', () => {
    const { binding, miniport, pass, state, protocol } = running();
    const queueId = allocate(binding);
    const filterId = setFilter(binding, queueId);
    complete(binding, [queueId]);
    expect(clearFilter(binding, queueId, filterId)).toBe(NDIS_STATUS_SUCCESS);
    miniport.pendNext = true;
    expect(binding.oidRequest(freeRequest(queueId))).toBe(NDIS_STATUS_PENDING);
    pass(9);
    expect(state.resets).toBe(0);
    miniport.completePended();
    expect(protocol.completions.map(({ status }) => status)).toEqual([NDIS_STATUS_SUCCESS]);
  });
});

describe('timers', () => {
  test('run once, in order, at PASSIVE_LEVEL, and not when cancelled', () => {
    const { ndis, pass } = running();
    const ran: string[] = [];
    ndis.setTimer(0.5 * SECOND, () => ran.push('late'));
    ndis.setTimer(0.2 * SECOND, () => ran.push('early'));
    ndis.setTimer(0.3 * SECOND, () => ran.push('cancelled'))();
    expect(ndis.nextTimer).toBeGreaterThan(0);
    pass(0.4);
    expect(ran).toEqual(['early']);
    pass(1);
    expect(ran).toEqual(['early', 'late']);
  });

  test('a wait with the machine at rest lets time pass up to them', () => {
    const { adapter, miniport, machine, ndis } = running();
    miniport.pendNext = true;
    ndis.setTimer(1.5 * SECOND, () => miniport.completePended());
    const before = machine.clock.now();
    expect(adapter.userModeRequest(filterRequest())).toBe(NDIS_STATUS_SUCCESS);
    expect(machine.clock.now() - before).toBeGreaterThanOrEqual(1.5 * SECOND);
  });
});

describe('what stands between NDIS and the miniport', () => {
  test('may answer in its place, keep a request back, or let it pass', () => {
    const { adapter, miniport, ndis } = running();
    const before = miniport.seen.length;
    ndis.interpose({ oidRequest: () => NDIS_STATUS_FAILURE });
    expect(adapter.userModeRequest(filterRequest())).toBe(NDIS_STATUS_FAILURE);
    expect(miniport.seen).toHaveLength(before);
    ndis.interpose({
      oidRequest: (_name, _request, way) => {
        ndis.setTimer(SECOND, () => way.complete(way.down()));
        return NDIS_STATUS_PENDING;
      },
    });
    expect(adapter.userModeRequest(filterRequest())).toBe(NDIS_STATUS_SUCCESS);
    expect(miniport.seen).toHaveLength(before + 1);
    ndis.interpose(null);
    expect(adapter.userModeRequest(filterRequest())).toBe(NDIS_STATUS_SUCCESS);
  });

  test('may delay a pause', () => {
    const { adapter, ndis, miniport } = running();
    ndis.interpose({
      pause: (_name, way) => {
        ndis.setTimer(SECOND, () => way.complete(way.down()));
        return NDIS_STATUS_PENDING;
      },
    });
    expect(adapter.pause()).toBe(NDIS_STATUS_SUCCESS);
    expect(miniport.events.filter((event) => event === 'pause')).toHaveLength(1);
  });
});
