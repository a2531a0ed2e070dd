/** `docs/threat-model.md` names tests: each of them is there, and each file it says enforces something too. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../../../', import.meta.url);
const text = readFileSync(new URL('docs/threat-model.md', ROOT), 'utf8');

/** Number, file and title of each line of the table of tests. */
const tests = [...text.matchAll(/^\| (T\d+) \| (\S+) \| (.+) \|$/gm)].map(
  ([, id, file, title]) => [id, file, title] as [string, string, string],
);
/** True if `title` stands in quotes of any kind, as the name of a test or of a group of tests does. */
const names = (source: string, title: string): boolean =>
  ["'", '"', '`'].some((quote) => source.includes(`${quote}${title}${quote}`));

describe('the threat model', () => {
  it.each(tests)('%s is a test of %s: %s', (_, file, title) => {
    const path = new URL(file, ROOT);
    expect(existsSync(path), `${file} does not exist`).toBe(true);
    expect(names(readFileSync(path, 'utf8'), title), `${file} has no test of this name`).toBe(true);
  });

  it('uses every test it lists, and lists every test it uses', () => {
    const listed = tests.map(([id]) => id);
    expect(new Set(listed).size).toBe(listed.length);
    expect(listed.length).toBeGreaterThan(40);
    const prose = text.replace(/^\| T\d+ \|.*$/gm, '');
    const used = new Set([...prose.matchAll(/\bT\d+\b/g)].map(([id]) => id));
    expect([...used].sort()).toEqual([...listed].sort());
  });

  it('names files that there are', () => {
    // `package/file`, `package/room/file` or `package/*`.
    const named = [...text.matchAll(/`([a-z-]+)\/((?:[a-z0-9-]+\/)*(?:[a-z0-9-]+|\*))`/g)].map(
      ([, name, file]) => [name, file] as const,
    );
    expect(named.length).toBeGreaterThan(40);
    for (const [name, file] of named) {
      const folder = new URL(`packages/${name}/src/`, ROOT);
      expect(existsSync(folder), `packages/${name}`).toBe(true);
      const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
      const files = file.includes('/') ? paths : paths.map((path) => basename(path));
      if (file !== '*') expect(files, `${name}/${file}`).toContain(`${file}.ts`);
    }
  });

  it('control: a name that is not there, or not whole, is not found', () => {
    const source = "it('a test of two words', () => {})";
    expect(names(source, 'a test of two words')).toBe(true);
    for (const title of ['a test of two', 'a test of three words']) expect(names(source, title)).toBe(false);
  });
});
