// The tables of keys and keywords for users are complete.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { KEYWORDS } from '../../src/config/adapter-keywords.ts';
import { HOST_CONFIG_KEYS } from '../../src/index.ts';

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

it('every key of a configuration stands in the README’s table', () => {
  const readme = text('../../README.md');
  const missing = Object.keys(HOST_CONFIG_KEYS)
    .map((path) => path.replace(/\[\]$/, ''))
    .filter((path) => !new RegExp(`^\\|[^|]*\`${path.replace(/[.[\]]/g, '\\$&')}\``, 'm').test(readme));
  expect(missing).toEqual([]);
});

it('every keyword stands in the table of docs/cli.md', () => {
  const manual = text('../../../../docs/cli.md');
  const missing = KEYWORDS.map(({ name }) => name).filter(
    (name) => !new RegExp(`^\\|[^|]*\`\\${name}\``, 'm').test(manual),
  );
  expect(missing).toEqual([]);
});
