/** Recorded failures from a file, checked before anything of them is repeated. */
import type { FailureFile } from '@vmq/simulator';
import { LineCounter, parseDocument } from 'yaml';
import { readSmallFile } from '../input/small-file.ts';
import { CannotRun, EXIT_BAD_IN_PART } from '../process/exit-code.ts';
import { saidByLine } from '../text/problem-lines.ts';

/** A million steps have less. */
const LARGEST_FILE = 1 << 27;

/**
 * Throws {@link CannotRun}: with code 1 for a file that cannot be read or holds no failure, with code 2 for a failure that
 * cannot be repeated as it says (an unknown step, a host that cannot be), every fault of it by line and path.
 */
export async function readFailures(path: string): Promise<readonly FailureFile[]> {
  const text = readSmallFile(path, LARGEST_FILE, 'a recorded failure');
  const { readFailureFiles } = await import('@vmq/simulator');
  const read = readFailureFiles(text);
  if (read.ok) return read.failures;
  if (read.problems.length === 0) throw new CannotRun(`${path}: ${read.reason}`);
  const lines = new LineCounter();
  // JSON is YAML, and this parser knows where everything stands.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  throw new CannotRun(saidByLine(path, read.problems, { document, lines }), EXIT_BAD_IN_PART);
}
