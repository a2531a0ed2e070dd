/** The published schema of what `--json` prints. */
import { readFileSync } from 'node:fs';

export function outputSchema(): string {
  return readFileSync(new URL('../../schema/output.v1.json', import.meta.url), 'utf8');
}
