// @ts-check
// Runs turbo tasks with its telemetry off: nothing here talks to a network behind anyone's back.
//
// Typed JavaScript rather than TypeScript: `pnpm build` runs it before anything is built.
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const { status } = spawnSync(
  join(root, 'node_modules/.bin/turbo'),
  ['run', '--ui=stream', ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', TURBO_NO_UPDATE_NOTIFIER: '1' },
  },
);
process.exitCode = status ?? 1;
