import { describe, expect, test } from 'vitest';
import * as constants from '../src/generated/constants/all.ts';
import { NDIS_RECEIVE_QUEUE_TYPE } from '../src/generated/constants/enums.ts';
import { codecOf } from '../src/names/codec-by-name.ts';
import { enumName, oidName, oidUse, statusName } from '../src/names/names.ts';

const all = constants as Readonly<Record<string, number | bigint>>;

/** Statuses and OIDs are never wider than 32 bits. */
const named = (prefix: string): readonly (readonly [string, number])[] =>
  Object.entries(all)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => [name, Number(value)]);

describe('names', () => {
  test('look-alike statuses keep their own names', () => {
    expect(statusName(0xc0010014)).toBe('NDIS_STATUS_INVALID_LENGTH');
    expect(statusName(0xc000000d)).toBe('NDIS_STATUS_INVALID_PARAMETER');
    expect(statusName(0xc001000c)).toBe('NDIS_STATUS_REQUEST_ABORTED');
    expect(statusName(0xc023000c)).toBe('NDIS_STATUS_SEND_ABORTED');
    expect(statusName(0xc023002a)).toBe('NDIS_STATUS_PAUSED');
  });

  test('signed and unknown statuses', () => {
    expect(statusName(0xc0010014 | 0)).toBe('NDIS_STATUS_INVALID_LENGTH');
    expect(statusName(0x12345678)).toBe('0x12345678');
    expect(statusName(-1)).toBe('0xFFFFFFFF');
  });

  test('a flag is never taken for a status', () => {
    expect(statusName(0x1000)).toBe('0x00001000');
    expect(statusName(0xfff)).toBe('0x00000FFF');
  });

  test('the name of each status and OID has its value', () => {
    for (const [name, value] of named('NDIS_STATUS_')) {
      if (!name.startsWith('NDIS_STATUS_INDICATION_FLAGS_')) expect(all[statusName(value)]).toBe(value);
    }
    for (const [name, value] of named('OID_')) expect(oidName(value)).toBe(name);
    expect(oidName(0xdeadbeef)).toBe('0xDEADBEEF');
  });

  test('of two spellings of one status the look-up gives the correct one', () => {
    expect(statusName(constants.NDIS_STATUS_INCOMPATABLE_QOS)).toBe('NDIS_STATUS_INCOMPATIBLE_QOS');
    expect(statusName(constants.NDIS_STATUS_WW_INDICATION)).toBe('NDIS_STATUS_MEDIA_SPECIFIC_INDICATION');
  });

  test('the structures an OID carries have codecs', () => {
    const uses = named('OID_')
      .map(([, value]) => oidUse(value))
      .filter((use) => use !== undefined);
    expect(uses.length).toBe(27);
    for (const use of uses) {
      for (const structure of [use.in, use.out]) {
        if (structure !== null) expect(codecOf(structure)?.name).toBe(structure);
      }
    }
    expect(oidUse(constants.OID_RECEIVE_FILTER_SET_FILTER)).toMatchObject({
      requests: ['method'],
      in: 'NDIS_RECEIVE_FILTER_PARAMETERS',
    });
    expect(oidUse(constants.OID_GEN_LINK_STATE)).toBeUndefined();
    expect(codecOf('NDIS_NO_SUCH_STRUCTURE')).toBeUndefined();
  });

  test('members of enumerations', () => {
    expect(enumName(NDIS_RECEIVE_QUEUE_TYPE, 1)).toBe('NdisReceiveQueueTypeVMQueue');
    expect(enumName(NDIS_RECEIVE_QUEUE_TYPE, 99)).toBeUndefined();
  });
});
