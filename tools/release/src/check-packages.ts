// What a stranger gets from the registry: every public package is packed as it would be published, and looked at there.
//
//   node tools/release/dist/check-packages.js
//
// publint, strictly; Are the Types Wrong, for ECMAScript modules alone; and what a package of ours has to have.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { type Manifest, manifestProblems, packedProblems } from './manifest.ts';
import { pack } from './pack.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'vmq-packed-'));

/** What an `import` of a package that is only ECMAScript modules does not come by. */
const ONLY_FOR_REQUIRE = new Set(['node10', 'node16-cjs']);

async function problemsOf(name: string, tarball: string): Promise<string[]> {
  const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as Manifest;
  const bytes = readFileSync(tarball);
  const { messages } = await publint({
    strict: true,
    pack: { tarball: Uint8Array.from(bytes).buffer },
  });
  const types = await checkPackage(createPackageFromTarballData(new Uint8Array(bytes)));
  const wrong = types.types === false ? [] : types.problems;
  const listed = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).split('\n');
  return [
    ...manifestProblems(name, manifest),
    ...packedProblems(listed),
    ...messages.map((message) => formatMessage(message, manifest) ?? message.code),
    ...(types.types === false ? ['no types in the package'] : []),
    ...wrong
      .filter((one) => !('resolutionKind' in one && ONLY_FOR_REQUIRE.has(one.resolutionKind)))
      .map((one) => `${one.kind} ${JSON.stringify(one)}`),
  ].map((problem) => `packages/${name}: ${problem}`);
}

try {
  pack(root, scratch);
  const tarballs = readdirSync(scratch);
  const found: string[] = [];
  for (const name of readdirSync(join(root, 'packages'))) {
    const tarball = tarballs.find((file) => new RegExp(`^vmq-${name}-\\d`).test(file));
    if (tarball === undefined) found.push(`packages/${name}: was not packed`);
    else found.push(...(await problemsOf(name, join(scratch, tarball))));
  }
  for (const problem of found) console.error(problem);
  console.log(found.length === 0 ? 'packages are publishable' : `${found.length} packaging problems`);
  process.exitCode = found.length === 0 ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
