// Who may notice a mistake, cheapest first: each judge is a command in a copy of the tree that ends badly if it does.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A mutant may loop for ever: then it is noticed, too. Generous, for a busy machine. */
const TIMEOUT_MS = 240_000;

/** Packages whose behaviour the model's sequences and the simulator exercise as a whole. */
const IN_THE_STACK = new Set([
  'machine',
  'shared-memory',
  'nic',
  'ndis',
  'miniport',
  'vmbus',
  'netvsc',
  'ddi',
  'vswitch',
  'guest',
  'host',
  'reference-model',
  'simulator',
]);

/** Beside its own tests: the tests of other packages that are meant for this one, too, because they drive it. */
const DRIVEN_BY: Readonly<Record<string, readonly string[]>> = {
  abi: ['packages/ndis/', 'packages/miniport/', 'packages/cli/'],
  wire: ['packages/guest/', 'packages/cli/', 'packages/vswitch/'],
  capture: ['packages/cli/'],
  machine: ['packages/netvsc/', 'packages/nic/', 'packages/host/'],
  'shared-memory': ['packages/ndis/', 'packages/vswitch/', 'packages/host/'],
  nic: ['packages/miniport/', 'packages/host/'],
  ndis: ['packages/miniport/', 'packages/vswitch/', 'packages/host/'],
  miniport: ['packages/host/'],
  vmbus: ['packages/netvsc/', 'packages/guest/'],
  netvsc: ['packages/guest/', 'packages/simulator/test/hostile/', 'packages/host/'],
  ddi: ['packages/ndis/', 'packages/vswitch/'],
  vswitch: ['packages/host/', 'packages/simulator/test/hostile/'],
  guest: ['packages/host/', 'packages/simulator/test/hostile/'],
  host: ['packages/cli/', 'packages/simulator/'],
  'reference-model': ['packages/cli/'],
  simulator: ['packages/cli/'],
  cli: [],
};

export interface Judge {
  readonly name: string;
  /** True if nothing is noticed in the copy of the tree. */
  passes(copy: string): Promise<boolean>;
}

/** True if the command ends well. */
function succeeds(args: readonly string[], cwd: string): Promise<boolean> {
  return new Promise((done) => {
    const child = spawn(process.execPath, args, {
      cwd,
      stdio: 'ignore',
      detached: true,
      env: { ...process.env, FORCE_COLOR: '0' },
    });
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, TIMEOUT_MS);
    child.on('close', (code) => {
      clearTimeout(timer);
      done(code === 0);
    });
  });
}

const vitest = (filters: readonly string[]) => (copy: string) =>
  succeeds(
    [join(copy, 'node_modules/vitest/vitest.mjs'), 'run', '--bail', '1', '--maxWorkers', '1', ...filters],
    copy,
  );
const model = (copy: string): Promise<boolean> => succeeds(['tools/mutation/dist/short-model.js'], copy);

/** The judges of a file, in turn. */
export function judgesOf(file: string): Judge[] {
  const [, name = ''] = file.split('/');
  const own: Judge = { name: 'own tests', passes: vitest([`packages/${name}/`]) };
  const further = DRIVEN_BY[name] ?? [];
  const judges: Judge[] = [own];
  if (IN_THE_STACK.has(name)) judges.push({ name: 'model', passes: model });
  if (further.length > 0) judges.push({ name: 'further tests', passes: vitest(further) });
  // The tests of these take a minute; the model says the same in seconds.
  if (['reference-model', 'simulator', 'host'].includes(name ?? ''))
    judges.splice(0, 2, ...judges.slice(0, 2).reverse());
  return judges;
}

/** Source files that decide something: no tests, no re-exports, nothing generated. */
export function subjects(root: string, only?: string): string[] {
  return readdirSync(join(root, 'packages'))
    .flatMap((name) =>
      readdirSync(join(root, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' }).map((path) =>
        join('packages', name, 'src', path),
      ),
    )
    .filter(
      (path) => path.endsWith('.ts') && !/\.test\.ts$|test-support|\/generated\/|\/index\.ts$/.test(path),
    )
    .filter((path) => only === undefined || path.includes(only))
    .sort();
}
