import { expect, it } from 'vitest';
import type { HardwareFilter } from '../../src/hardware/device.ts';
import { FilterTable } from '../../src/hardware/filter-table.ts';
import { macOf } from '../bench.test-support.ts';

it('FLT-24 a table alone: slots by filter id, nothing left of a filter that the device did not acknowledge', () => {
  const entries = new Map<number, HardwareFilter | null>();
  let answers = true;
  const device = {
    writeFilter: (slot: number, filter: HardwareFilter | null): void => void entries.set(slot, filter),
    commit: (): boolean => answers,
  };
  const filter = (last: number): HardwareFilter => ({
    mac: macOf(last),
    vlanMode: 0,
    vlanId: 0,
    queue: last,
  });
  const table = new FilterTable(device, 2);
  expect([table.set(7, filter(1)), table.set(8, filter(2)), table.set(9, filter(3))]).toEqual([
    true,
    true,
    false,
  ]);
  expect([table.clear(7), table.clear(7), entries.get(0)]).toEqual([true, false, null]);
  answers = false;
  expect([table.set(9, filter(3)), entries.get(0)]).toEqual([false, null]);
  // A clear that was not acknowledged can be tried again.
  expect(table.clear(8)).toBe(false);
  answers = true;
  expect([table.clear(8), entries.get(1)]).toEqual([true, null]);
  expect(table.set(9, filter(3))).toBe(true);
  entries.clear();
  table.restore();
  expect([...entries]).toEqual([
    [0, filter(3)],
    [1, null],
  ]);
});
