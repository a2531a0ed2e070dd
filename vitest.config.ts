import { defineConfig } from 'vitest/config';

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
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/test/**/*.test.ts',
      'tools/**/*.test.ts',
      'examples/**/*.test.ts',
    ],
    // These end a test that hangs, not one on a busy machine.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: 'forks',
  },
});
