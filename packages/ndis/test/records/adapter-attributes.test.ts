/** What a miniport registers: which of it NDIS refuses, and what it writes down and goes on with (INIT-21). */
import {
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
} from '@vmq/abi';
import { type MiniportAdapterAttributes, outputOf, queryRequest } from '@vmq/ddi';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  allocateRequest,
  type BenchOptions,
  capabilities,
  createBench,
  createHost,
  TestProtocol,
} from '../bench.test-support.ts';

const SUCCESS = NDIS_STATUS_SUCCESS;
const BAD_VERSION = NDIS_STATUS_BAD_VERSION;
type General = Extract<MiniportAdapterAttributes, { readonly type: 'general' }>;

describe('attributes', () => {
  test('INIT-01: only a revision that NDIS does not know is refused', () => {
    const statuses: number[] = [];
    const { add, ndis } = createHost({
      initialize(adapter, miniport) {
        for (const attributes of miniport.attributes()) {
          statuses.push(adapter.setMiniportAttributes({ ...attributes, revision: 9 }));
          statuses.push(adapter.setMiniportAttributes({ ...attributes, revision: 0 }));
          statuses.push(adapter.setMiniportAttributes(attributes));
        }
        return SUCCESS;
      },
    });
    const { adapter } = add();
    expect(statuses).toEqual([1, 2, 3].flatMap(() => [BAD_VERSION, BAD_VERSION, SUCCESS]));
    expect(ndis.refusals.entries.map(({ rule, kind }) => `${kind} ${rule}`)).toEqual(
      Array.from({ length: 6 }, () => 'refusal INIT-01'),
    );
    expect(adapter?.inspect().advice).toEqual([]);
  });

  test('INIT-01 INIT-21: attributes out of order are written down and set', () => {
    const { add, ndis } = createHost({
      initialize(adapter, miniport) {
        const [registration, general, hardware] = miniport.attributes();
        for (const attributes of [hardware!, general!, registration!])
          expect(adapter.setMiniportAttributes(attributes)).toBe(SUCCESS);
        return SUCCESS;
      },
    });
    const { adapter } = add();
    expect(adapter?.inspect()).toMatchObject({
      vmqCurrent: true,
      advice: [
        { rule: 'INIT-01', expected: 'registration attributes first', found: 'hardware-assist' },
        { rule: 'INIT-01', expected: 'registration attributes first', found: 'general' },
      ],
    });
    expect(ndis.refusals.entries.every(({ page }) => page === 'NdisMSetMiniportAttributes')).toBe(true);
  });

  const revisions: [string, 20 | 30 | 60, number, boolean][] = [
    ['6.20', 20, 2, false],
    ['6.20', 20, 3, true],
    ['6.30', 30, 3, false],
    ['6.30', 30, 2, true],
    ['6.60', 60, 3, false],
    ['6.60', 60, 4, false],
    ['6.60', 60, 2, true],
  ];
  test.each(revisions)(
    'INIT-02 INIT-21: a miniport of NDIS %s (minor %d) with hardware-assist attributes of revision %d loads',
    (_, minor, revision, isAdvised) => {
      const { add, ndis } = createHost({
        minor,
        initialize(adapter, miniport) {
          const [registration, general, hardware] = miniport.attributes();
          for (const attributes of [registration!, general!, { ...hardware!, revision }])
            expect(adapter.setMiniportAttributes(attributes)).toBe(SUCCESS);
          return SUCCESS;
        },
      });
      expect(add().adapter?.inspect().vmqCurrent).toBe(true);
      expect(ndis.refusals.entries.map(({ rule }) => rule)).toEqual(isAdvised ? ['INIT-02'] : []);
    },
  );

  test('INIT-01: an NDIS of 2008 R2 does not know the attributes of 6.30', () => {
    const statuses: number[] = [];
    const { add } = createHost({
      minor: 20,
      hostVersion: 620,
      initialize(adapter, miniport) {
        const [registration, general, hardware] = miniport.attributes();
        for (const attributes of [registration!, general!, { ...hardware!, revision: 3 }, hardware!])
          statuses.push(adapter.setMiniportAttributes(attributes));
        return SUCCESS;
      },
    });
    expect(add().adapter?.inspect()).toMatchObject({ vmqCurrent: true, advice: [] });
    expect(statuses).toEqual([SUCCESS, SUCCESS, BAD_VERSION, SUCCESS]);
  });

  test('INIT-02 INIT-21: revision 1 ends before the capabilities: the adapter runs without receive filtering', () => {
    const { add } = createHost({
      initialize(adapter, miniport) {
        for (const attributes of miniport.attributes())
          expect(adapter.setMiniportAttributes({ ...attributes, revision: 1 })).toBe(SUCCESS);
        return SUCCESS;
      },
    });
    expect(add().adapter?.inspect()).toMatchObject({
      vmqCurrent: false,
      hardwareCapabilities: null,
      advice: [{ rule: 'INIT-02', found: 'revision 1' }],
    });
  });

  test('INIT-01 INIT-21: without registration attributes the adapter runs, without general ones it cannot', () => {
    const withOnly = (index: number) =>
      createHost({
        initialize(adapter, miniport) {
          return adapter.setMiniportAttributes(miniport.attributes()[index]!);
        },
      });
    const general = withOnly(1);
    expect(
      general
        .add()
        .adapter?.inspect()
        .advice.map(({ expected }) => expected),
    ).toEqual(['registration attributes first', 'registration attributes']);
    const registration = withOnly(0);
    expect(registration.add()).toEqual({ status: NDIS_STATUS_FAILURE, adapter: null });
    expect(registration.ndis.refusals.last).toMatchObject({ kind: 'violation', rule: 'INIT-01', page: '' });
    expect(registration.miniport.events).toEqual(['initialize', 'halt 0']);
  });

  test('INIT-01 INIT-21: addresses of another length count as far as six bytes go', () => {
    const long = Uint8Array.of(2, 3, 4, 5, 6, 7, 8, 9);
    const { add } = createHost({
      initialize(adapter, miniport) {
        const [registration, general] = miniport.attributes();
        adapter.setMiniportAttributes(registration!);
        const addresses = { permanentMacAddress: long, currentMacAddress: long.subarray(0, 2) };
        return adapter.setMiniportAttributes({ ...(general as General), ...addresses });
      },
    });
    const { adapter } = add();
    const protocol = new TestProtocol('switch');
    adapter?.bind(protocol);
    expect(protocol.bound?.currentMacAddress).toEqual(Uint8Array.of(2, 3, 0, 0, 0, 0));
    expect(adapter?.inspect().advice.map(({ found }) => found)).toEqual(['8 bytes', '2 bytes']);
  });

  test('INIT-01 INIT-21: attributes set after MiniportInitializeEx count, and are written down; none after halt', () => {
    const { adapter, miniport, lastRule, ndis } = createBench();
    const [, general] = miniport.attributes();
    expect(miniport.adapter.setMiniportAttributes({ ...(general as General), mtuSize: 9000 })).toBe(SUCCESS);
    const late = new TestProtocol('late');
    adapter.bind(late);
    expect(late.bound?.mtuSize).toBe(9000);
    expect(adapter.inspect().advice).toMatchObject([{ rule: 'INIT-01', found: 'Paused' }]);
    adapter.halt();
    expect(miniport.adapter.setMiniportAttributes(general!)).toBe(NDIS_STATUS_FAILURE);
    expect([lastRule(), ndis.refusals.last?.kind]).toEqual(['INIT-01', 'refusal']);
  });
});

describe('capabilities', () => {
  const zero = {
    EnabledFilterTypes: 0,
    EnabledQueueTypes: 0,
    NumQueues: 0,
    SupportedQueueProperties: 0,
    SupportedFilterTests: 0,
    SupportedHeaders: 0,
    SupportedMacHeaderFields: 0,
    MaxMacHeaderFilters: 0,
  };
  const bad: [string, BenchOptions][] = [
    ['CAP-03', { hardware: null }],
    ['CAP-03', { current: null }],
    ['CAP-04', { current: capabilities(20) }],
    [
      'CAP-04',
      { minor: 20, current: capabilities(30, { SupportedQueueProperties: 3 }), hardware: capabilities(20) },
    ],
    ['CAP-04', { hardware: capabilities(30, { Flags: 1 }) }],
    ['CAP-04', { current: capabilities(30, { MaxQueueGroups: 1 }) }],
    ['CAP-04', { current: capabilities(30).subarray(0, 83) }],
    ['CAP-05', { current: capabilities(30, { EnabledFilterTypes: 0 }) }],
    ['CAP-06', { current: capabilities(30, { SupportedQueueProperties: 0x1a }) }],
    ['CAP-07', { minor: 20, current: capabilities(20, { SupportedQueueProperties: 0xb }) }],
    ['CAP-08', { current: capabilities(30, { SupportedMacHeaderFields: 8 }) }],
    ['CAP-10', { hardware: capabilities(30, { MaxMacHeaderFilters: 3 }) }],
    ['CAP-11', { hardware: capabilities(30, { SupportedQueueProperties: 0x1f }) }],
    ['CAP-11', { current: capabilities(30, { MaxLookaheadSplitSize: 64 }) }],
    ['CAP-12', { minor: 20, current: capabilities(20, { SupportedQueueProperties: 7 }) }],
    ['CAP-13', { current: capabilities(30, { SupportedQueueProperties: 0x5b }) }],
    [
      'CAP-14',
      {
        hardware: capabilities(30, {
          MaxPacketCoalescingFilters: 9,
          MaxFieldTestsPerPacketCoalescingFilter: 5,
        }),
      },
    ],
  ];
  test.each(bad)(
    '%s INIT-21: a set that breaks it is written down with the page, and loads',
    (rule, options) => {
      const { add, ndis } = createHost(options);
      const { status, adapter } = add();
      expect(status).toBe(SUCCESS);
      const { advice } = adapter!.inspect();
      expect(new Set(advice.map((one) => one.rule))).toEqual(new Set([rule]));
      expect(
        advice.every(({ kind, page, status }) => kind === 'violation' && page !== '' && status === 0),
      ).toBe(true);
      expect(ndis.refusals.entries).toEqual(advice);
    },
  );

  test('CAP-03 INIT-21: without a current set receive filtering is off; the hardware can do what is current', () => {
    const off = createBench({ current: null }).adapter.inspect();
    expect([off.vmqCurrent, off.currentCapabilities, off.hardwareCapabilities?.NumQueues]).toEqual([
      false,
      null,
      4,
    ]);
    const on = createBench({ hardware: null }).adapter.inspect();
    expect([on.vmqCurrent, on.hardwareCapabilities?.NumQueues]).toEqual([true, 4]);
  });

  test('CAP-04 INIT-21: a set with a wrong header is read as far as it goes', () => {
    const header = (at: number, value: number): Uint8Array => {
      const bytes = capabilities(30);
      bytes[at] = value;
      return bytes;
    };
    const read = (current: Uint8Array) => createBench({ current }).adapter.inspect().currentCapabilities;
    expect(read(header(0, 0x12))).toMatchObject({ NumQueues: 4, Header: { Type: 0x80, Revision: 2 } });
    expect(read(header(1, 0))).toMatchObject({ NumQueues: 4, Header: { Revision: 1 } });
    expect(read(header(1, 7))).toMatchObject({ NumQueues: 4 });
    expect(read(header(2, 60))).toMatchObject({ NumQueues: 4, Header: { Revision: 1, Size: 56 } });
    expect(read(header(2, 55))).toBeNull();
    expect(read(new Uint8Array(3))).toBeNull();
  });

  test('CAP-11 CAP-12 INIT-21: a split that cannot be is never used', () => {
    const split = { SupportedQueueProperties: 0x1f, MinLookaheadSplitSize: 64, MaxLookaheadSplitSize: 128 };
    const modern = createBench({ hardware: capabilities(30, split), current: capabilities(30, split) });
    expect(modern.binding.oidRequest(allocateRequest({ LookaheadSize: 64, Flags: 2 }))).toBe(
      NDIS_STATUS_INVALID_PARAMETER,
    );
    const contradiction = {
      SupportedQueueProperties: 7,
      MinLookaheadSplitSize: 128,
      MaxLookaheadSplitSize: 64,
    };
    const old = createBench({ minor: 20, current: capabilities(20, contradiction) });
    expect(old.binding.oidRequest(allocateRequest({ LookaheadSize: 64, Flags: 2 }, 1))).toBe(
      NDIS_STATUS_INVALID_PARAMETER,
    );
    expect(old.lastRule()).toBe('QUE-13');
  });

  test('CAP-03 CAP-15: a zeroed current set, and VPort mode without VM queues, are accepted', () => {
    expect(createBench({ current: capabilities(30, zero) }).adapter.inspect().vmqCurrent).toBe(false);
    const vports = capabilities(30, { NumQueues: 0, EnabledQueueTypes: 0 });
    expect(createBench({ current: vports }).adapter.inspect().vmqCurrent).toBe(false);
  });

  test('INIT-05: bind parameters carry the current set, revision 3 or 4, NULL without receive filtering', () => {
    expect(createBench().protocol.bound).toMatchObject({
      revision: 4,
      receiveFilterCapabilities: capabilities(30),
    });
    expect(createBench({ minor: 20 }).protocol.bound).toMatchObject({
      revision: 3,
      receiveFilterCapabilities: capabilities(20),
    });
    expect(
      createBench({ hardware: null, current: null }).protocol.bound?.receiveFilterCapabilities,
    ).toBeNull();
  });

  test('CAP-18 IND-02: an indicated set is used for queries, later binds and checks', () => {
    const { miniport, binding, adapter, protocol } = createBench();
    const smaller = capabilities(30, { NumQueues: 1 });
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, smaller);
    expect(protocol.indications.map(({ statusBuffer }) => statusBuffer)).toEqual([smaller]);
    const query = queryRequest(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, 84);
    binding.oidRequest(query);
    expect(outputOf(query)).toEqual(smaller);
    const late = new TestProtocol('late');
    adapter.bind(late);
    expect(late.bound?.receiveFilterCapabilities).toEqual(smaller);
    allocate(binding);
    expect(binding.oidRequest(allocateRequest())).toBe(NDIS_STATUS_FAILURE);
    const cut = capabilities(30, { NumQueues: 5 }).subarray(0, 83);
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, cut);
    expect(adapter.inspect().currentCapabilities?.NumQueues).toBe(1);
    expect(protocol.indications.length).toBe(1);
    const odd = NDIS_RECEIVE_FILTER_CAPABILITIES.encode({ NumQueues: 5 });
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, odd);
    expect(adapter.inspect().currentCapabilities?.NumQueues).toBe(5);
    expect(adapter.inspect().advice.map(({ rule }) => rule)).toEqual(['CAP-04', 'CAP-10']);
  });

  test('CAP-18 INIT-21: a 6.20 miniport’s capability indication is written down and taken', () => {
    const { miniport, protocol, violations } = createBench({ minor: 20 });
    miniport.adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, capabilities(20));
    expect(violations()).toEqual(['CAP-18']);
    expect(protocol.indications.length).toBe(1);
  });
});
