// The deliberate breaks still are where they are looked for. That each is caught,
// `node tools/mutation/dist/run-breaks.js` shows; it takes some minutes.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { INVARIANTS } from '@vmq/simulator';
import { expect, test } from 'vitest';
import { broken } from '../src/breaks/break.ts';
import { BREAKS } from '../src/breaks/breaks.ts';

const textOf = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${file}`, import.meta.url)), 'utf8');

test.each(BREAKS)('$name has its place', (one) => {
  for (const [file, text] of broken(one, textOf)) expect(text).not.toBe(textOf(file));
  expect((one.caughtBy === undefined) !== (one.tests === undefined)).toBe(true);
  expect((one.caughtBy ?? []).filter((name) => !INVARIANTS.some((known) => known === name))).toEqual([]);
  for (const file of one.tests ?? []) expect(textOf(file)).toMatch(/^ *(?:it|test)\b/m);
});

test('there are breaks for every invariant and every rule of isolation', () => {
  const aims = BREAKS.map(({ breaks }) => breaks).join(', ');
  // The three left out are what rules of isolation, and anything at all, come to.
  const others = ['the host lives', 'no bytes of others', 'frames unchanged'];
  const missing = INVARIANTS.filter((name) => !others.includes(name)).filter((name) => !aims.includes(name));
  expect(missing).toEqual([]);
  for (let rule = 1; rule <= 10; rule++) expect(aims).toContain(`SEC-${String(rule).padStart(2, '0')}`);
  expect(BREAKS.length).toBeGreaterThanOrEqual(55);
});
