import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readSmallFile } from '../src/input/small-file.ts';
import { CannotRun } from '../src/process/exit-code.ts';

const folder = mkdtempSync(join(tmpdir(), 'vmq-small-file-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

function refusalOf(path: string): string {
  try {
    readSmallFile(path, 100, 'a configuration');
  } catch (error) {
    if (error instanceof CannotRun) return error.message;
    throw error;
  }
  return '';
}

it('reads a file whole, through a link too, up to its most bytes', () => {
  writeFileSync(at('good'), 'x'.repeat(100));
  symlinkSync(at('good'), at('link'));
  expect(readSmallFile(at('link'), 100, 'a configuration')).toBe('x'.repeat(100));
  writeFileSync(at('large'), 'x'.repeat(101));
  expect(refusalOf(at('large'))).toBe(
    `${at('large')}: expected a configuration of at most 100 bytes, found 101`,
  );
});

it.skipIf(process.platform === 'win32')('refuses at once what has no end', () => {
  execFileSync('mkfifo', [at('pipe')]);
  expect(refusalOf('/dev/zero')).toBe('/dev/zero: expected a configuration, found a device');
  expect(refusalOf('/dev/tty')).toMatch(/^\/dev\/tty: /);
  expect(refusalOf(at('pipe'))).toMatch(/expected a configuration, found a pipe/);
  expect(refusalOf(folder)).toBe(`${folder}: expected a configuration, found a directory`);
  expect(refusalOf(at('none'))).toBe(`${at('none')}: ENOENT: no such file or directory`);
});

it.skipIf(process.platform !== 'linux')('refuses a file that is longer than it says', () => {
  // /proc says 0 bytes of everything; this one has some thousand.
  expect(refusalOf('/proc/self/smaps')).toBe(
    '/proc/self/smaps: expected a configuration of at most 100 bytes, found more',
  );
});
