// `pnpm test`: builds, runs every check and every test, and ends with one line: N passed, M failed.
// A check counts as one test, so that a broken rule is as visible as a failing test. Nothing here depends on how fast
// the machine is or what else it does: performance has a command of its own (`pnpm bench:check`).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const bin = (name) => join(root, 'node_modules', '.bin', name);
const scratch = mkdtempSync(join(tmpdir(), 'vmq-test-'));
const report = join(scratch, 'vitest.json');

const checks = [
  ['build', process.execPath, ['tools/build/build.mjs']],
  ['types of tests and tools', bin('tsc'), ['-p', 'tsconfig.tests.json']],
  ['types of the build', bin('tsc'), ['-p', 'tools/build']],
  ['house plan', process.execPath, ['tools/house/dist/check.js']],
  ['lint and format', bin('biome'), ['check', '--max-diagnostics=20', '.']],
  ['package hygiene', process.execPath, ['tools/check-packages.mjs']],
  ['requirements', process.execPath, ['tools/requirements.mjs', '--check']],
  ['API reports', process.execPath, ['tools/api-reports.mjs', '--check']],
];
// `pnpm test FILTER…` runs only the tests whose path contains a filter, after the build.
const filters = process.argv.slice(2);
let passed = 0;
let failed = 0;

const run = ([name, command, args]) => {
  const started = Date.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  return { isOk: status === 0, line: `${name} (${seconds} s)` };
};
const count = ({ isOk, line }) => {
  console.log(`${isOk ? 'ok  ' : 'FAIL'} ${line}`);
  if (isOk) passed++;
  else failed++;
};

for (const check of filters.length > 0 ? checks.slice(0, 1) : checks) {
  const result = run(check);
  count(result);
  if (check[0] === 'build' && !result.isOk) break;
}

let skipped = 0;
if (failed === 0 || passed > 0) {
  const { status } = spawnSync(
    bin('vitest'),
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters],
    { cwd: root, stdio: 'inherit' },
  );
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    passed += result.numPassedTests;
    failed += result.numFailedTests;
    skipped += result.numPendingTests + result.numTodoTests;
    // A file that cannot be loaded fails without a failing test in it.
    if (status !== 0 && result.numFailedTests === 0) failed++;
  } catch {
    failed++;
  }
}
rmSync(scratch, { recursive: true, force: true });
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 ? 0 : 1;
