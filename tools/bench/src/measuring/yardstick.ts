// The yardstick: what a tuned C program needs for the data alone, on this machine, now.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sample } from './sample.ts';

/** The sources in C stand beside the package's own. */
const SOURCES = fileURLToPath(new URL('../../', import.meta.url));

/** Frames of a batch, and entries of a ring: as ours. */
const BATCH = '128';
const RING = '256';

export interface YardstickOptions {
  readonly size: string;
  readonly vms: number;
  readonly mode?: string;
  readonly ms: number;
}

export interface Yardstick {
  /** First line of what the compiler says of itself. */
  readonly compiler: string;
  run(options: YardstickOptions): Sample;
  /** Removes the binary. */
  dispose(): void;
}

/** Compiles it; null where no C compiler is. */
export function compileYardstick(): Yardstick | null {
  const scratch = mkdtempSync(join(tmpdir(), 'vmq-bench-'));
  const dispose = (): void => rmSync(scratch, { recursive: true, force: true });
  const binary = join(scratch, 'yardstick');
  const flags = ['-O3', '-march=native', '-DBUF=2112'];
  const sources = ['yardstick.c', 'yardstick-usage.c'].map((name) => join(SOURCES, name));
  for (const compiler of ['cc', 'gcc', 'clang']) {
    const { status } = spawnSync(compiler, [...flags, ...sources, '-o', binary], { stdio: 'ignore' });
    if (status !== 0 || !existsSync(binary)) continue;
    const version = spawnSync(compiler, ['--version'], { encoding: 'utf8' }).stdout.split('\n', 1)[0];
    return { compiler: version, dispose, run: (options) => runYardstick(binary, options) };
  }
  dispose();
  return null;
}

function runYardstick(binary: string, { size, vms, mode = 'data', ms }: YardstickOptions): Sample {
  const { status, stdout, stderr } = spawnSync(binary, [size, vms, mode, BATCH, RING, ms].map(String), {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`yardstick ${size} ${vms} ${mode}: status ${status}: ${stderr}`);
  return { ...(JSON.parse(stdout) as object), ...(JSON.parse(stderr) as object), problems: [] };
}
