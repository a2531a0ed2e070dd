/** Files that are read whole: a configuration, a recorded failure. Never one without an end. */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { CannotRun, systemMessage } from '../process/exit-code.ts';

/** What of its size is read at a time where a file does not say how long it is. */
const PIECE = 1 << 16;

/**
 * The text of a file of at most `most` bytes; `what` names it in messages. Throws {@link CannotRun} for one that cannot be
 * read, is larger, or is no ordinary file: a device, a pipe and a directory have no end, or might never say so.
 */
export function readSmallFile(path: string, most: number, what: string): string {
  let file: number;
  try {
    // Without O_NONBLOCK a pipe that nobody writes to would be waited for.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw new CannotRun(`${path}: ${systemMessage(error)}`);
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new CannotRun(`${path}: expected ${what}, found ${kindOf(stats)}`);
    const tooLarge = (size: string): CannotRun =>
      new CannotRun(`${path}: expected ${what} of at most ${most} bytes, found ${size}`);
    if (stats.size > most) throw tooLarge(String(stats.size));
    // What a file says of its size is not always so: /proc has some of 0 bytes that go on and on.
    const bytes = readUpTo(file, most + 1);
    if (bytes.length > most) throw tooLarge('more');
    return bytes.toString('utf8');
  } catch (error) {
    throw error instanceof CannotRun ? error : new CannotRun(`${path}: ${systemMessage(error)}`);
  } finally {
    closeSync(file);
  }
}

function readUpTo(file: number, most: number): Buffer {
  const pieces: Buffer[] = [];
  for (let length = 0; length < most; ) {
    const piece = Buffer.alloc(Math.min(PIECE, most - length));
    const read = readSync(file, piece, 0, piece.length, null);
    if (read === 0) break;
    pieces.push(piece.subarray(0, read));
    length += read;
  }
  return Buffer.concat(pieces);
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a pipe, which need not end: write it to a file first';
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return 'a device';
  return 'a socket';
}
