import { expect, test } from 'vitest';
import { describeGuestTrace, GUEST_TRACE } from '../src/observe/trace-kinds.ts';

test('the line of a sent frame names a tag beside it, where there is one', () => {
  const sent = { kind: GUEST_TRACE.SENT, agent: 0, sequence: 1, stamp: 0, a: 7, b: 60, d: 0, e: 0 };
  expect(describeGuestTrace({ ...sent, c: 0 })).toBe('guest: sent 60 bytes as its frame 7');
  expect(describeGuestTrace({ ...sent, c: (5 << 13) | 100 })).toBe(
    'guest: sent 60 bytes as its frame 7, VLAN 100 priority 5 beside it',
  );
});
