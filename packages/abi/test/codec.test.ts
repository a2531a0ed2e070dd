import { describe, expect, test } from 'vitest';
import type { DecodeResult, Refusal } from '../src/codec/result.ts';
import { refusalStatus, refusalText } from '../src/codec/result.ts';
import * as constants from '../src/generated/constants/all.ts';
import {
  NDIS_FRAME_HEADER,
  NDIS_MAC_HEADER_FIELD,
  NDIS_RECEIVE_FILTER_TEST,
  NDIS_RECEIVE_FILTER_TYPE,
  NDIS_RECEIVE_QUEUE_TYPE,
} from '../src/generated/constants/enums.ts';
import {
  NDIS_NET_BUFFER_LIST_8021Q_INFO,
  NDIS_NET_BUFFER_LIST_FILTERING_INFO,
  NDIS_NIC_SWITCH_PARAMETERS,
  NDIS_OBJECT_HEADER,
  NDIS_OID_REQUEST,
  NDIS_RECEIVE_FILTER_FIELD_PARAMETERS,
  NDIS_RECEIVE_FILTER_INFO_ARRAY,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_INFO_ARRAY,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RSS_PROCESSOR_INFO,
  NDIS_STATUS_INDICATION,
  SCATTER_GATHER_LIST,
} from '../src/generated/structs/all.ts';

function read<T>(result: DecodeResult<T>): T {
  if (!result.ok) throw new Error(refusalText(result.refusal));
  return result.value;
}

function refusalOf(result: DecodeResult<unknown>): Refusal {
  if (result.ok) throw new Error('decoded, though it should have been refused');
  return result.refusal;
}

const setU32 = (bytes: Uint8Array, at: number, value: number): void =>
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value, true);

const macTest = (last: number) => ({
  FrameHeader: NDIS_FRAME_HEADER.NdisFrameHeaderMac,
  ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual,
  HeaderField: { MacHeaderField: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldDestinationAddress },
  FieldValue: { FieldByteArrayValue: Uint8Array.of(0, 0x15, 0x5d, 0, 0, last) },
});

const vlanTest = (vlan: number) => ({
  FrameHeader: NDIS_FRAME_HEADER.NdisFrameHeaderMac,
  ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual,
  HeaderField: { MacHeaderField: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldVlanId },
  FieldValue: { FieldShortValue: vlan },
});

const filter = () =>
  NDIS_RECEIVE_FILTER_PARAMETERS.encode({
    FilterType: NDIS_RECEIVE_FILTER_TYPE.NdisReceiveFilterTypeVMQueue,
    QueueId: 1,
    elements: [macTest(7), vlanTest(100)],
  });

describe('sizes', () => {
  test('every NDIS_SIZEOF macro of a codec agrees with its layout', async () => {
    const { codecOf, structNames } = await import('../src/names/codec-by-name.ts');
    const macros = constants as Readonly<Record<string, number | bigint>>;
    let compared = 0;
    for (const name of structNames()) {
      for (const { revision } of codecOf(name)!.layout.revisions) {
        const macro = macros[`NDIS_SIZEOF_${name.replace(/^NDIS_/, '')}_REVISION_${revision}`];
        if (macro === undefined) continue;
        expect([name, revision, codecOf(name)!.sizeOf(revision)]).toEqual([name, revision, macro]);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(50);
  });

  test('Header.Size is not sizeof: queue parameters are 1084 and 1092 bytes, 1088 and 1096 apart', () => {
    const codec = NDIS_RECEIVE_QUEUE_PARAMETERS;
    expect([codec.sizeOf(1), codec.sizeOf(2), codec.minimumSize]).toEqual([1084, 1092, 1084]);
    expect([codec.strideOf(1), codec.strideOf(2)]).toEqual([1088, 1096]);
    expect([codec.newestRevision(620), codec.newestRevision()]).toEqual([1, 2]);
    expect(() => codec.sizeOf(3)).toThrow(RangeError);
  });
});

describe('reading headers', () => {
  const queue = (revision: number) => NDIS_RECEIVE_QUEUE_PARAMETERS.encode({ QueueId: 3 }, { revision });

  test('the header alone can be read first', () => {
    expect(read(NDIS_OBJECT_HEADER.decode(queue(2)))).toEqual({ Type: 0x80, Revision: 2, Size: 1092 });
  });

  test('a short buffer says how many bytes its revision needs', () => {
    expect(refusalOf(NDIS_RECEIVE_QUEUE_PARAMETERS.decode(new Uint8Array(0)))).toMatchObject({
      reason: 'short',
      bytesNeeded: 1084,
    });
    const refusal = refusalOf(NDIS_RECEIVE_QUEUE_PARAMETERS.decode(queue(2).subarray(0, 1091)));
    expect(refusal).toMatchObject({ reason: 'short', bytesNeeded: 1092, found: '1091 bytes' });
    expect(refusalStatus(refusal)).toBe(constants.NDIS_STATUS_INVALID_LENGTH);
  });

  test('a short buffer is short even when its header is unfilled', () => {
    expect(refusalOf(NDIS_RECEIVE_QUEUE_PARAMETERS.decode(new Uint8Array(8))).reason).toBe('short');
  });

  test('another object type, revision 0 and a size below the revision are refused', () => {
    const damaged = (at: number, byte: number) => {
      const bytes = queue(2);
      bytes[at] = byte;
      return refusalOf(NDIS_RECEIVE_QUEUE_PARAMETERS.decode(bytes));
    };
    expect(damaged(0, 0x96)).toMatchObject({ reason: 'bad-header', field: 'Header.Type', found: '0x96' });
    expect(damaged(1, 0)).toMatchObject({ reason: 'bad-revision', field: 'Header.Revision' });
    expect(damaged(2, 0x43)).toMatchObject({ reason: 'bad-header', field: 'Header.Size', found: '1091' });
    expect(refusalStatus(damaged(1, 0))).toBe(constants.NDIS_STATUS_INVALID_PARAMETER);
  });

  test('NDIS 6.20 reads a revision 2 buffer as revision 1', () => {
    const bytes = NDIS_RECEIVE_QUEUE_PARAMETERS.encode({ QueueId: 3, PortId: 9 });
    expect(read(NDIS_RECEIVE_QUEUE_PARAMETERS.decode(bytes)).PortId).toBe(9);
    const old = read(NDIS_RECEIVE_QUEUE_PARAMETERS.decode(bytes, { ndis: 620 }));
    expect(old.QueueId).toBe(3);
    expect('PortId' in old).toBe(false);
  });

  test('what NDIS 6.20 has read of revision 2 elements it writes as revision 1, where they were (fuzz seed 20261123)', () => {
    const codec = NDIS_RECEIVE_QUEUE_INFO_ARRAY;
    // Elements of revision 1 that state 2, as close together as those of revision 1 may be.
    const bytes = codec.encode({ elements: [{ QueueId: 1 }, { QueueId: 2 }] }, { ndis: 620 });
    const first = read(codec.decode(bytes)).FirstElementOffset;
    for (const at of [first, first + 1088]) bytes[at + 1] = 2;
    const value = read(codec.decode(bytes, { ndis: 620 }));
    const again = codec.encode(value, { ndis: 620 });
    expect(again.length).toBe(bytes.length);
    expect(read(codec.decode(again, { ndis: 620 })).elements.map(({ QueueId }) => QueueId)).toEqual([1, 2]);
    // Without a limit elements keep the revision that they state, whatever their head's.
    const newer = codec.encode({ elements: [{ QueueId: 1, NumFilters: 3 }] });
    expect(read(codec.decode(codec.encode(read(codec.decode(newer))))).elements[0]?.NumFilters).toBe(3);
  });

  test('NDIS 6.20 does not know a 6.30 structure', () => {
    const bytes = NDIS_NIC_SWITCH_PARAMETERS.encode({});
    expect(refusalOf(NDIS_NIC_SWITCH_PARAMETERS.decode(bytes, { ndis: 620 })).reason).toBe('bad-revision');
  });

  test('a revision later than any known is read as the newest one, and can be written back', () => {
    const later = new Uint8Array(1100);
    later.set(NDIS_RECEIVE_QUEUE_PARAMETERS.encode({ PortId: 4 }));
    later.set([3, 1100 & 0xff, 1100 >> 8], 1);
    const result = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(later);
    expect(read(result)).toMatchObject({ PortId: 4, Header: { Revision: 3, Size: 1100 } });
    const again = NDIS_RECEIVE_QUEUE_PARAMETERS.encode(read(result));
    expect([again.length, again[1]]).toEqual([1092, 2]);
  });

  test('a filter info array whose revision holds its size (as its page says) is still read', () => {
    for (const [revision, size] of [
      [1, 20],
      [2, 28],
    ] as const) {
      const bytes = NDIS_RECEIVE_FILTER_INFO_ARRAY.encode({ QueueId: 5 }, { revision });
      bytes[1] = size;
      const value = read(NDIS_RECEIVE_FILTER_INFO_ARRAY.decode(bytes));
      expect([value.QueueId, 'VPortId' in value]).toEqual([5, revision === 2]);
    }
  });
});

describe('arrays', () => {
  test('FLT-06 QUE-18: an array past the buffer is short, and bytesNeeded is where it ends', () => {
    const bytes = filter();
    const refusal = refusalOf(NDIS_RECEIVE_FILTER_PARAMETERS.decode(bytes.subarray(0, bytes.length - 1)));
    expect(refusal).toMatchObject({ reason: 'short', field: 'elements', bytesNeeded: bytes.length });
    expect(refusalStatus(refusal)).toBe(constants.NDIS_STATUS_INVALID_LENGTH);
  });

  test('QUE-18: bytesNeeded of an absurd count stays a ULONG', () => {
    const bytes = filter();
    setU32(bytes, 24, 0xffffffff);
    expect(refusalOf(NDIS_RECEIVE_FILTER_PARAMETERS.decode(bytes))).toMatchObject({
      reason: 'short',
      bytesNeeded: 0xffffffff,
    });
  });

  test('FLT-06: an offset inside the head is bad geometry, whatever the length', () => {
    const bytes = filter();
    setU32(bytes, 20, 43);
    const refusal = refusalOf(NDIS_RECEIVE_FILTER_PARAMETERS.decode(bytes.subarray(0, 60)));
    expect(refusal).toMatchObject({ reason: 'bad-offset', field: 'FieldParametersArrayOffset', found: '43' });
    expect(refusalStatus(refusal)).toBe(constants.NDIS_STATUS_INVALID_PARAMETER);
  });

  test('FLT-06 QUE-18: a head that is longer than any known is left whole: elements begin behind what it says', () => {
    const known = filter();
    const [head, extra] = [48, 16];
    // A later revision: 16 more bytes in the head, the elements behind them.
    const later = new Uint8Array(known.length + extra);
    later.set(known.subarray(0, head));
    later.fill(0xee, head, head + extra);
    later.set(known.subarray(head), head + extra);
    later[1] = 9;
    new DataView(later.buffer).setUint16(2, head + extra, true);
    setU32(later, 20, head + extra);
    const [a, b] = [
      read(NDIS_RECEIVE_FILTER_PARAMETERS.decode(known)),
      read(NDIS_RECEIVE_FILTER_PARAMETERS.decode(later)),
    ];
    expect(b.elements).toEqual(a.elements);
    for (const inside of [head, head + 1, head + extra - 1]) {
      setU32(later, 20, inside);
      expect(refusalOf(NDIS_RECEIVE_FILTER_PARAMETERS.decode(later))).toMatchObject({
        reason: 'bad-offset',
        expected: `at least ${head + extra}, past the head`,
        found: `${inside}`,
      });
    }
  });

  test('FLT-06: an undersized element is bad geometry', () => {
    const bytes = filter();
    setU32(bytes, 28, 55);
    expect(refusalOf(NDIS_RECEIVE_FILTER_PARAMETERS.decode(bytes))).toMatchObject({
      reason: 'bad-stride',
      field: 'FieldParametersArrayElementSize',
      found: '55',
    });
  });

  test('QUE-18: a stride that fits revision 1 but not the element in it is refused as a stride', () => {
    const bytes = NDIS_RECEIVE_QUEUE_INFO_ARRAY.encode({ elements: [{ QueueId: 1 }] });
    setU32(bytes, 12, 1088);
    expect(refusalOf(NDIS_RECEIVE_QUEUE_INFO_ARRAY.decode(bytes))).toMatchObject({
      reason: 'bad-stride',
      field: 'ElementSize',
    });
  });

  test('a bad element is named by its place', () => {
    const bytes = filter();
    bytes[48 + 56] = 0;
    expect(refusalOf(NDIS_RECEIVE_FILTER_PARAMETERS.decode(bytes)).field).toBe('elements[1].Header.Type');
  });

  test('QUE-18: an empty array is well formed and its offset and stride mean nothing', () => {
    const bytes = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.encode({
      FirstElementOffset: 3,
      ElementSize: 1,
    });
    expect(bytes.length).toBe(20);
    expect(read(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.decode(bytes)).elements).toEqual([]);
  });

  test('geometry is filled in as a C compiler would lay it out', () => {
    const head = (revision: number) => {
      const bytes = NDIS_RECEIVE_FILTER_PARAMETERS.encode({ elements: [macTest(1)] }, { revision });
      const v = read(NDIS_RECEIVE_FILTER_PARAMETERS.decode(bytes));
      return [
        v.FieldParametersArrayOffset,
        v.FieldParametersArrayElementSize,
        v.elements[0]!.Header.Revision,
      ];
    };
    expect(head(1)).toEqual([40, 56, 1]);
    expect(head(2)).toEqual([48, 56, 2]);
  });

  test('ndis 620 writes the older elements too', () => {
    const elements = [{ QueueId: 1, VmName: 'a' }];
    expect(NDIS_RECEIVE_QUEUE_INFO_ARRAY.encode({ elements }, { ndis: 620 }).length).toBe(16 + 1088);
    expect(NDIS_RECEIVE_QUEUE_INFO_ARRAY.encode({ elements }).length).toBe(16 + 1096);
    expect(NDIS_RECEIVE_QUEUE_INFO_ARRAY.encodedLength({ elements })).toBe(16 + 1096);
  });

  test('elements without a header, and a scatter/gather list whose array has a fixed place', () => {
    const rss = NDIS_RSS_PROCESSOR_INFO.encode({
      elements: [{ ProcNum: { Group: 1, Number: 6 }, PreferenceIndex: 9 }],
    });
    const rssInfo = read(NDIS_RSS_PROCESSOR_INFO.decode(rss));
    expect([rssInfo.RssProcessorEntrySize, rssInfo.elements[0]]).toEqual([
      8,
      { ProcNum: { Group: 1, Number: 6, Reserved: 0 }, PreferenceIndex: 9 },
    ]);
    const list = SCATTER_GATHER_LIST.encode({ Elements: [{ Address: 0x1_0000_2000n, Length: 4096 }] });
    expect(list.length).toBe(40);
    expect(read(SCATTER_GATHER_LIST.decode(list)).Elements).toEqual([
      { Address: 0x1_0000_2000n, Length: 4096, Reserved: 0n },
    ]);
    expect(refusalOf(SCATTER_GATHER_LIST.decode(list.subarray(0, 39)))).toMatchObject({ bytesNeeded: 40 });
  });
});

describe('values', () => {
  test('FLT-10: filter values are big-endian in memory and host numbers in values', () => {
    const bytes = filter();
    expect([...bytes.subarray(48 + 56 + 24, 48 + 56 + 26)]).toEqual([0x00, 0x64]);
    expect(read(NDIS_RECEIVE_FILTER_PARAMETERS.decode(bytes)).elements[1]!.FieldValue).toEqual({
      FieldShortValue: 100,
    });
  });

  test('FLT-10: the MAC is the first six bytes of FieldByteArrayValue', () => {
    const value = read(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.decode(filter().subarray(48)));
    const expected = new Uint8Array(16);
    expected.set([0, 0x15, 0x5d, 0, 0, 7]);
    expect(value.FieldValue).toEqual({ FieldByteArrayValue: expected });
  });

  test('FLT-09: the result is read in the width of its field when the test is MaskEqual', () => {
    const masked = {
      ...vlanTest(0x0fff),
      ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestMaskEqual,
      ResultValue: { ResultShortValue: 0x0123 },
    };
    const bytes = NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.encode(masked);
    expect(read(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.decode(bytes)).ResultValue).toEqual({
      ResultShortValue: 0x0123,
    });
  });

  test('an unknown header field shows all 16 bytes', () => {
    const bytes = NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.encode({
      FrameHeader: 77,
      FieldValue: { FieldLongValue: 1 },
    });
    const { FieldValue } = read(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.decode(bytes));
    expect(FieldValue).toEqual({
      FieldByteArrayValue: Uint8Array.of(0, 0, 0, 1, ...new Array<number>(12).fill(0)),
    });
  });

  test('statuses are unsigned numbers', () => {
    const bytes = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS.encode({
      CompletionStatus: constants.NDIS_STATUS_RESOURCES,
    });
    expect(read(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS.decode(bytes)).CompletionStatus).toBe(
      0xc000009a,
    );
    const indication = NDIS_STATUS_INDICATION.encode({
      StatusCode: constants.NDIS_STATUS_RECEIVE_QUEUE_STATE,
    });
    expect(read(NDIS_STATUS_INDICATION.decode(indication))).toMatchObject({
      Header: { Type: constants.NDIS_OBJECT_TYPE_STATUS_INDICATION },
      StatusCode: 0x4002000d,
    });
  });

  test('a counted string takes 257 code units, counts bytes, and needs no valid text', () => {
    const VmName = `\ud800${'x'.repeat(256)}`;
    const bytes = NDIS_RECEIVE_QUEUE_PARAMETERS.encode({ VmName });
    expect(bytes[52]! + bytes[53]! * 256).toBe(514);
    expect(read(NDIS_RECEIVE_QUEUE_PARAMETERS.decode(bytes)).VmName).toBe(VmName);
  });

  test('a counted string with an odd or excessive length is refused', () => {
    for (const length of [1, 513, 516, 0xffff]) {
      const bytes = NDIS_RECEIVE_QUEUE_PARAMETERS.encode({});
      new DataView(bytes.buffer).setUint16(568, length, true);
      expect(refusalOf(NDIS_RECEIVE_QUEUE_PARAMETERS.decode(bytes))).toMatchObject({
        reason: 'bad-string',
        field: 'QueueName.Length',
        found: `${length}`,
      });
    }
  });

  test('the data of an OID request follows its request type', () => {
    const bytes = NDIS_OID_REQUEST.encode({
      RequestType: 12,
      DATA: { METHOD_INFORMATION: { Oid: constants.OID_RECEIVE_FILTER_ALLOCATE_QUEUE, BytesNeeded: 1092 } },
    });
    expect(read(NDIS_OID_REQUEST.decode(bytes)).DATA).toMatchObject({
      METHOD_INFORMATION: { Oid: 0x10223, BytesNeeded: 1092 },
    });
  });

  test('NBL slots are one-key objects', () => {
    const tag = { UserPriority: 7, CanonicalFormatId: 1, VlanId: 0xfff, Reserved: 0 };
    const bytes = NDIS_NET_BUFFER_LIST_8021Q_INFO.encode({ TagHeader: tag });
    expect([...bytes]).toEqual([0xff, 0xff, 0, 0, 0, 0, 0, 0]);
    expect(read(NDIS_NET_BUFFER_LIST_8021Q_INFO.decode(bytes))).toEqual({ TagHeader: tag });
    expect(NDIS_NET_BUFFER_LIST_8021Q_INFO.encode({ Value: 0xffffn })).toEqual(bytes);
    const slot = { FilteringInfo: { FilterId: 2, QueueVPortInfo: { VPortId: 0x0102 } } };
    expect([...NDIS_NET_BUFFER_LIST_FILTERING_INFO.encode(slot)]).toEqual([2, 0, 2, 1, 0, 0, 0, 0]);
  });
});

describe('memory', () => {
  test('values share no memory with the buffer, and buffers may lie in shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(4096), 128);
    const bytes = NDIS_RECEIVE_FILTER_PARAMETERS.encode({ elements: [macTest(9)] }, { into: shared });
    expect(bytes.byteOffset).toBe(128);
    const { elements } = read(NDIS_RECEIVE_FILTER_PARAMETERS.decode(bytes));
    shared.fill(0xff);
    const { FieldByteArrayValue } = elements[0]!.FieldValue as { FieldByteArrayValue: Uint8Array };
    expect(FieldByteArrayValue[5]).toBe(9);
    expect(FieldByteArrayValue.buffer).toBeInstanceOf(ArrayBuffer);
  });

  test('into: padding is cleared, bytes past the structure are kept, a small target is refused', () => {
    const target = new Uint8Array(1100).fill(0xee);
    const bytes = NDIS_RECEIVE_QUEUE_PARAMETERS.encode({}, { into: target });
    expect(bytes.length).toBe(1092);
    expect([...target.subarray(20, 24)]).toEqual([0, 0, 0, 0]);
    expect(target[1092]).toBe(0xee);
    expect(() => NDIS_RECEIVE_QUEUE_PARAMETERS.encode({}, { into: new Uint8Array(1091) })).toThrow(
      /1092 bytes/,
    );
  });
});

describe('mistakes in encoding throw a RangeError that names the member', () => {
  const Q = NDIS_RECEIVE_QUEUE_PARAMETERS;
  const mistakes: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['a number too large', () => Q.encode({ QueueId: 2 ** 32 }), /NDIS_RECEIVE_QUEUE_PARAMETERS\.QueueId/],
    ['a negative number', () => Q.encode({ Flags: -1 }), /\.Flags/],
    ['a fraction', () => Q.encode({ QueueId: 1.5 }), /\.QueueId/],
    [
      'a wide number out of range',
      () => Q.encode({ ProcessorAffinity: { Mask: -1n } }),
      /\.ProcessorAffinity\.Mask/,
    ],
    ['a string too long', () => Q.encode({ VmName: 'x'.repeat(258) }), /\.VmName.*257/],
    ['a revision that does not exist', () => Q.encode({}, { revision: 3 }), /revisions 1 to 2/],
    ['a later member', () => Q.encode({ PortId: 5 }, { revision: 1 }), /\.PortId: exists from revision 2/],
    ['another object type', () => Q.encode({ Header: { Type: 0x96 } }), /\.Header\.Type/],
    ['a misspelt member', () => Q.encode({ QueueID: 1 } as object), /\.QueueID: is no member/],
    [
      'two members of one union',
      () =>
        NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.encode({
          FieldValue: { FieldByteValue: 1, FieldShortValue: 2 },
        }),
      /\.FieldValue: takes one member/,
    ],
    [
      'bits too wide',
      () => NDIS_NET_BUFFER_LIST_8021Q_INFO.encode({ TagHeader: { VlanId: 4096 } }),
      /VlanId.*4095/,
    ],
    [
      'a count that is not the elements',
      () => NDIS_RECEIVE_QUEUE_INFO_ARRAY.encode({ NumElements: 2, elements: [{}] }),
      /NumElements/,
    ],
    [
      'an offset inside the head',
      () => NDIS_RECEIVE_QUEUE_INFO_ARRAY.encode({ FirstElementOffset: 8, elements: [{}] }),
      /FirstElementOffset/,
    ],
    [
      'a stride below the element',
      () => NDIS_RECEIVE_QUEUE_INFO_ARRAY.encode({ ElementSize: 1088, elements: [{}] }),
      /ElementSize.*1092/,
    ],
    [
      'bytes too many',
      () =>
        NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.encode({
          FieldValue: { FieldByteArrayValue: new Uint8Array(17) },
        }),
      /FieldByteArrayValue.*16/,
    ],
  ];
  for (const [what, act, message] of mistakes) {
    test(what, () => {
      expect(act).toThrow(RangeError);
      expect(act).toThrow(message);
    });
  }

  test('a later member that is zero loses nothing', () => {
    expect(
      Q.encode({ QueueType: NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue, PortId: 0 }, { revision: 1 })
        .length,
    ).toBe(1084);
  });
});
