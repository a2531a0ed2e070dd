// One run of `vmq` in a process of its own, and how it ended.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../packages/cli/dist/main.js', import.meta.url));
export const CAPTURE: string = fileURLToPath(new URL('../../../captures/lan.pcapng', import.meta.url));
/** A run that takes longer than this hangs; no machine is so slow. */
export const HANGS_AFTER_MS = 300_000;

export interface RunEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
  /** It had to be killed. */
  readonly hangs: boolean;
}

export interface Run {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<RunEnd>;
}

export function startRun(args: readonly string[]): Run {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A run that is stopped reports, however busy the machine is.
    env: { ...process.env, VMQ_STOP_MS: String(HANGS_AFTER_MS) },
  });
  let out = '';
  let err = '';
  let hangs = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stdout.on('error', () => {});
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const timer = setTimeout(() => {
    hangs = true;
    child.kill('SIGKILL');
  }, HANGS_AFTER_MS);
  const ended = new Promise<RunEnd>((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, out, err, hangs });
    });
  });
  return { child, ended };
}
