import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Tests read every package from its source, so a failing line is the line you wrote.
  // Worker threads are the exception: Node runs them from `dist`, which `pnpm test` builds first.
  resolve: { conditions: ['@vmq/source'] },
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
