/** Runs the command in this process and keeps what it prints. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runCli } from '../src/cli.ts';

export const CAPTURES: string = resolve(import.meta.dirname, '../../../captures');

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function vmq(...args: readonly string[]): Promise<Run> {
  let out = '';
  let err = '';
  const code = await runCli(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    outColours: false,
    errIsTerminal: false,
  });
  return { code, out, err };
}

/** A directory that is gone after the test file. */
export class Scratch {
  readonly path: string = mkdtempSync(join(tmpdir(), 'vmq-cli-'));

  file(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
