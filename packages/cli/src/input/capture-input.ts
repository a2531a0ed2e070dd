/**
 * A capture as the user names it: a path, or `-` for standard input. What comes from a pipe can be kept, so that it
 * can be read again; the copy has no name and is gone with the process.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import { CannotRun, systemMessage } from '../process/exit-code.ts';
import type { Interrupted } from '../process/interruption.ts';
import { type ByteSource, FileSource, PipeSource } from './byte-source.ts';

const STANDARD_INPUT = 0;
const STANDARD_INPUT_NAMES: readonly string[] = ['-', '/dev/stdin', '/dev/fd/0'];

export class CaptureInput {
  /** For messages. */
  readonly name: string;
  /** Bytes; 0 for a pipe. */
  readonly size: number;
  /** Device and inode, to tell whether an output would overwrite it. */
  readonly identity: string;
  readonly #fd: number;
  readonly #isFile: boolean;
  /** Of a pipe's bytes, once they are kept; -1 = not. */
  #copy = -1;
  #passes = 0;

  /** Throws {@link CannotRun} if there is no such file, or it is nothing that can be read. */
  constructor(path: string) {
    const isStandardInput = STANDARD_INPUT_NAMES.includes(path);
    this.name = isStandardInput ? 'standard input' : path;
    let stats: Stats;
    try {
      // Looked at before it is opened: opening a device may do something.
      stats = isStandardInput ? fstatSync(STANDARD_INPUT) : statSync(path);
      refuseKind(this.name, stats, isStandardInput);
      this.#fd = isStandardInput ? STANDARD_INPUT : openSync(path, READ_WITHOUT_WAITING);
    } catch (error) {
      if (error instanceof CannotRun) throw error;
      throw new CannotRun(`${this.name}: ${systemMessage(error)}`);
    }
    this.#isFile = stats.isFile();
    this.size = this.#isFile ? stats.size : 0;
    this.identity = `${stats.dev}:${stats.ino}`;
  }

  /** The next pass over its bytes, from the first. A pipe has one, or as many as wanted if the first one `keeps`. */
  pass(keeps: boolean): ByteSource {
    this.#passes++;
    if (this.#isFile) return new FileSource(this.#fd);
    if (this.#copy >= 0) return new FileSource(this.#copy);
    if (this.#passes > 1) throw new Error(`${this.name} was read, and not kept`);
    const pipe = new PipeSource(this.#fd);
    return keeps ? new KeepingSource(this.name, pipe, this.#openCopy()) : pipe;
  }

  close(): void {
    if (this.#copy >= 0) closeSync(this.#copy);
    this.#copy = -1;
    // A pipe that was read is closed by its source.
    if (this.#fd !== STANDARD_INPUT && (this.#isFile || this.#passes === 0)) closeSync(this.#fd);
  }

  #openCopy(): number {
    const path = join(tmpdir(), `vmq-${randomUUID()}`);
    try {
      this.#copy = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
    } catch (error) {
      throw cannotKeep(this.name, error);
    }
    return this.#copy;
  }
}

const READ_WITHOUT_WAITING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

function refuseKind(name: string, stats: Stats, isStandardInput: boolean): void {
  if (isStandardInput && isatty(STANDARD_INPUT)) {
    throw new CannotRun(`${name}: expected a pcap or pcapng file from a pipe, found a terminal`);
  }
  const expected = `${name}: expected a pcap or pcapng file, found`;
  if (stats.isDirectory()) throw new CannotRun(`${expected} a directory`);
  if (stats.isCharacterDevice() || stats.isBlockDevice()) throw new CannotRun(`${expected} a device`);
  if (stats.isSocket() && !isStandardInput) throw new CannotRun(`${expected} a socket`);
}

function cannotKeep(name: string, error: unknown): CannotRun {
  return new CannotRun(
    `${name}: cannot be kept in ${tmpdir()} to be read twice: ${systemMessage(error)}; name the VMs with --config, and once will do`,
  );
}

/** Writes what it passes on to a file. */
class KeepingSource implements ByteSource {
  readonly #name: string;
  readonly #source: ByteSource;
  readonly #copy: number;

  constructor(name: string, source: ByteSource, copy: number) {
    this.#name = name;
    this.#source = source;
    this.#copy = copy;
  }

  async read(interrupted: Interrupted): Promise<Uint8Array | null> {
    const bytes = await this.#source.read(interrupted);
    try {
      for (let at = 0; bytes !== null && at < bytes.length; ) at += writeSync(this.#copy, bytes, at);
    } catch (error) {
      throw cannotKeep(this.#name, error);
    }
    return bytes;
  }

  close(): void {
    this.#source.close();
  }
}
