/** Makes the directory of `--out`, or says why not. Node's own recursive way never returns from some file systems. */
import { lstatSync, mkdirSync, readlinkSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CannotRun, systemMessage } from '../process/exit-code.ts';

/** Returns its absolute path. Throws {@link CannotRun} if it is none and cannot be made, or is a symbolic link. */
export function makeDirectory(path: string): string {
  const target = resolve(path);
  const missing: string[] = [];
  try {
    // The root is there, so this comes to an end.
    for (let at = target; !isDirectory(at); at = dirname(at)) missing.push(at);
    for (const at of missing.reverse()) makeOne(at);
    if (lstatSync(target).isSymbolicLink()) {
      throw new CannotRun(
        `${path}: is a symbolic link; results are not written through one: name ${readlinkSync(target)} itself`,
      );
    }
  } catch (error) {
    if (error instanceof CannotRun) throw error;
    throw new CannotRun(`${path}: cannot create the output directory: ${systemMessage(error)}`);
  }
  return target;
}

function isDirectory(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isDirectory())
    throw new CannotRun(
      `${path}: cannot create the output directory: ENOTDIR: expected a directory, found a file`,
    );
  return stats !== undefined;
}

function makeOne(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Somebody else was faster; or it is a link to nothing.
    if (code === 'EEXIST' && isDirectory(path)) return;
    const why = code === 'ENOENT' ? '; there can be no directories of ours' : '';
    throw new CannotRun(`${path}: cannot create the output directory: ${systemMessage(error)}${why}`);
  }
}
