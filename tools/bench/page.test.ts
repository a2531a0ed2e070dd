/** docs/performance.md and its plot are generated: numbers there are never typed. */
import { expect, it } from 'vitest';

// Plain JavaScript without types; loaded by address.
const { writePage } = await import(new URL('./performance-page.mjs', import.meta.url).href);

it('the performance page says what docs/performance.json says (node tools/bench/run.mjs --page)', () => {
  expect(writePage({ check: true })).toEqual([]);
});
