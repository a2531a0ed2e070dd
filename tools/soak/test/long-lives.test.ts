// VMs, queues and migrations come and go; memory stays. The long run is `node --expose-gc tools/soak/dist/long-lives.js`.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const TOOL = fileURLToPath(new URL('../dist/long-lives.js', import.meta.url));

/**
 * Objects that a life may leave behind: records of what was asked for and granted, of which a host keeps the latest thousands.
 * (The heap itself also holds what the compiler makes of code that has become hot.)
 */
const MOST_OBJECTS = 6;
/** Once it was 223 KB a VM, and 685 KB a migration. */
const MOST_SHARED = 1000;
/** Threads collect their garbage in their own time: the small buffers of some lives may be waiting for it. */
const MOST_SHARED_IN_THREADS = 40_000;

interface Lives {
  readonly kind: string;
  readonly lives: number;
  readonly objectsPerLife: number;
  readonly externalBytesPerLife: number;
  readonly guestsLeft: number | null;
}

async function run(parameters: object): Promise<Lives[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--no-warnings',
    '--expose-gc',
    TOOL,
    JSON.stringify({ vms: 0, queues: 0, migrations: 0, shares: 4, ...parameters }),
  ]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Lives);
}

it.each([
  ['VMs of ever new names', { vms: 240 }],
  ['one VM again and again, with records of what it received', { vms: 240, names: 'same', record: true }],
  ['VMs under the 6.20 profile', { vms: 160, ndisVersion: '6.20' }],
  ['VMs in threads', { vms: 80, names: 'same', executor: 'threads' }],
  ['queues', { queues: 240 }],
  ['migrations between hosts of different sizes', { migrations: 120 }],
])('%s leave nothing behind', async (_, parameters) => {
  for (const { kind, objectsPerLife, externalBytesPerLife, guestsLeft, lives } of await run(parameters)) {
    const hosts = kind === 'migrations' ? 2 : 1;
    expect(objectsPerLife).toBeLessThan(MOST_OBJECTS * hosts);
    expect(externalBytesPerLife).toBeLessThan(
      'executor' in parameters ? MOST_SHARED_IN_THREADS : MOST_SHARED,
    );
    // Those that are there, one of the last turn that somebody still has at hand, and the one in a place to be used again.
    if (guestsLeft !== null) expect([guestsLeft <= 6, lives]).toEqual([true, lives]);
  }
});
