/** docs/performance.md and its plot are generated: numbers there are never typed. */
import { expect, it } from 'vitest';

import { writePage } from '../src/report/performance-page.ts';

it('the performance page says what docs/performance.json says (node tools/bench/dist/run.js --page)', () => {
  expect(writePage({ check: true })).toEqual([]);
});
