import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('src/generated is what the generator makes of data/abi.x64.json', () => {
  const script = fileURLToPath(new URL('../../../tools/generate-abi.mjs', import.meta.url));
  // Exits with 1, and the names of the files that differ on stderr, when the two have drifted apart.
  expect(execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8', stdio: 'pipe' })).toBe('');
});
