/** What docs/architecture.md names as files is there: a page that leads to nowhere is worse than none. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const packages = readdirSync(join(root, 'packages'));
const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');

test('every `package/room/file` that the architecture names is a source file', () => {
  const named = [...page.matchAll(/\b([a-z-]+)\/([a-z-]+)\/([a-z-]+)\b/g)]
    .filter(([, name]) => packages.includes(name))
    .map(([path, name, room, file]) => ({
      path,
      source: join(root, 'packages', name, 'src', room, `${file}.ts`),
    }));
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(({ source }) => !existsSync(source)).map(({ path }) => path)).toEqual([]);
});
