// Goes the walks of docs/architecture.md and says which of its lists of files are wrong; exits 1 if any is.
//
//   node tools/figures/dist/write-walks.js [--write]     --write puts the lists right
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { withFiles } from './walk-page.ts';
import { goWalk, WALK_NAMES } from './walks.ts';

const file = new URL('../../../docs/architecture.md', import.meta.url);
const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });

const before = readFileSync(file, 'utf8');
let page = before;
for (const name of WALK_NAMES) {
  const files = await goWalk(name);
  const next = withFiles(page, name, files);
  console.log(
    `${name.padEnd(12)} ${String(files.length).padStart(4)} files${next === page ? '' : ', other than the page has'}`,
  );
  page = next;
}
if (values.write) writeFileSync(file, page);
else if (page !== before) process.exitCode = 1;
