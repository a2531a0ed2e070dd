import {
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_STATUS_ADAPTER_NOT_OPEN,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_FILE_NOT_FOUND,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  NDIS_STATUS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
} from '@vmq/abi';
import { type FilterDriver, queryRequest } from '@vmq/ddi';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  allocateRequest,
  type BenchOptions,
  capabilities,
  clearRequest,
  completeRequest,
  createBench,
  filterRequest,
  free,
  freeRequest,
  setFilter,
  untaggedMac,
} from '../bench.test-support.ts';
import { TestFilter } from '../test-filter.test-support.ts';

/** A bench with the named test filters, lowest first; they write into one log. */
function withFilters(names: readonly string[], options: BenchOptions = {}) {
  const log: string[] = [];
  const filters = names.map((name) => new TestFilter(name, log));
  const bench = createBench({ ...options, filterDrivers: filters });
  bench.miniport.events.push = (...events: string[]) =>
    log.push(...events.map((event) => `miniport ${event}`));
  bench.protocol.events.push = (...events: string[]) =>
    log.push(...events.map((event) => `protocol ${event}`));
  return { ...bench, log, filters, filter: filters[0] };
}

const states = (adapter: ReturnType<typeof withFilters>['adapter']): string[] =>
  adapter.inspect().filterModules.map(({ driver, state }) => `${driver} ${state}`);

describe('attach', () => {
  test.each([
    [20, 3],
    [30, 4],
  ] as const)(
    'INIT-06 INIT-07: a module of a 6.%i adapter gets the current set, as bindings do',
    (minor, revision) => {
      const current = capabilities(minor, { NumQueues: 3 });
      const { filters, protocol, adapter } = withFilters(['low', 'high'], { minor, current });
      filters.forEach(({ parameters }, i) => {
        expect(parameters).toMatchObject({
          adapterName: 'nic0',
          revision,
          mtuSize: 1500,
          filterModuleNumber: i + 1,
        });
        expect(parameters.receiveFilterCapabilities).toEqual(current);
        expect(parameters.nicSwitchArray).toEqual([]);
        expect(parameters.nicSwitchCapabilities).toBeNull();
      });
      expect(protocol.bound).toMatchObject({ receiveFilterCapabilities: current, nicSwitchArray: [] });
      expect(states(adapter)).toEqual(['low Paused', 'high Paused']);
    },
  );

  test('INIT-06: without receive filtering the set is null', () => {
    const { filter } = withFilters(['low'], { hardware: null, current: null });
    expect(filter.parameters.receiveFilterCapabilities).toBeNull();
  });

  test('a module that refuses is left out, and the log says so', () => {
    const log: string[] = [];
    const refuses = new TestFilter('refuses', log);
    refuses.attachStatus = NDIS_STATUS_RESOURCES;
    const bench = createBench({ filterDrivers: [refuses, new TestFilter('stays', log)] });
    expect(states(bench.adapter)).toEqual(['stays Paused']);
    expect(bench.ndis.refusals.entries[0]).toMatchObject({ rule: 'INIT-06', status: NDIS_STATUS_RESOURCES });
    allocate(bench.binding);
    expect(log.filter((line) => line.startsWith('refuses'))).toEqual(['refuses attach']);
  });
});

describe('states', () => {
  test('LIFE-06 LIFE-15: restart from the bottom, pause and detach from the top', () => {
    const { adapter, log } = withFilters(['low', 'high']);
    log.length = 0;
    adapter.restart();
    expect(states(adapter)).toEqual(['low Running', 'high Running']);
    adapter.pause();
    expect(states(adapter)).toEqual(['low Paused', 'high Paused']);
    adapter.halt();
    expect(log).toEqual([
      'miniport restart',
      'low restart',
      'high restart',
      'protocol restart',
      'protocol pause',
      'high pause',
      'low pause',
      'miniport pause',
      'protocol unbind',
      'high detach',
      'low detach',
      'miniport halt 0',
    ]);
    expect(states(adapter)).toEqual([]);
  });

  test('LIFE-06: the next module waits for one that pends its pause or restart', () => {
    // The completions come from another agent of the machine, while NDIS waits.
    let todo: (() => void) | null = null;
    const later = {
      step(): boolean {
        const work = todo;
        todo = null;
        work?.();
        return false;
      },
      refresh() {},
    };
    const bench = withFilters(['low', 'high'], { factories: { later: () => later } });
    const { adapter, log, filters, machine, executor } = bench;
    executor.start([{ name: 'nic', factory: 'later', data: null }]);
    const [low, high] = filters as [TestFilter, TestFilter];
    const postpone = (work: () => void): void => {
      todo = work;
      machine.board.wake(machine.agent('nic'));
    };
    low.restartStatus = high.pauseStatus = NDIS_STATUS_PENDING;
    low.onRestart = () =>
      postpone(() => {
        log.push('low restarted');
        low.module.restartComplete(NDIS_STATUS_SUCCESS);
      });
    high.onPause = () =>
      postpone(() => {
        log.push('high paused');
        high.module.pauseComplete();
      });
    log.length = 0;
    expect(adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
    expect(adapter.pause()).toBe(NDIS_STATUS_SUCCESS);
    expect(log.filter((line) => /low|high/.test(line))).toEqual([
      'low restart',
      'low restarted',
      'high restart',
      'high pause',
      'high paused',
      'low pause',
    ]);
  });

  test('a module that fails to restart is detached; the stack does without it', () => {
    const { adapter, log, filters, ndis, binding } = withFilters(['low', 'high']);
    filters[0].restartStatus = NDIS_STATUS_FAILURE;
    log.length = 0;
    expect(adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
    expect(log).toEqual([
      'miniport restart',
      'low restart',
      'low detach',
      'high restart',
      'protocol restart',
    ]);
    expect(states(adapter)).toEqual(['high Running']);
    expect(ndis.refusals.entries.at(-1)).toMatchObject({ rule: 'LIFE-06', status: NDIS_STATUS_FAILURE });
    log.length = 0;
    allocate(binding);
    expect(log).toEqual(['high ALLOCATE_QUEUE']);
  });

  test('a pause that fails or never completes is a violation, and the stack pauses', () => {
    const { adapter, filters, violations } = withFilters(['low', 'high']);
    filters[0].pauseStatus = NDIS_STATUS_FAILURE;
    filters[1].pauseStatus = NDIS_STATUS_PENDING;
    adapter.restart();
    expect(adapter.pause()).toBe(NDIS_STATUS_SUCCESS);
    expect(violations()).toEqual(['LIFE-06', 'LIFE-06']);
    filters[0].module.pauseComplete();
    expect(violations().length).toBe(3);
  });
});

describe('requests', () => {
  test('pass from the top to the miniport, verified and with their ids; what NDIS answers passes nobody', () => {
    const { binding, log, filters, miniport } = withFilters(['low', 'high']);
    log.length = 0;
    const ids: number[] = [];
    filters[1].onRequest = (module, request) => {
      ids.push(request.informationBuffer[16]);
      return module.forwardOidRequest(request);
    };
    expect(allocate(binding)).toBe(1);
    expect(log).toEqual(['high ALLOCATE_QUEUE', 'low ALLOCATE_QUEUE']);
    expect(miniport.seen.length).toBe(1);
    log.length = 0;
    const size = capabilities(30).length;
    expect(binding.oidRequestAndWait(queryRequest(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, size))).toBe(0);
    expect(binding.oidRequestAndWait(allocateRequest({ ProcessorAffinity: { Mask: 0n } }))).not.toBe(0);
    expect(log).toEqual([]);
  });

  test('QUE-09: a module that completes an allocation with a failure leaves no queue behind', () => {
    const { binding, filter, adapter, miniport } = withFilters(['low']);
    filter.onRequest = () => NDIS_STATUS_NOT_SUPPORTED;
    expect(binding.oidRequestAndWait(allocateRequest())).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(miniport.seen).toEqual([]);
    expect(adapter.inspect().queues.map(({ queueId }) => queueId)).toEqual([0]);
    filter.onRequest = (module, request) => module.forwardOidRequest(request);
    expect(allocate(binding)).toBe(1);
  });

  test('INIT-14: a completion passes the modules that forwarded, bottom up; each may keep it or change it', () => {
    const { binding, filters, miniport, log, protocol } = withFilters(['low', 'middle', 'high']);
    const [low, middle, high] = filters as [TestFilter, TestFilter, TestFilter];
    let kept: (() => void) | null = null;
    middle.onComplete = (module, request, status) => {
      kept = () => module.oidRequestComplete(request, status);
    };
    high.onComplete = (module, request) => module.oidRequestComplete(request, NDIS_STATUS_FAILURE);
    miniport.pendNext = true;
    log.length = 0;
    const request = allocateRequest();
    expect(binding.oidRequest(request)).toBe(NDIS_STATUS_PENDING);
    miniport.completePended();
    expect(log.slice(3)).toEqual(['low complete NDIS_STATUS_SUCCESS', 'middle complete NDIS_STATUS_SUCCESS']);
    expect(protocol.completions).toEqual([]);
    expect(low.module.number).toBe(1);
    (kept as (() => void) | null)?.();
    expect(log.at(-1)).toBe('high complete NDIS_STATUS_SUCCESS');
    expect(protocol.completions).toEqual([{ request, status: NDIS_STATUS_FAILURE }]);
  });

  test('INIT-11: while a module keeps a request the next one waits, and it is the module that is asked to cancel', () => {
    const { binding, filter, miniport, log, protocol } = withFilters(['low']);
    filter.onRequest = () => NDIS_STATUS_PENDING;
    const [first, second] = [1, 2].map((requestId) => ({ ...allocateRequest(), requestId }));
    expect(binding.oidRequest(first)).toBe(NDIS_STATUS_PENDING);
    expect(binding.oidRequest(second)).toBe(NDIS_STATUS_PENDING);
    binding.cancelOidRequest(first.requestId);
    expect(log.at(-1)).toMatch(/^low cancel /);
    expect(miniport.events.some((event) => event.startsWith('cancel'))).toBe(false);
    filter.onRequest = (module, request) => module.forwardOidRequest(request);
    filter.module.oidRequestComplete(first, NDIS_STATUS_REQUEST_ABORTED);
    expect(protocol.completions.map(({ status }) => status)).toEqual([
      NDIS_STATUS_REQUEST_ABORTED,
      NDIS_STATUS_SUCCESS,
    ]);
  });

  test('QUE-32: a free that pends at the miniport completes through the modules once, after DmaStopped passed them', () => {
    const { binding, miniport, log, protocol, ndis } = withFilters(['low', 'high']);
    const queueId = allocate(binding);
    const queue = miniport.queues.get(queueId);
    if (queue === undefined) throw new Error('no queue');
    queue.outstanding = 1;
    log.length = 0;
    expect(binding.oidRequest(freeRequest(queueId))).toBe(NDIS_STATUS_PENDING);
    expect(log).toEqual([
      'high FREE_QUEUE',
      'low FREE_QUEUE',
      'low NDIS_STATUS_RECEIVE_QUEUE_STATE',
      'high NDIS_STATUS_RECEIVE_QUEUE_STATE',
    ]);
    expect(protocol.indications.map(({ statusCode }) => statusCode)).toEqual([
      NDIS_STATUS_RECEIVE_QUEUE_STATE,
    ]);
    queue.outstanding = 0;
    ndis.poll();
    expect(log.slice(4)).toEqual(['low complete NDIS_STATUS_SUCCESS', 'high complete NDIS_STATUS_SUCCESS']);
    expect(protocol.completions.map(({ status }) => status)).toEqual([NDIS_STATUS_SUCCESS]);
  });

  test.each([
    [
      'NdisOidUnknownComplete',
      (filter: TestFilter): void => {
        filter.onRequest = (module, request) => {
          module.forwardOidRequest(request);
          module.oidRequestComplete(request, NDIS_STATUS_SUCCESS);
          return NDIS_STATUS_PENDING;
        };
      },
    ],
    [
      'NdisOidDoubleComplete',
      (filter: TestFilter): void => {
        filter.onRequest = (module, request) => {
          module.forwardOidRequest(request);
          return NDIS_STATUS_SUCCESS;
        };
      },
    ],
    [
      'NdisOidPendingComplete',
      (filter: TestFilter): void => {
        filter.onRequest = (module, request) => {
          module.oidRequestComplete(request, NDIS_STATUS_PENDING);
          return NDIS_STATUS_PENDING;
        };
      },
    ],
  ] as const)('INIT-14: misuse by a module is named: %s', (rule, misuse) => {
    const { binding, filter, miniport, lastRule } = withFilters(['low']);
    miniport.pendNext = true;
    misuse(filter);
    expect(() => binding.oidRequest(allocateRequest())).toThrow(rule);
    expect(lastRule()).toBe(rule);
  });

  test('INIT-14: the miniport cannot complete what a module keeps', () => {
    const { binding, filter, miniport } = withFilters(['low']);
    filter.onRequest = () => NDIS_STATUS_PENDING;
    const request = allocateRequest();
    binding.oidRequest(request);
    expect(() => miniport.adapter.oidRequestComplete(request, NDIS_STATUS_SUCCESS)).toThrow(
      'NdisOidUnknownComplete',
    );
  });

  test('a driver without handlers is passed by', () => {
    const plain: FilterDriver = {
      name: 'plain',
      majorNdisVersion: 6,
      minorNdisVersion: 0,
      attach: () => NDIS_STATUS_SUCCESS,
      detach() {},
      pause: () => NDIS_STATUS_SUCCESS,
      restart: () => NDIS_STATUS_SUCCESS,
      dataPathFactory: '',
      dataPathImage: () => null,
    };
    const { binding, miniport, protocol } = createBench({ filterDrivers: [plain] });
    miniport.pendNext = true;
    expect(binding.oidRequest(allocateRequest())).toBe(NDIS_STATUS_PENDING);
    miniport.completePended();
    expect(protocol.completions.length).toBe(1);
    setFilter(binding, 1);
    expect(binding.oidRequestAndWait(freeRequest(1))).not.toBe(NDIS_STATUS_SUCCESS);
    expect(protocol.indications).toEqual([]);
  });
});

describe('indications', () => {
  test('CAP-18: pass from the bottom up after NDIS took note; a module may change or keep them', () => {
    const { miniport, filters, protocol, log, adapter } = withFilters(['low', 'high']);
    const [low, high] = filters as [TestFilter, TestFilter];
    const changed = capabilities(30, { NumQueues: 2 });
    low.onStatus = (module, indication) => module.indicateStatus({ ...indication, statusBuffer: changed });
    log.length = 0;
    const announced = capabilities(30, { NumQueues: 3 });
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, announced);
    expect(log.map((line) => line.split(' ')[0])).toEqual(['low', 'high']);
    const seen = NDIS_RECEIVE_FILTER_CAPABILITIES.decode(
      protocol.indications[0]?.statusBuffer ?? new Uint8Array(),
    );
    expect(seen.ok && seen.value.NumQueues).toBe(2);
    expect(adapter.inspect().currentCapabilities?.NumQueues).toBe(3);
    high.onStatus = () => {};
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, announced);
    expect(protocol.indications.length).toBe(1);
  });

  test('a module may originate one; a detached one may not', () => {
    const { filters, protocol, log, adapter, violations } = withFilters(['low', 'high']);
    const [low] = filters as [TestFilter];
    log.length = 0;
    const indication = { sourceHandle: 'low', statusCode: 0x40010000, statusBuffer: new Uint8Array(0) };
    low.module.indicateStatus(indication);
    expect(log.length).toBe(1);
    expect(protocol.indications).toEqual([indication]);
    adapter.halt();
    low.module.indicateStatus(indication);
    expect(protocol.indications.length).toBe(1);
    expect(violations()).toEqual(['INIT-08']);
  });
});

test('LIFE-02: requests reach modules while they are Paused', () => {
  const { adapter, binding, log } = withFilters(['low']);
  expect(states(adapter)).toEqual(['low Paused']);
  const queueId = allocate(binding);
  free(binding, queueId);
  expect(log.filter((line) => /QUEUE$/.test(line))).toEqual(['low ALLOCATE_QUEUE', 'low FREE_QUEUE']);
});

describe('INIT-23: requests of a module’s own', () => {
  /** Allocates a queue, sets a filter on it and completes it, as the module. */
  function runQueue({ filter }: ReturnType<typeof withFilters>): void {
    const { module } = filter;
    expect(module.originateOidRequest(allocateRequest())).toBe(NDIS_STATUS_SUCCESS);
    expect(module.originateOidRequest(filterRequest(1, [untaggedMac(5)]))).toBe(NDIS_STATUS_SUCCESS);
    expect(module.originateOidRequest(completeRequest([1]))).toBe(NDIS_STATUS_SUCCESS);
  }

  test('go to the modules below and the miniport, not to itself or those above', () => {
    const bench = withFilters(['low', 'middle', 'high']);
    const { log, filters, miniport } = bench;
    log.length = 0;
    expect(filters[1].module.originateOidRequest(allocateRequest())).toBe(NDIS_STATUS_SUCCESS);
    expect(log).toEqual(['low ALLOCATE_QUEUE']);
    expect([...miniport.queues.keys()]).toEqual([1]);
  });

  test('are verified, and what they set is the module’s alone', () => {
    const bench = withFilters(['low']);
    const { binding, filter, adapter, lastRule } = bench;
    runQueue(bench);
    expect(adapter.inspect().queues[1]).toMatchObject({ state: 'Running' });
    expect(binding.oidRequest(freeRequest(1))).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(lastRule()).toBe('QUE-28');
    expect(binding.oidRequest(clearRequest(1, 1))).toBe(NDIS_STATUS_FILE_NOT_FOUND);
    expect(lastRule()).toBe('FLT-29');
    const mine = allocate(binding);
    expect(filter.module.originateOidRequest(freeRequest(mine))).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(filter.module.originateOidRequest(freeRequest(1))).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(lastRule()).toBe('QUE-29');
    expect(filter.module.originateOidRequest(clearRequest(1, 1))).toBe(NDIS_STATUS_SUCCESS);
    expect(filter.module.originateOidRequest(freeRequest(1))).toBe(NDIS_STATUS_SUCCESS);
  });

  test('that pend complete to the module, once', () => {
    const { filter, miniport, log } = withFilters(['low']);
    const completions: number[] = [];
    filter.onComplete = (_module, _request, status) => completions.push(status);
    miniport.pendNext = true;
    log.length = 0;
    expect(filter.module.originateOidRequest(allocateRequest())).toBe(NDIS_STATUS_PENDING);
    expect(completions).toEqual([]);
    miniport.completePended();
    expect(completions).toEqual([NDIS_STATUS_SUCCESS]);
  });

  test('wait for their turn behind a request that the module holds', () => {
    const { filter, binding, protocol } = withFilters(['low']);
    const own = allocateRequest();
    let answer = -1;
    filter.onRequest = (module, request) => {
      if (answer < 0) answer = module.originateOidRequest(own);
      return module.forwardOidRequest(request);
    };
    filter.onComplete = () => {};
    expect(binding.oidRequest(allocateRequest())).toBe(NDIS_STATUS_SUCCESS);
    expect([answer, protocol.completions]).toEqual([NDIS_STATUS_PENDING, []]);
    expect(filter.log.at(-1)).toBe('low complete NDIS_STATUS_SUCCESS');
  });

  test('LIFE-10: what the module leaves is cleared and freed when it is detached, and written down', () => {
    const bench = withFilters(['low']);
    const { adapter, miniport, violations } = bench;
    runQueue(bench);
    expect(adapter.halt()).toBe(NDIS_STATUS_SUCCESS);
    expect(miniport.queues.size).toBe(0);
    expect(violations()).toEqual(['LIFE-09', 'LIFE-09']);
  });

  test('INIT-21: one while it attaches is written down, and made; a module that fails to attach leaves nothing', () => {
    const filter = new TestFilter('low');
    filter.onAttach = (module) => {
      const request = allocateRequest();
      expect(module.originateOidRequest(request)).toBe(NDIS_STATUS_SUCCESS);
    };
    const attached = createBench({ filterDrivers: [filter] });
    expect([...attached.miniport.queues.keys()]).toEqual([1]);
    expect(attached.adapter.inspect().advice).toMatchObject([
      { rule: 'INIT-23', page: 'FilterAttach', found: 'low is Attaching' },
    ]);
    filter.attachStatus = NDIS_STATUS_RESOURCES;
    const failed = createBench({ filterDrivers: [filter] });
    expect([failed.miniport.queues.size, failed.adapter.inspect().queues.length]).toEqual([0, 1]);
    expect(failed.violations()).toEqual(['INIT-23', 'LIFE-09']);
  });

  test('a detached module has none', () => {
    const { adapter, filter, lastRule } = withFilters(['low']);
    adapter.halt();
    expect(filter.module.originateOidRequest(allocateRequest())).toBe(NDIS_STATUS_ADAPTER_NOT_OPEN);
    expect(lastRule()).toBe('INIT-23');
  });
});
