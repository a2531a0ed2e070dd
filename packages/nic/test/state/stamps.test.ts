import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isNewerStamp, LAST_STAMP, nextStamp, stampDistance } from '../../src/state/stamps.ts';

it('stamps run from 1 to the last and begin anew at 1: none is 0, none is negative', () => {
  expect([nextStamp(0), nextStamp(1), nextStamp(LAST_STAMP - 1), nextStamp(LAST_STAMP)]).toEqual([
    1,
    2,
    LAST_STAMP,
    1,
  ]);
});

it('distance and age agree with counting, across the end as elsewhere', () => {
  const stamp = fc.oneof(
    fc.integer({ min: 1, max: LAST_STAMP }),
    fc.integer({ min: LAST_STAMP - 50, max: LAST_STAMP }),
  );
  fc.assert(
    fc.property(stamp, fc.integer({ min: 0, max: 100 }), (from, steps) => {
      let to = from;
      for (let i = 0; i < steps; i++) to = nextStamp(to);
      expect(stampDistance(from, to)).toBe(steps);
      expect(isNewerStamp(to, from)).toBe(steps > 0);
      expect(isNewerStamp(from, to)).toBe(false);
    }),
  );
});
