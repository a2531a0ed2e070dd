/** docs/requirements-notes.md says of each refusal which page or reason it has: none is forgotten there. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const SOURCES = new URL('../../src/', import.meta.url);
const NOTES = new URL('../../../../docs/requirements-notes.md', import.meta.url);

/** Rules of the state table that no request can break: they are never refused. */
const NOT_REFUSED = ['STA-01', 'STA-05', 'STA-06', 'STA-08', 'STA-09', 'STA-10', 'STA-12', 'STA-13'];

test('INIT-21: every rule that NDIS refuses by, or writes down, is in the table of the notes', () => {
  const rules = new Set<string>();
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(new URL(file, SOURCES), 'utf8');
    for (const [, rule] of text.matchAll(/'([A-Z]{2,4}-\d\d)'/g)) rules.add(rule);
    for (const [, rule] of text.matchAll(/(?:(?:fail|violation|advise)\(\s*|\brule: )'([A-Za-z0-9_]+)'/g))
      rules.add(rule);
    for (const [, rule] of text.matchAll(/const rule = [^;]*?'(Ndis\w+)'/g)) rules.add(rule);
  }
  expect(rules.size).toBeGreaterThan(80);
  const notes = readFileSync(NOTES, 'utf8');
  const table = notes.slice(notes.indexOf('## What NDIS refuses'));
  const absent = [...rules].filter((rule) => !NOT_REFUSED.includes(rule) && !table.includes(rule));
  expect(absent.sort()).toEqual([]);
});
