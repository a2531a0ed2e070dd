import { NDIS_STATUS_BAD_CHARACTERISTICS, NDIS_STATUS_BAD_VERSION, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { FilterDriver, MiniportDriver } from '@vmq/ddi';
import { describe, expect, test } from 'vitest';
import { createHost, TestProtocol } from '../bench.test-support.ts';
import { TestFilter } from '../test-filter.test-support.ts';
import { TestMiniport } from '../test-miniport.test-support.ts';

const SUCCESS = NDIS_STATUS_SUCCESS;

/** The driver with another version. */
function ofVersion<T extends object>(driver: T, majorNdisVersion: number, minorNdisVersion: number): T {
  return Object.create(driver, {
    majorNdisVersion: { value: majorNdisVersion },
    minorNdisVersion: { value: minorNdisVersion },
  }) as T;
}

describe('registration', () => {
  test('a second driver of a name is refused, the first may come again', () => {
    const { ndis } = createHost();
    const filter = new TestFilter('one');
    const protocol = new TestProtocol('one');
    const miniport = new TestMiniport();
    expect([ndis.registerFilterDriver(filter), ndis.registerFilterDriver(filter)]).toEqual([
      SUCCESS,
      SUCCESS,
    ]);
    expect(ndis.registerProtocolDriver(protocol)).toBe(SUCCESS);
    expect(ndis.registerMiniportDriver(miniport)).toBe(SUCCESS);
    const BAD = NDIS_STATUS_BAD_CHARACTERISTICS;
    expect(ndis.registerFilterDriver(new TestFilter('one'))).toBe(BAD);
    expect(ndis.registerProtocolDriver(new TestProtocol('one'))).toBe(BAD);
    expect(ndis.registerMiniportDriver(new TestMiniport())).toBe(BAD);
    expect(ndis.refusals.entries.map(({ rule, adapter, status }) => [rule, adapter, status])).toEqual([
      ['NdisFRegisterFilterDriver', 'one', BAD],
      ['NdisRegisterProtocolDriver', 'one', BAD],
      ['NdisMRegisterMiniportDriver', 'test-miniport', BAD],
    ]);
  });

  test('a miniport of a version that NDIS does not know gets BAD_VERSION, and its adapter does not come', () => {
    const { ndis, miniport } = createHost();
    const versions: [number, number][] = [
      [5, 1],
      [7, 30],
      [6, 31],
      [6, 0],
    ];
    for (const [major, minor] of versions) {
      const driver: MiniportDriver = ofVersion(miniport, major, minor);
      expect(ndis.registerMiniportDriver(driver)).toBe(NDIS_STATUS_BAD_VERSION);
      expect(ndis.refusals.last).toMatchObject({ kind: 'refusal', found: `${major}.${minor}` });
    }
    for (const minor of [20, 30, 60] as const) expect(createHost({ minor }).add().status).toBe(SUCCESS);
  });

  test('an NDIS of 2008 R2 knows miniports of 6.20 only', () => {
    expect(createHost({ hostVersion: 620, minor: 20 }).add().status).toBe(SUCCESS);
    const newer = createHost({ hostVersion: 620, minor: 30 });
    expect(newer.add()).toEqual({ status: NDIS_STATUS_BAD_VERSION, adapter: null });
    expect(newer.miniport.events).toEqual([]);
  });

  test('of a filter driver only the major version is judged', () => {
    const { ndis } = createHost();
    const five: FilterDriver = ofVersion(new TestFilter('old'), 5, 1);
    expect(ndis.registerFilterDriver(five)).toBe(NDIS_STATUS_BAD_VERSION);
    expect(ndis.registerFilterDriver(new TestFilter('old'))).toBe(SUCCESS);
  });
});
