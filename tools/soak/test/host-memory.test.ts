// What a large host costs. Two cores, so that it does not depend on how many this machine has.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const TOOL = fileURLToPath(new URL('../dist/host-memory.js', import.meta.url));
const MB = 1e6;

it('a host of 64 VMs and 16 processors takes less than 300 MB in threads, and with all of it in use', async () => {
  const parameters = JSON.stringify({ vms: 64, processors: 16, options: { cores: 2 } });
  const { stdout } = await promisify(execFile)(process.execPath, [TOOL, parameters]);
  const { sharedBytes, upBytes, usedBytes, delivered } = JSON.parse(stdout) as Record<string, number>;
  expect(delivered).toBe(64 * 32 * 24);
  expect(sharedBytes).toBeLessThan(175 * MB);
  expect(upBytes).toBeLessThan(300 * MB);
  expect(usedBytes).toBeLessThan(300 * MB);
});
