/**
 * Every general OID that its page calls mandatory for miniports, as a protocol gets it: answered by NDIS or by the miniport as
 * the page says, in the kinds and the sizes it says.
 */
import * as abi from '@vmq/abi';
import {
  methodRequest,
  type OidRequest,
  outputOf,
  queryRequest,
  queryStatisticsRequest,
  setRequest,
} from '@vmq/ddi';
import { REG } from '@vmq/nic';
import { describe, expect, it } from 'vitest';
import { type Bench, createMachineBench, frame } from '../bench.test-support.ts';

const { statusName } = abi;
const SUCCESS = 'NDIS_STATUS_SUCCESS';
const INVALID_LENGTH = 'NDIS_STATUS_INVALID_LENGTH';
const NOT_SUPPORTED = 'NDIS_STATUS_NOT_SUPPORTED';
const MTU = 1500;
const FRAME = 1514;

type By = 'NDIS' | 'miniport';

interface Row {
  readonly query?: By;
  readonly set?: By;
  /** Bytes of the answer. */
  readonly bytes?: number;
  /** The answer as an unsigned number, where it is one word. */
  readonly value?: number;
  /** A set that is right. */
  readonly input?: Uint8Array;
}

const word = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

/** From "Mandatory OIDs for miniport drivers", and the pages of the OIDs that NDIS answers in the miniport's place. */
const ROWS: [string, number, Row][] = (
  [
    [
      abi.OID_GEN_CURRENT_LOOKAHEAD,
      { query: 'NDIS', set: 'miniport', bytes: 4, value: MTU, input: word(128) },
    ],
    [
      abi.OID_GEN_CURRENT_PACKET_FILTER,
      { query: 'NDIS', set: 'miniport', bytes: 4, value: 0, input: word(1) },
    ],
    [
      abi.OID_GEN_INTERRUPT_MODERATION,
      {
        query: 'miniport',
        set: 'miniport',
        bytes: abi.NDIS_SIZEOF_INTERRUPT_MODERATION_PARAMETERS_REVISION_1,
        input: abi.NDIS_INTERRUPT_MODERATION_PARAMETERS.encode({ InterruptModeration: 2 }),
      },
    ],
    [
      abi.OID_GEN_LINK_PARAMETERS,
      {
        set: 'miniport',
        input: abi.NDIS_LINK_PARAMETERS.encode({ AutoNegotiationFlags: 15 }),
      },
    ],
    [abi.OID_GEN_MAXIMUM_TOTAL_SIZE, { query: 'miniport', bytes: 4, value: FRAME }],
    [abi.OID_GEN_RCV_OK, { query: 'miniport', bytes: 4, value: 0 }],
    [abi.OID_GEN_XMIT_OK, { query: 'miniport', bytes: 4, value: 0 }],
    [abi.OID_GEN_RECEIVE_BLOCK_SIZE, { query: 'miniport', bytes: 4, value: FRAME }],
    [abi.OID_GEN_TRANSMIT_BLOCK_SIZE, { query: 'miniport', bytes: 4, value: FRAME }],
    [abi.OID_GEN_RECEIVE_BUFFER_SPACE, { query: 'miniport', bytes: 4, value: 64 * FRAME }],
    [abi.OID_GEN_TRANSMIT_BUFFER_SPACE, { query: 'miniport', bytes: 4, value: 128 * FRAME }],
    [abi.OID_GEN_STATISTICS, { query: 'miniport', bytes: abi.NDIS_SIZEOF_STATISTICS_INFO_REVISION_1 }],
    [abi.OID_GEN_VENDOR_DESCRIPTION, { query: 'miniport', bytes: 20 }],
    [abi.OID_GEN_VENDOR_DRIVER_VERSION, { query: 'miniport', bytes: 4, value: 0x0001_0000 }],
    [abi.OID_GEN_VENDOR_ID, { query: 'miniport', bytes: 4, value: 0x00ff_ffff }],
    // In place of the miniport:
    [abi.OID_GEN_SUPPORTED_LIST, { query: 'NDIS' }],
    [abi.OID_GEN_HARDWARE_STATUS, { query: 'NDIS', bytes: 4, value: 0 }],
    [abi.OID_GEN_MEDIA_SUPPORTED, { query: 'NDIS', bytes: 4, value: 0 }],
    [abi.OID_GEN_MEDIA_IN_USE, { query: 'NDIS', bytes: 4, value: 0 }],
    [abi.OID_GEN_PHYSICAL_MEDIUM, { query: 'NDIS', bytes: 4, value: 14 }],
    [abi.OID_GEN_MAXIMUM_LOOKAHEAD, { query: 'NDIS', bytes: 4, value: MTU }],
    [abi.OID_GEN_MAXIMUM_FRAME_SIZE, { query: 'NDIS', bytes: 4, value: MTU }],
    [abi.OID_GEN_LINK_SPEED, { query: 'NDIS', bytes: 4, value: 100_000_000 }],
    [abi.OID_GEN_LINK_SPEED_EX, { query: 'NDIS', bytes: 16 }],
    [abi.OID_GEN_MAX_LINK_SPEED, { query: 'NDIS', bytes: 16 }],
    [abi.OID_GEN_XMIT_LINK_SPEED, { query: 'NDIS', bytes: 8 }],
    [abi.OID_GEN_RCV_LINK_SPEED, { query: 'NDIS', bytes: 8 }],
    [abi.OID_GEN_LINK_STATE, { query: 'NDIS', bytes: abi.NDIS_SIZEOF_LINK_STATE_REVISION_1 }],
    [abi.OID_GEN_MEDIA_CONNECT_STATUS, { query: 'NDIS', bytes: 4, value: 0 }],
    [abi.OID_GEN_MEDIA_CONNECT_STATUS_EX, { query: 'NDIS', bytes: 4, value: 1 }],
    [abi.OID_GEN_MEDIA_DUPLEX_STATE, { query: 'NDIS', bytes: 4, value: 2 }],
    [abi.OID_GEN_MAC_OPTIONS, { query: 'NDIS', bytes: 4, value: 0x248 }],
    [abi.OID_GEN_DRIVER_VERSION, { query: 'NDIS', bytes: 2 }],
    [
      abi.OID_GEN_RECEIVE_SCALE_CAPABILITIES,
      {
        query: 'NDIS',
        bytes: abi.NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2,
      },
    ],
    [abi.OID_802_3_PERMANENT_ADDRESS, { query: 'NDIS', bytes: 6 }],
    [abi.OID_802_3_CURRENT_ADDRESS, { query: 'NDIS', bytes: 6 }],
    [abi.OID_802_3_MAXIMUM_LIST_SIZE, { query: 'NDIS', bytes: 4, value: 32 }],
    [
      abi.OID_802_3_MULTICAST_LIST,
      {
        query: 'NDIS',
        set: 'miniport',
        bytes: 0,
        input: Uint8Array.of(1, 0, 0x5e, 0, 0, 1),
      },
    ],
    // NDIS asks the miniport for OID_GEN_STATISTICS in their place.
    [abi.OID_GEN_RCV_ERROR, { query: 'miniport', bytes: 4, value: 0 }],
    [abi.OID_GEN_RCV_DISCARDS, { query: 'miniport', bytes: 4, value: 0 }],
    [abi.OID_GEN_XMIT_ERROR, { query: 'miniport', bytes: 4, value: 0 }],
    [abi.OID_GEN_BYTES_RCV, { query: 'miniport', bytes: 4, value: 0 }],
    [abi.OID_GEN_BYTES_XMIT, { query: 'miniport', bytes: 4, value: 0 }],
  ] satisfies [number, Row][]
).map(([oid, row]) => [abi.oidName(oid), oid, row]);

function bound(keywords: Readonly<Record<string, number>> = {}, minor: 20 | 30 | 60 = 30): Bench {
  const bench = createMachineBench({
    profile: 'vmq-nic',
    keywords,
    miniport: { minorNdisVersion: minor, receiveRingEntries: 64, transmitRingEntries: 128 },
  });
  expect(bench.add()).toBe(SUCCESS);
  return bench;
}

/** OIDs that reach the miniport from here on. */
function watch(bench: Bench): number[] {
  const seen: number[] = [];
  bench.ndis.interpose({
    oidRequest: (_adapter, request, { down }) => {
      seen.push(request.oid);
      return down();
    },
  });
  return seen;
}

const ask = (bench: Bench, request: OidRequest): string =>
  statusName(bench.binding.oidRequestAndWait(request));

describe('INIT-22', () => {
  it.each(ROWS)(
    '%s: a query is answered by whom its page says, in its size, and not in less',
    (_name, oid, row) => {
      const bench = bound();
      const seen = watch(bench);
      const request = queryRequest(oid, row.bytes === undefined ? 4096 : row.bytes);
      if (row.query === undefined) {
        expect(ask(bench, request)).toBe(NOT_SUPPORTED);
        return;
      }
      expect(ask(bench, request)).toBe(SUCCESS);
      expect(seen.length).toBe(row.query === 'miniport' ? 1 : 0);
      if (row.bytes !== undefined) expect(request.bytesWritten).toBe(row.bytes);
      if (row.value !== undefined)
        expect(new DataView(request.informationBuffer.buffer).getUint32(0, true)).toBe(row.value);
      const statistics = queryStatisticsRequest(oid, 4096);
      expect(ask(bench, statistics)).toBe(SUCCESS);
      if (request.bytesWritten === 0) return;
      const short = queryRequest(oid, request.bytesWritten - 1);
      expect(ask(bench, short)).toBe(INVALID_LENGTH);
      expect(short.bytesNeeded).toBeGreaterThanOrEqual(request.bytesWritten);
      expect(ask(bench, queryRequest(oid, short.bytesNeeded))).toBe(SUCCESS);
    },
  );

  it.each(ROWS)('%s: a set is taken or refused as its page says', (_name, oid, row) => {
    const bench = bound();
    const seen = watch(bench);
    const request = setRequest(oid, row.input ?? word(0));
    if (row.set === undefined) {
      expect(ask(bench, request)).toBe(NOT_SUPPORTED);
      return;
    }
    expect(ask(bench, request)).toBe(SUCCESS);
    expect(seen).toEqual([oid]);
    expect([request.bytesRead, request.supportedRevision > 0]).toEqual([request.inputBufferLength, true]);
    const short = setRequest(oid, (row.input as Uint8Array).subarray(0, 3));
    expect(ask(bench, short)).toBe(INVALID_LENGTH);
  });

  it.each(ROWS)('%s: it is no method', (_name, oid) => {
    expect(ask(bound(), methodRequest(oid, word(0)))).toBe(NOT_SUPPORTED);
  });

  it('what the miniport answers it names in its supported list, and answers all it names', () => {
    const bench = bound();
    const list = queryRequest(abi.OID_GEN_SUPPORTED_LIST, 4096);
    expect(statusName(bench.adapter.userModeRequest(list))).toBe(SUCCESS);
    const bytes = outputOf(list);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const named = Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
    const own = ROWS.filter(([, , row]) => row.query === 'miniport' || row.set === 'miniport');
    const fromStatistics = [/ERROR$/, /DISCARDS$/, /BYTES_(RCV|XMIT)$/];
    for (const [name, oid] of own)
      if (!fromStatistics.some((pattern) => pattern.test(name))) expect(named).toContain(oid);
    // A protocol is not told of statistics.
    const short = queryRequest(abi.OID_GEN_SUPPORTED_LIST, 4096);
    expect(ask(bench, short)).toBe(SUCCESS);
    expect(short.bytesWritten).toBe(
      list.bytesWritten - 4 * named.filter((oid) => ((oid >>> 16) & 255) === 2).length,
    );
  });

  it.each([
    [20, [20, 6]],
    [30, [30, 6]],
    [60, [60, 6]],
  ] as const)('a miniport of NDIS 6.%i says so in OID_GEN_DRIVER_VERSION', (minor, bytes) => {
    const request = queryRequest(abi.OID_GEN_DRIVER_VERSION, 2);
    expect(ask(bound({}, minor), request)).toBe(SUCCESS);
    expect([...outputOf(request)]).toEqual(bytes);
  });

  it('frames are counted in each OID that counts them', () => {
    const bench = bound();
    expect(statusName(bench.adapter.restart())).toBe(SUCCESS);
    expect(ask(bench, setRequest(abi.OID_GEN_CURRENT_PACKET_FILTER, word(0x20)))).toBe(SUCCESS);
    bench.receive(frame(7, { length: 100 }), frame(8, { length: 60 }));
    const count = (oid: number, room: number): number => {
      const request = queryRequest(oid, room);
      expect(ask(bench, request)).toBe(SUCCESS);
      const view = new DataView(request.informationBuffer.buffer);
      expect([request.bytesWritten, request.bytesNeeded]).toEqual([room, 8]);
      return room === 8 ? Number(view.getBigUint64(0, true)) : view.getUint32(0, true);
    };
    for (const room of [4, 8]) {
      expect(count(abi.OID_GEN_RCV_OK, room)).toBe(2);
      expect(count(abi.OID_GEN_BYTES_RCV, room)).toBe(160);
      expect(count(abi.OID_GEN_XMIT_OK, room)).toBe(0);
    }
  });
});

describe('INT-10: OID_GEN_INTERRUPT_MODERATION', () => {
  const enabled = (bench: Bench): number => {
    const request = queryRequest(abi.OID_GEN_INTERRUPT_MODERATION, 12);
    expect(ask(bench, request)).toBe(SUCCESS);
    const decoded = abi.NDIS_INTERRUPT_MODERATION_PARAMETERS.decode(outputOf(request));
    return decoded.ok ? decoded.value.InterruptModeration : -1;
  };
  const set = (bench: Bench, InterruptModeration: number): string =>
    ask(
      bench,
      setRequest(
        abi.OID_GEN_INTERRUPT_MODERATION,
        abi.NDIS_INTERRUPT_MODERATION_PARAMETERS.encode({ InterruptModeration }),
      ),
    );
  const { NdisInterruptModerationEnabled: ON, NdisInterruptModerationDisabled: OFF } =
    abi.NDIS_INTERRUPT_MODERATION;

  /** Interrupts of `rounds` frames, 1 µs apart. */
  function interrupts(bench: Bench, rounds: number): number {
    const before = bench.registers.read32(REG.INTERRUPTS);
    for (let i = 0; i < rounds; i++) {
      bench.put(frame(7, { length: 100 }));
      bench.executor.runFor(1000);
    }
    bench.executor.runFor(1e6);
    return bench.registers.read32(REG.INTERRUPTS) - before;
  }

  it('a set acts on the device: fewer interrupts, and all frames', () => {
    const bench = bound();
    expect(statusName(bench.adapter.restart())).toBe(SUCCESS);
    expect(ask(bench, setRequest(abi.OID_GEN_CURRENT_PACKET_FILTER, word(0x20)))).toBe(SUCCESS);
    expect(enabled(bench)).toBe(OFF);
    const before = interrupts(bench, 40);
    expect(set(bench, ON)).toBe(SUCCESS);
    expect(enabled(bench)).toBe(ON);
    const moderated = interrupts(bench, 40);
    expect(set(bench, OFF)).toBe(SUCCESS);
    const after = interrupts(bench, 40);
    expect(moderated).toBeLessThan(before / 4);
    expect(moderated).toBeGreaterThan(0);
    // How many frames one interrupt finds is the schedule's to say.
    expect(after).toBeGreaterThan(4 * moderated);
    expect(bench.frames).toHaveLength(120);
  });

  it('a reset, and low power, leave it as it was set', () => {
    const bench = bound();
    expect(statusName(bench.adapter.restart())).toBe(SUCCESS);
    expect(set(bench, ON)).toBe(SUCCESS);
    const interval = bench.registers.read32(REG.RXITR);
    expect(interval).toBeGreaterThan(0);
    expect(statusName(bench.adapter.reset())).toBe(SUCCESS);
    expect([bench.registers.read32(REG.RXITR), enabled(bench)]).toEqual([interval, ON]);
  });

  it('*InterruptModeration says how the driver begins', () => {
    expect(enabled(bound({ '*InterruptModeration': 1 }))).toBe(ON);
    expect(enabled(bound({ '*InterruptModeration': 0 }))).toBe(OFF);
  });
});

describe('CAP-01: RSS capabilities of the hardware', () => {
  it.each([[{}], [{ '*RssOrVmqPreference': 1, '*VMQ': 1 }], [{ '*RSS': 1 }], [{ '*RSS': 0 }]] as const)(
    'are the same with keywords %j, and RSS is not in use by them',
    (keywords) => {
      const bench = bound(keywords);
      const request = queryRequest(abi.OID_GEN_RECEIVE_SCALE_CAPABILITIES, 18);
      expect(ask(bench, request)).toBe(SUCCESS);
      const decoded = abi.NDIS_RECEIVE_SCALE_CAPABILITIES.decode(outputOf(request));
      expect(decoded.ok && decoded.value).toMatchObject({ NumberOfReceiveQueues: 65 });
      expect(ask(bench, queryRequest(abi.OID_GEN_RECEIVE_SCALE_PARAMETERS, 64))).toBe(NOT_SUPPORTED);
    },
  );
});

it('CAP-34: MacOptions have 802.1p priority and, with VLAN support, 802.1Q', () => {
  const request = queryRequest(abi.OID_GEN_MAC_OPTIONS, 4);
  expect(ask(bound(), request)).toBe(SUCCESS);
  const options = new DataView(request.informationBuffer.buffer).getUint32(0, true);
  const wanted = abi.NDIS_MAC_OPTION_8021P_PRIORITY | abi.NDIS_MAC_OPTION_8021Q_VLAN;
  expect(options & wanted).toBe(wanted);
});

it('OID_GEN_LINK_PARAMETERS: the device has one speed, and takes no other', () => {
  const bench = bound();
  const speed = 10_000_000_000n;
  const set = (change: object): string => {
    const bytes = abi.NDIS_LINK_PARAMETERS.encode({
      MediaDuplexState: 2,
      XmitLinkSpeed: speed,
      RcvLinkSpeed: speed,
      ...change,
    });
    return ask(bench, setRequest(abi.OID_GEN_LINK_PARAMETERS, bytes));
  };
  expect(set({})).toBe(SUCCESS);
  expect(set({ XmitLinkSpeed: 1_000_000_000n })).toBe('NDIS_STATUS_INVALID_DATA');
  expect(set({ MediaDuplexState: 1 })).toBe('NDIS_STATUS_INVALID_DATA');
  expect(set({ XmitLinkSpeed: 0n, RcvLinkSpeed: 0n, MediaDuplexState: 0, AutoNegotiationFlags: 7 })).toBe(
    SUCCESS,
  );
});
