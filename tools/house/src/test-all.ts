// `pnpm test [FILTER…]`: builds, runs every check and every test, and ends with one line: N passed, M failed. With filters,
// only the tests whose path contains one, after the build.
//
//   node tools/build/build.mjs && node tools/house/dist/test-all.js [FILTER…]
//
// The build comes first because this file is a part of it. A check counts as one test, so that a broken rule is as visible
// as a failing test. Nothing here depends on how fast the machine is or what else it does: performance has a command of its
// own (`pnpm bench:check`).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** What vitest's JSON reporter says, as far as it is read. */
interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);
const tool = (name: string, file: string, ...args: string[]): Check => ({
  name,
  command: process.execPath,
  args: [file, ...args],
});

const CHECKS: readonly Check[] = [
  { name: 'types of tests', command: bin('tsc'), args: ['-p', 'tsconfig.tests.json'] },
  { name: 'types of the build', command: bin('tsc'), args: ['-p', 'tools/build'] },
  tool('house plan and limits', 'tools/house/dist/check.js'),
  { name: 'lint and format', command: bin('biome'), args: ['check', '--max-diagnostics=20', '.'] },
  { name: 'nothing unused', command: bin('knip'), args: ['--no-progress', '--no-config-hints'] },
  tool('package hygiene', 'tools/release/dist/check-packages.js'),
  tool('requirements', 'tools/house/dist/requirements.js', '--check'),
  tool('API reports', 'tools/release/dist/api-reports.js', '--check'),
];

function runChecks(tally: Tally): void {
  for (const { name, command, args } of CHECKS) {
    const started = Date.now();
    const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
    if (status === 0) tally.passed++;
    else tally.failed++;
  }
}

function runTests(tally: Tally, filters: readonly string[]): void {
  const scratch = mkdtempSync(join(tmpdir(), 'vmq-test-'));
  const file = join(scratch, 'vitest.json');
  const { status } = spawnSync(
    bin('vitest'),
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...filters],
    { cwd: root, stdio: 'inherit' },
  );
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as TestReport;
    tally.passed += report.numPassedTests;
    tally.failed += report.numFailedTests;
    tally.skipped += report.numPendingTests + report.numTodoTests;
    // A file that cannot be loaded fails without a failing test in it.
    if (status !== 0 && report.numFailedTests === 0) tally.failed++;
  } catch {
    tally.failed++;
  }
  rmSync(scratch, { recursive: true, force: true });
}

const filters = process.argv.slice(2);
const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
if (filters.length === 0) runChecks(tally);
runTests(tally, filters);
const { passed, failed, skipped } = tally;
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 ? 0 : 1;
