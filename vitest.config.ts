import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** A project for each package that has tests, by the package's name: `vitest --project @vmq/nic`. */
const projects = ['packages', 'tools', 'examples']
  .filter((home) => existsSync(join(import.meta.dirname, home)))
  .flatMap((home) => readdirSync(join(import.meta.dirname, home)).map((name) => `${home}/${name}`))
  .filter((folder) => existsSync(join(import.meta.dirname, folder, 'test')))
  .map((folder) => ({
    extends: true as const,
    test: { name: nameOf(folder), include: [`${folder}/test/**/*.test.ts`] },
  }));

function nameOf(folder: string): string {
  const file = join(import.meta.dirname, folder, 'package.json');
  if (!existsSync(file)) return folder;
  return (JSON.parse(readFileSync(file, 'utf8')) as { name: string }).name;
}

export default defineConfig({
  // Tests read every package from its source, so a failing line is the line you wrote.
  // Worker threads are the exception: Node runs them from `dist`, which `pnpm test` builds first.
  // The tools read what is inside a package where its build puts it; under test they, too, read the sources.
  resolve: {
    conditions: ['@vmq/source'],
    alias: [
      {
        find: /^(?:\.\.\/)+packages\/([^/]+)\/dist\/(.+)\.js$/,
        replacement: `${import.meta.dirname}/packages/$1/src/$2.ts`,
      },
    ],
  },
  ssr: { resolve: { conditions: ['@vmq/source'], externalConditions: ['@vmq/source'] } },
  test: {
    projects,
    // These end a test that hangs, not one on a busy machine.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: 'forks',
  },
});
