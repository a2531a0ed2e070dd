import {
  NDIS_DEVICE_POWER_STATE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND } from '@vmq/ddi';
import { describe, expect, test } from 'vitest';
import { setPowerRequest } from '../../src/adapter/adapter-power.ts';
import {
  allocate,
  type BenchOptions,
  clearFilter,
  complete,
  createBench,
  free,
  MSIX_TABLE,
  setFilter,
  stateOf,
} from '../bench.test-support.ts';
import { TestFilter } from '../test-filter.test-support.ts';

const SUCCESS = NDIS_STATUS_SUCCESS;
const { NdisDeviceStateD0: D0, NdisDeviceStateD2: D2, NdisDeviceStateD3: D3 } = NDIS_DEVICE_POWER_STATE;

/** A Running adapter; everything that is called goes into one log. */
function running(options: BenchOptions = {}) {
  const log: string[] = [];
  const filter = new TestFilter('filter', log);
  // It sees the request for power as any other; that is not told here each time.
  filter.onRequest = (module, request) => {
    log.pop();
    return module.forwardOidRequest(request);
  };
  const bench = createBench({
    ...options,
    filterDrivers: [filter],
    setDevicePower: (state) => log.push(`bus ${state}`),
  });
  bench.miniport.events.push = (...events: string[]) =>
    log.push(...events.map((event) => `miniport ${event}`));
  bench.protocol.events.push = (...events: string[]) =>
    log.push(...events.map((event) => `protocol ${event}`));
  expect(bench.adapter.restart()).toBe(SUCCESS);
  log.length = 0;
  return { ...bench, log, filter };
}

const noPause = { attributeFlags: NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND };

describe('low power', () => {
  test('LIFE-18 LIFE-06: without NO_PAUSE_ON_SUSPEND the stack is paused before, and restarted after', () => {
    const { adapter, log } = running();
    expect(adapter.setPower(D3)).toBe(SUCCESS);
    expect([adapter.state, adapter.powerState]).toEqual(['Paused', D3]);
    expect(adapter.setPower(D0)).toBe(SUCCESS);
    expect([adapter.state, adapter.powerState]).toEqual(['Running', D0]);
    expect(log).toEqual([
      ...['protocol pause', 'filter pause', 'miniport pause', `miniport power ${D3}`, `bus ${D3}`],
      ...[`bus ${D0}`, `miniport power ${D0}`, 'miniport restart', 'filter restart', 'protocol restart'],
    ]);
  });

  test('LIFE-18: a 6.30 miniport with NO_PAUSE_ON_SUSPEND keeps running, from one low state to another too', () => {
    const { adapter, log } = running(noPause);
    for (const state of [D2, D3, D0]) expect(adapter.setPower(state)).toBe(SUCCESS);
    expect(adapter.setPower(D0)).toBe(SUCCESS);
    expect(adapter.state).toBe('Running');
    expect(log).toEqual([
      ...[`miniport power ${D2}`, `bus ${D2}`, `miniport power ${D3}`, `bus ${D3}`],
      ...[`bus ${D0}`, `miniport power ${D0}`],
    ]);
  });

  test('LIFE-18: the flag does not count below 6.30, of the miniport or of a filter module', () => {
    const old = running({ ...noPause, minor: 20 });
    old.adapter.setPower(D3);
    expect(old.log[0]).toBe('protocol pause');
    const { adapter, filter, log } = running(noPause);
    filter.minorNdisVersion = 20;
    adapter.setPower(D3);
    expect(log[0]).toBe('protocol pause');
  });

  test('LIFE-18: an adapter that was Paused stays so; queues, filters and MSI-X entries outlive D3', () => {
    const { adapter, binding, bar, log, miniport } = running();
    const id = allocate(binding);
    setFilter(binding, id);
    complete(binding, [id]);
    const message = miniport.adapter.allocateInterruptMessage(1)!;
    miniport.adapter.configMsixTableEntry({ operation: 'add', entry: 3, messageId: message.messageId });
    expect(adapter.pause()).toBe(SUCCESS);
    adapter.setPower(D3);
    bar.i32.fill(0, MSIX_TABLE / 4, MSIX_TABLE / 4 + 64); // what power-on does to a table
    log.length = 0;
    adapter.setPower(D0);
    expect(adapter.state).toBe('Paused');
    expect(log).toEqual([`bus ${D0}`, `miniport power ${D0}`]);
    expect(bar.i32[(MSIX_TABLE + 3 * 16) / 4]! >>> 0).toBe(message.address);
    expect([stateOf(adapter, id), adapter.inspect().filters.length]).toEqual(['Running', 1]);
  });

  test('LIFE-06: no power change while Pausing, no restart or reset in low power', () => {
    const { adapter, ndis, log } = running({ resettable: true });
    adapter.setPower(D3);
    expect(adapter.restart()).toBe(NDIS_STATUS_FAILURE);
    expect(adapter.reset()).toBe(NDIS_STATUS_FAILURE);
    expect(ndis.refusals.last?.rule).toBe('LIFE-18');
    adapter.setPower(D0);
    expect(adapter.setPower(9)).toBe(NDIS_STATUS_FAILURE);
    const paused = running();
    paused.miniport.pause = () => NDIS_STATUS_PENDING;
    expect(paused.adapter.setPower(D3)).toBe(NDIS_STATUS_PENDING);
    expect(paused.adapter.state).toBe('Pausing');
    expect(paused.adapter.setPower(D3)).toBe(NDIS_STATUS_FAILURE);
    expect(paused.ndis.refusals.last?.rule).toBe('LIFE-06');
    paused.miniport.adapter.pauseComplete();
    paused.ndis.poll();
    expect(paused.adapter.setPower(D3)).toBe(SUCCESS);
    expect(paused.adapter.setPower(D0)).toBe(SUCCESS);
    expect([paused.adapter.state, log.length]).toEqual(['Running', 10]);
  });

  test('LIFE-18: a miniport that fails leaves the state; a protocol cannot ask for a change', () => {
    const { adapter, miniport, binding, log, ndis } = running(noPause);
    miniport.failNext = NDIS_STATUS_FAILURE;
    expect(adapter.setPower(D3)).toBe(NDIS_STATUS_FAILURE);
    expect([adapter.powerState, log]).toEqual([D0, []]);
    expect(binding.oidRequest(setPowerRequest(D3))).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(adapter.userModeRequest(setPowerRequest(D3))).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect([ndis.refusals.last?.rule, log]).toEqual(['LIFE-18', []]);
  });
});

describe('surprise removal', () => {
  test('LIFE-15: query-remove up the stack, notice, pause down, unbind, detach, halt', () => {
    const { adapter, log } = running();
    expect(adapter.surpriseRemove()).toBe(SUCCESS);
    expect(log).toEqual([
      ...['filter event 2', 'protocol event 2', 'miniport surprise removal'],
      ...['protocol pause', 'filter pause', 'miniport pause'],
      ...['protocol unbind', 'filter detach', 'miniport halt 3'],
    ]);
  });

  test('LIFE-15: held up by a pause, it goes on where it stopped', () => {
    const { adapter, miniport, log, ndis } = running();
    miniport.pause = () => NDIS_STATUS_PENDING;
    expect(adapter.surpriseRemove()).toBe(NDIS_STATUS_PENDING);
    expect(adapter.surpriseRemove()).toBe(NDIS_STATUS_PENDING);
    miniport.adapter.pauseComplete();
    ndis.poll();
    expect(adapter.surpriseRemove()).toBe(SUCCESS);
    expect(log.filter((event) => event.endsWith('removal') || event.includes('halt'))).toEqual([
      'miniport surprise removal',
      'miniport halt 3',
    ]);
  });

  test('LIFE-16 LIFE-17: in low power too, and clears and frees still succeed', () => {
    const { adapter, binding, protocol, violations } = running(noPause);
    const id = allocate(binding);
    const filter = setFilter(binding, id);
    complete(binding, [id]);
    adapter.setPower(D3);
    const statuses: number[] = [];
    protocol.unbindAdapter = () => {
      statuses.push(clearFilter(binding, id, filter), free(binding, id));
    };
    expect(adapter.surpriseRemove()).toBe(SUCCESS);
    expect(statuses).toEqual([SUCCESS, SUCCESS]);
    // The memory is the miniport’s to give back in halt; this one did not.
    expect(violations()).toEqual(['SHM-15']);
  });
});
