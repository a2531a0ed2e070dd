// What a stranger gets from the registry: publint on every package, strictly.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const packages = resolve(import.meta.dirname, '../packages');
let problems = 0;
for (const name of readdirSync(packages)) {
  const pkgDir = join(packages, name);
  const manifest = JSON.parse(readFileSync(join(pkgDir, 'package.json'), 'utf8'));
  if (manifest.private) continue;
  // pack: false looks at the files as `files` selects them, without needing pnpm on the PATH.
  const { messages } = await publint({ pkgDir, strict: true, pack: false });
  for (const message of messages) {
    problems++;
    console.error(`packages/${name}: ${formatMessage(message, manifest)}`);
  }
}
console.log(problems === 0 ? 'packages are publishable' : `${problems} packaging problems`);
process.exitCode = problems === 0 ? 0 : 1;
