import {
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
  statusName,
} from '@vmq/abi';
import { outputOf, queryRequest } from '@vmq/ddi';
import { type NicProfile, nicProfile } from '@vmq/nic';
import { describe, expect, it } from 'vitest';
import type { VmqMiniportOptions } from '../../src/index.ts';
import { type Bench, type BenchOptions, createMachineBench } from '../bench.test-support.ts';

type Keywords = Readonly<Record<string, number | string>>;
type Minor = 20 | 30 | 60;

const VMQ: Keywords = { '*RssOrVmqPreference': 1, '*VMQ': 1 };

/** An adapter initialized with these keywords, and which keywords its driver has read. */
function initialized(
  keywords: Keywords,
  minor: Minor = 30,
  profile: NicProfile | string = 'vmq-nic',
  more: VmqMiniportOptions = {},
): { bench: Bench; read: readonly string[] } {
  const read: string[] = [];
  const watched = new Proxy(keywords, {
    getOwnPropertyDescriptor(target, name) {
      read.push(String(name));
      return Reflect.getOwnPropertyDescriptor(target, name);
    },
  });
  const options: BenchOptions = {
    keywords: watched,
    profile,
    miniport: { minorNdisVersion: minor, receiveRingEntries: 32, ...more },
    // NDIS has read those of the processors by then.
    driver: (own) => ({
      ...own,
      initializeEx(adapter) {
        read.length = 0;
        return own.initializeEx(adapter);
      },
    }),
  };
  const bench = createMachineBench(options);
  expect(bench.add()).toBe('NDIS_STATUS_SUCCESS');
  return { bench, read };
}

/** Bytes of a capability set, as NDIS answers the query. */
function query(bench: Bench, oid: number): Uint8Array {
  const request = queryRequest(oid, 512);
  expect(statusName(bench.binding.oidRequestAndWait(request))).toBe('NDIS_STATUS_SUCCESS');
  return outputOf(request).slice();
}

const hardware = (bench: Bench): Uint8Array => query(bench, OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES);
const current = (bench: Bench): Uint8Array => query(bench, OID_RECEIVE_FILTER_CURRENT_CAPABILITIES);

/** The 32-bit words behind the header, of the members up to the lookahead sizes. */
function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: 13 }, (_, i) => view.getUint32(4 + 4 * i, true));
}

/**
 * Flags, EnabledFilterTypes, EnabledQueueTypes, NumQueues, SupportedQueueProperties, SupportedFilterTests,
 * SupportedHeaders, SupportedMacHeaderFields, MaxMacHeaderFilters, MaxQueueGroups, MaxQueuesPerQueueGroup,
 * MinLookaheadSplitSize, MaxLookaheadSplitSize
 */
const set = (properties: number, macFields: number, min = 0, max = 0): number[] => [
  0,
  1,
  1,
  64,
  properties,
  1,
  1,
  macFields,
  256,
  0,
  0,
  min,
  max,
];
const NOTHING = new Array<number>(13).fill(0);
const MAC = 1;
const MAC_AND_VLAN = 9;
const VM_QUEUES_MSIX = 0x3;
const SPLIT = 0x4;
const AFFINITY_COALESCING = 0x18;

describe('the sets as bytes', () => {
  it('CAP-02 CAP-04 both sets are registered in initialization: DEFAULT, revision 2, its size, reserved members zero', () => {
    const { bench } = initialized({ ...VMQ, '*VMQVlanFiltering': 1 });
    for (const bytes of [hardware(bench), current(bench)]) {
      expect([...bytes.slice(0, 4)]).toEqual([0x80, 2, bytes.length & 0xff, bytes.length >> 8]);
      expect(bytes).toHaveLength(NDIS_RECEIVE_FILTER_CAPABILITIES.sizeOf(2));
      expect(words(bytes)).toEqual(set(VM_QUEUES_MSIX | AFFINITY_COALESCING, MAC_AND_VLAN));
      // Everything behind MaxLookaheadSplitSize belongs to coalescing and others, which this device has not.
      expect([...bytes.slice(56)].every((byte) => byte === 0)).toBe(true);
    }
  });

  it('CAP-04 CAP-07 below 6.30: revision 1, its size, and none of the later properties', () => {
    const { bench } = initialized(VMQ, 20);
    const bytes = current(bench);
    expect([...bytes.slice(0, 2)]).toEqual([0x80, 1]);
    expect(bytes).toHaveLength(NDIS_RECEIVE_FILTER_CAPABILITIES.sizeOf(1));
    expect(words(bytes)).toEqual(set(VM_QUEUES_MSIX, MAC));
  });

  it('CAP-01 the hardware set is the same whatever the keywords say', () => {
    const keywords: readonly Keywords[] = [
      {},
      VMQ,
      { '*RSS': 1 },
      { '*RssOrVmqPreference': 1, '*VMQ': 0 },
      { ...VMQ, '*VMQVlanFiltering': 1, '*VMQLookaheadSplit': 1 },
    ];
    for (const minor of [20, 30, 60] as const) {
      const expected =
        minor === 20
          ? set(VM_QUEUES_MSIX | SPLIT, MAC_AND_VLAN, 64, 256)
          : set(VM_QUEUES_MSIX | AFFINITY_COALESCING, MAC_AND_VLAN);
      for (const some of keywords) expect(words(hardware(initialized(some, minor).bench))).toEqual(expected);
    }
  });

  it('CAP-05 CAP-06 CAP-08 with VMQ current: filters and queues enabled, VM queues by MSI-X, MAC equality', () => {
    const value = words(current(initialized(VMQ).bench));
    expect(value.slice(1, 3)).toEqual([1, 1]);
    expect((value[4] ?? 0) & VM_QUEUES_MSIX).toBe(VM_QUEUES_MSIX);
    expect(value.slice(5, 8)).toEqual([1, 1, MAC]);
  });

  it('CAP-09 VLAN ids are current only with *VMQVlanFiltering', () => {
    for (const minor of [20, 30] as const) {
      for (const [keywords, fields] of [
        [VMQ, MAC],
        [{ ...VMQ, '*VMQVlanFiltering': 0 }, MAC],
        [{ ...VMQ, '*VMQVlanFiltering': 1 }, MAC_AND_VLAN],
        [{ ...VMQ, '*VMQVlanFiltering': '1' }, MAC_AND_VLAN],
      ] as const)
        expect(words(current(initialized(keywords, minor).bench))[7]).toBe(fields);
    }
  });

  it('CAP-10 never more queues than filters', () => {
    const few = { ...nicProfile('netvmini'), name: 'few filters', filters: 3 };
    const value = words(current(initialized(VMQ, 30, few).bench));
    expect([value[3], value[8]]).toEqual([3, 3]);
    for (const name of ['vmq-nic', 'netvmini', 'i350', '82599']) {
      const { queues, filters } = nicProfile(name);
      const sets = words(current(initialized(VMQ, 30, name).bench));
      expect([sets[3], sets[8]]).toEqual([queues, filters]);
    }
  });

  it('CAP-11 from 6.30 on no lookahead split in either set, whatever the keyword', () => {
    for (const minor of [30, 60] as const) {
      const { bench } = initialized({ ...VMQ, '*VMQLookaheadSplit': 1 }, minor);
      for (const bytes of [hardware(bench), current(bench)]) {
        expect((words(bytes)[4] ?? 0) & SPLIT).toBe(0);
        expect(words(bytes).slice(11)).toEqual([0, 0]);
      }
    }
  });

  it('CAP-12 on 6.20 the split is current only with *VMQLookaheadSplit, with sizes of the hardware', () => {
    const on = initialized({ ...VMQ, '*VMQLookaheadSplit': 1 }, 20).bench;
    expect(words(current(on))).toEqual(set(VM_QUEUES_MSIX | SPLIT, MAC, 64, 256));
    const off = initialized({ ...VMQ, '*VMQLookaheadSplit': 0 }, 20).bench;
    expect(words(current(off))).toEqual(set(VM_QUEUES_MSIX, MAC));
    const unable = initialized({ ...VMQ, '*VMQLookaheadSplit': 1 }, 20, 'i350').bench;
    expect((words(current(unable))[4] ?? 0) & SPLIT).toBe(0);
  });

  it('CAP-13 CAP-14 no IMPLAT modes, no coalescing', () => {
    for (const minor of [20, 30, 60] as const) {
      const { bench } = initialized(VMQ, minor);
      for (const bytes of [hardware(bench), current(bench)]) {
        const decoded = NDIS_RECEIVE_FILTER_CAPABILITIES.decode(bytes);
        if (!decoded.ok) throw new Error('undecodable set');
        const { value } = decoded;
        expect(value.SupportedQueueProperties & ~(VM_QUEUES_MSIX | SPLIT | AFFINITY_COALESCING)).toBe(0);
        expect(value.MaxPacketCoalescingFilters ?? 0).toBe(0);
        expect(value.MaxFieldTestsPerPacketCoalescingFilter ?? 0).toBe(0);
      }
    }
  });
});

describe('the keywords', () => {
  const table: readonly [name: string, keywords: Keywords, vmq: boolean, read: readonly string[]][] = [
    ['(1,1,-) VMQ', { '*RssOrVmqPreference': 1, '*VMQ': 1, '*RSS': 1 }, true, ['*VMQ']],
    ['(1,0,-) none', { '*RssOrVmqPreference': 1, '*VMQ': 0, '*RSS': 1 }, false, ['*VMQ']],
    ['(1,absent,-) none', { '*RssOrVmqPreference': 1, '*RSS': 1 }, false, ['*VMQ']],
    ['(0,-,1) RSS', { '*RssOrVmqPreference': 0, '*VMQ': 1, '*RSS': 1 }, false, ['*RSS']],
    ['(absent,-,1) RSS', { '*VMQ': 1, '*RSS': 1 }, false, ['*RSS']],
    ['(0,-,0) none', { '*RssOrVmqPreference': 0, '*VMQ': 1, '*RSS': 0 }, false, ['*RSS']],
    ['(absent,-,absent) none', { '*VMQ': 1 }, false, ['*RSS']],
  ];

  it.each(table)('CAP-21 CAP-22 CAP-25 %s', (_, keywords, vmq) => {
    const { bench } = initialized(keywords);
    expect(bench.adapter.inspect().vmqCurrent).toBe(vmq);
    if (!vmq) expect(words(current(bench))).toEqual(NOTHING);
  });

  it.each(table)(
    'CAP-19 CAP-20 the preference is read first, then one side only: %s',
    (_, keywords, __, side) => {
      const { read } = initialized(keywords);
      const features = read.filter((name) => /RSS|VMQ|Rss|Vmq/.test(name));
      expect(features[0]).toBe('*RssOrVmqPreference');
      const others = new Set(features.slice(1));
      for (const name of side) expect(others).toContain(name);
      expect([...others].filter((name) => name.startsWith('*RSS'))).toEqual(side.filter((s) => s === '*RSS'));
      if (side.includes('*RSS')) expect([...others].filter((name) => name.startsWith('*VMQ'))).toEqual([]);
    },
  );

  it.each([
    // *SriovPreferred, *RssOrVmqPreference, *SRIOV, *VMQ, *RSS
    ['1 1 1 1 - SR-IOV and VMQ', [1, 1, 1, 1, 1], 'sriov'],
    ['1 1 0 1 - VMQ', [1, 1, 0, 1, 1], 'vmq'],
    ['1 1 0 0 - none', [1, 1, 0, 0, 1], 'none'],
    ['1 0 0 0 - none', [1, 0, 0, 0, 1], 'none'],
    ['1 absent absent absent - none', [1, undefined, undefined, undefined, 1], 'none'],
    ['0 1 - 1 - VMQ', [0, 1, 1, 1, 1], 'vmq'],
    ['0 1 - 0 - none', [0, 1, 1, 0, 1], 'none'],
    ['absent 1 - 1 - VMQ', [undefined, 1, 1, 1, 1], 'vmq'],
    ['0 0 - - 1 RSS', [0, 0, 1, 1, 1], 'rss'],
    ['absent absent - - 1 RSS', [undefined, undefined, 1, 1, 1], 'rss'],
    ['0 0 - - 0 none', [0, 0, 1, 1, 0], 'none'],
  ] as const)('CAP-23 CAP-15 on SR-IOV hardware: %s', (_, values, mode) => {
    const names = ['*SriovPreferred', '*RssOrVmqPreference', '*SRIOV', '*VMQ', '*RSS'] as const;
    const keywords: Record<string, number> = {};
    names.forEach((name, i) => {
      const value = values[i];
      if (value !== undefined) keywords[name] = value;
    });
    const { bench, read } = initialized(keywords, 30, 'vmq-nic', { sriov: true });
    expect(bench.adapter.inspect().vmqCurrent).toBe(mode === 'vmq');
    const sets = {
      vmq: set(VM_QUEUES_MSIX | AFFINITY_COALESCING, MAC),
      // VMQ filters without VM queues: what goes to virtual ports.
      sriov: set(VM_QUEUES_MSIX | AFFINITY_COALESCING, MAC).map((word, i) => (i === 2 || i === 3 ? 0 : word)),
      rss: NOTHING,
      none: NOTHING,
    };
    expect(words(current(bench))).toEqual(sets[mode]);
    // Preferred and not preferred sides: RSS is read only where neither of the others is preferred.
    const features = read.filter((name) => (names as readonly string[]).includes(name));
    expect(features[0]).toBe('*SriovPreferred');
    expect(features.includes('*RSS')).toBe(values[0] !== 1 && values[1] !== 1);
    if (values[0] !== 1) expect(features).not.toContain('*SRIOV');
  });

  it('CAP-23 hardware without SR-IOV reads nothing of it', () => {
    const { bench, read } = initialized({ ...VMQ, '*SriovPreferred': 1, '*SRIOV': 1 });
    expect(bench.adapter.inspect().vmqCurrent).toBe(true);
    expect(read.filter((name) => /sriov/i.test(name))).toEqual([]);
  });

  it('CAP-26 a changed keyword counts from the next initialization on', () => {
    const keywords: Record<string, number | string> = { ...VMQ };
    const { bench } = initialized(keywords);
    keywords['*VMQ'] = 0;
    expect(bench.adapter.restart()).toBe(0);
    expect(bench.adapter.inspect().vmqCurrent).toBe(true);
    bench.adapter.pause();
    expect(bench.adapter.inspect().vmqCurrent).toBe(true);
    bench.adapter.halt();
    expect(bench.add()).toBe('NDIS_STATUS_SUCCESS');
    expect(bench.adapter.inspect().vmqCurrent).toBe(false);
  });

  it('CAP-24 with VMQ on the processor limits of RSS and the switch’s keywords are not read', () => {
    const others = {
      '*RssMaxProcNumber': 1,
      '*MaxRssProcessors': 1,
      '*TenGigVmqEnabled': 0,
      '*BelowTenGigVmqEnabled': 0,
      TenGigVmqEnabled: 0,
      BelowTenGigVmqEnabled: 0,
    };
    const { bench, read } = initialized({ ...VMQ, ...others });
    expect(bench.adapter.inspect().vmqCurrent).toBe(true);
    for (const name of Object.keys(others)) expect(read).not.toContain(name);
  });

  it.each([
    ['(1,1,0,1) VMQ', 1, 1, 0, 1, true],
    ['(1,1,0,0) none', 1, 1, 0, 0, false],
    ['(1,0,0,0) none', 1, 0, 0, 0, false],
    ['(0,1,1,1) VMQ', 0, 1, 1, 1, true],
    ['(0,1,1,0) none', 0, 1, 1, 0, false],
    ['(0,0,1,1) by *RSS', 0, 0, 1, 1, false],
  ] as const)(
    'the rows of the SR-IOV table in which there is none: %s',
    (_, preferred, vmq, sriov, on, expected) => {
      const keywords = {
        '*SriovPreferred': preferred,
        '*RssOrVmqPreference': vmq,
        '*SRIOV': sriov,
        '*VMQ': on,
      };
      const { bench, read } = initialized(keywords);
      expect(bench.adapter.inspect().vmqCurrent).toBe(expected);
      expect(read).not.toContain('*SRIOV');
    },
  );
});
