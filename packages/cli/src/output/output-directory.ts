/** The files of a run: opened before the replay begins, so that what cannot be written is said at once. */
import { closeSync, fsyncSync, lstatSync, openSync, readdirSync, type Stats, unlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CannotRun, systemMessage } from '../process/exit-code.ts';
import { DirectoryLock, LEFT_BEHIND } from './directory-lock.ts';
import { fileNames } from './file-names.ts';
import { makeDirectory } from './make-directory.ts';
import { type OutputVm, VmOutput } from './vm-output.ts';

/** What became of one file. */
export interface OutputFile {
  readonly vm: string;
  readonly path: string;
  /** The path's last part. */
  readonly name: string;
  readonly frames: number;
  readonly bytes: number;
  /** Why there is none, and what was there before is there still; null for a whole one. */
  readonly failure: string | null;
}

export class OutputDirectory {
  /** By VM name. */
  readonly outputs: ReadonlyMap<string, VmOutput>;
  readonly #directory: string;
  readonly #lock: DirectoryLock;
  #isOpen = true;

  /** Throws {@link CannotRun} if the directory or a file cannot be written, or another run writes there. */
  constructor(path: string, vms: readonly OutputVm[], captureIdentity: string) {
    if (path === '') throw new CannotRun('--out: expected a directory, found nothing');
    const directory = makeDirectory(path);
    this.#directory = directory;
    this.#lock = new DirectoryLock(directory);
    const outputs = new Map<string, VmOutput>();
    this.outputs = outputs;
    try {
      removeLeftBehind(directory);
      const names = fileNames(vms.map((vm) => vm.name));
      vms.forEach((vm, i) => {
        // As the user wrote it.
        const place = join(path, names[i]);
        checkPlace(place, captureIdentity);
        outputs.set(vm.name, openOutput(place, join(directory, `.vmq-${this.#lock.token}-${i}.part`), vm));
      });
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  /** Puts all files in their places. `durable`: each is whole even if the power fails. */
  commit(durable: boolean): OutputFile[] {
    const outputs = [...this.outputs.values()];
    for (const output of outputs) output.finish(durable);
    const isHeld = this.#lock.isHeld();
    for (const output of outputs) {
      if (isHeld) output.place();
      else output.abandon('another run has taken the directory');
    }
    if (durable) syncDirectory(this.#directory);
    this.#isOpen = false;
    this.#lock.release();
    return outputs.map(({ vm, path, packets, bytes, failure }) => ({
      vm,
      path,
      name: basename(path),
      frames: packets,
      bytes,
      failure,
    }));
  }

  /** Leaves the directory as it was, but for files that are in their places. */
  abandon(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const output of this.outputs.values()) output.abandon('abandoned');
    this.#lock.release();
  }
}

function openOutput(place: string, part: string, vm: OutputVm): VmOutput {
  try {
    return new VmOutput(place, part, vm);
  } catch (error) {
    throw new CannotRun(`${place}: cannot write: ${systemMessage(error)}`);
  }
}

/** Only files are replaced: not what leads elsewhere, and not what would wait for a reader. */
function checkPlace(path: string, captureIdentity: string): void {
  let stats: Stats | undefined;
  try {
    stats = lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new CannotRun(`${path}: cannot write: ${systemMessage(error)}`);
  }
  if (stats === undefined) return;
  if (!stats.isFile()) {
    throw new CannotRun(`${path}: cannot write: expected a file or nothing there, found ${kindOf(stats)}`);
  }
  if (`${stats.dev}:${stats.ino}` === captureIdentity) {
    throw new CannotRun(`${path}: is the capture being replayed; choose another --out directory`);
  }
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** Files that runs left which were killed. The lock is ours, so nobody needs them. */
function removeLeftBehind(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isFile() && LEFT_BEHIND.test(entry.name)) unlinkSync(join(directory, entry.name));
    }
  } catch (error) {
    throw new CannotRun(`${directory}: cannot clear what a run left that died: ${systemMessage(error)}`);
  }
}

/** Makes the new names last. Not every system lets a directory be opened. */
function syncDirectory(directory: string): void {
  try {
    const fd = openSync(directory, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Then it has its own way to keep names.
  }
}
