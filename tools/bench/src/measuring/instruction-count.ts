// Counts the instructions of a workload under valgrind's callgrind: the same on a busy machine as on a quiet one.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCallgrind } from './callgrind-profile.ts';

/** Frames of the shorter run: by its end all that matters is compiled. */
const SHORTER = 1 << 20;
const FRAMES = 1 << 19;

export interface FunctionCost {
  readonly name: string;
  /** Instructions a frame. */
  readonly instructions: number;
}

/**
 * Instructions a frame by function, of the workload `file` (`count` of some tree), most first. Two runs of different length are
 * counted, and their difference taken, so start-up and compilation are not in it.
 */
export async function instructionsPerFrame(
  file: string,
  parameters: object,
  offered: number,
): Promise<FunctionCost[]> {
  const folder = await mkdtemp(join(tmpdir(), 'vmq-instructions-'));
  const count = (frames: number): Promise<Map<string, number>> =>
    countOnce(folder, file, { ...parameters, offered, rounds: Math.ceil(frames / offered) });
  try {
    const before = await count(SHORTER);
    const after = await count(SHORTER + FRAMES);
    return [...after]
      .map(([name, instructions]) => ({
        name,
        instructions: (instructions - (before.get(name) ?? 0)) / FRAMES,
      }))
      .sort((x, y) => y.instructions - x.instructions);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Instructions by function of one process. */
async function countOnce(folder: string, file: string, parameters: object): Promise<Map<string, number>> {
  const out = join(folder, 'callgrind.out');
  const child = spawn(
    'valgrind',
    [
      '--tool=callgrind',
      '--dump-instr=yes',
      '--smc-check=all-non-file', // V8 writes code over code
      `--callgrind-out-file=${out}`,
      process.execPath,
      '--single-threaded', // or compilation would end at another frame each time
      '--perf-basic-prof',
      '--perf-basic-prof-only-functions',
      file,
      JSON.stringify(parameters),
    ],
    // V8 puts a log of its own where the process stands: it goes with the folder.
    { cwd: folder, stdio: ['ignore', 'inherit', 'pipe'] },
  );
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    told += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? new Error('valgrind is not installed') : error);
    });
    child.on('close', resolve);
  });
  if (status !== 0) throw new Error(`valgrind ended with ${status}:\n${told}`);
  const map = `/tmp/perf-${child.pid}.map`; // V8's choice
  const counts = await readCallgrind(out, map);
  await rm(map);
  return counts;
}
