/** Runs the command in this process and keeps what it prints. */
import { spawn } from 'node:child_process';
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

export function vmq(...args: readonly string[]): Promise<Run> {
  return runWith(undefined, args);
}

/** The same with somebody who stops it. */
vmq.interrupted = (interrupted: () => boolean, ...args: readonly string[]): Promise<Run> =>
  runWith(interrupted, args);

async function runWith(interrupted: (() => boolean) | undefined, args: readonly string[]): Promise<Run> {
  let out = '';
  let err = '';
  const terminal = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    outColours: false,
    errIsTerminal: false,
  };
  const code = await runCli(args, terminal, interrupted);
  return { code, out, err };
}

export const MAIN: string = resolve(import.meta.dirname, '../dist/main.js');

/** Runs the built command as a process of its own, as a user does. */
export function vmqProcess(...args: readonly string[]): Promise<Run> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    child.on('error', fail);
    child.on('close', (code) => done({ code: code ?? -1, out, err }));
  });
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
