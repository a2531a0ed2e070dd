/**
 * One run a directory: `.vmq-lock` in it says which. The lock of a run that has died is taken over.
 *
 * Without locks of the system's there is a moment in which two that take over the same dead run's lock could both
 * have one. So whoever holds a lock asks once more before results are put in their places ({@link isHeld}), and until
 * then has files of names that nobody else uses.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { CannotRun, systemMessage } from '../process/exit-code.ts';

const LOCK = '.vmq-lock';
/** Names of what a dead run may have left, besides its lock. */
export const LEFT_BEHIND: RegExp = /^\.vmq-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-\d+)?\.part$/;
const ATTEMPTS = 20;
const LONGEST_LOCK = 4096;

interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** When the process began, as the system counts; '' where it does not say. Process ids are used again. */
  readonly born: string;
  readonly since: string;
}

export class DirectoryLock {
  /** Unlike that of any other run. */
  readonly token: string = randomUUID();
  readonly #path: string;

  /** Takes the lock of `directory`. Throws {@link CannotRun} if another run has it, or there can be none. */
  constructor(directory: string) {
    this.#path = join(directory, LOCK);
    const own: Holder = {
      token: this.token,
      pid: process.pid,
      host: hostname(),
      born: birthOf(process.pid),
      since: new Date().toISOString(),
    };
    const text = `${JSON.stringify(own)}\n`;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (create(directory, this.#path, this.token, text)) return;
      const found = readLock(this.#path);
      if (found === null) continue;
      const holder = holderOf(found);
      if (holder === null)
        throw new CannotRun(
          `${this.#path}: is no lock of a run that can be asked; remove it if none is at work`,
        );
      if (!isDead(holder)) throw new CannotRun(heldBy(directory, holder));
      takeAway(directory, this.#path, found);
    }
    throw new CannotRun(`${directory}: other runs take its lock again and again`);
  }

  /** False once another run has it. */
  isHeld(): boolean {
    try {
      const found = readLock(this.#path);
      return found !== null && holderOf(found)?.token === this.token;
    } catch {
      return false;
    }
  }

  release(): void {
    if (this.isHeld()) remove(this.#path);
  }
}

/** Creates the lock with its text at once, so that nobody ever sees an empty one. False if there is one. */
function create(directory: string, path: string, token: string, text: string): boolean {
  const part = join(directory, `.vmq-${token}.part`);
  try {
    writeFileSync(part, text, { flag: 'wx' });
    try {
      linkSync(part, path);
    } finally {
      remove(part);
    }
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Whoever has the lock may have cleared the part away.
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS')
      return createWithoutLinks(path, text);
    throw new CannotRun(`${directory}: cannot write: ${systemMessage(error)}`);
  }
}

/** For file systems that have no hard links. */
function createWithoutLinks(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new CannotRun(`${path}: cannot write: ${systemMessage(error)}`);
  }
}

/** The lock's text; null if there is none. Never through a link, and nothing that could wait. */
function readLock(path: string): string | null {
  let fd: number;
  try {
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new CannotRun(`${path}: is no lock of a run: ${systemMessage(error)}`);
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > LONGEST_LOCK) return '';
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function holderOf(text: string): Holder | null {
  try {
    const { token, pid, host, born, since } = JSON.parse(text) as Record<keyof Holder, unknown>;
    const isWhole =
      Number.isInteger(pid) && [token, host, born, since].every((one) => typeof one === 'string');
    return isWhole ? ({ token, pid, host, born, since } as Holder) : null;
  } catch {
    return null;
  }
}

function heldBy(directory: string, { pid, host, since }: Holder): string {
  const where = host === hostname() ? `process ${pid}` : `process ${pid} of ${host}`;
  const elsewhere = host === hostname() ? '' : `; if that one has died, remove ${join(directory, LOCK)}`;
  return `${directory}: another run writes there (${where}, since ${since}); wait for it or choose another directory${elsewhere}`;
}

/** True only if it is sure: of another machine's processes nothing is known. */
function isDead({ pid, host, born }: Holder): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and is another user's.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const bornNow = birthOf(pid);
  return bornNow === GONE || (born !== '' && bornNow !== '' && bornNow !== born);
}

const GONE = 'gone';

/** When a process began, in the ticks of Linux; {@link GONE} for one that only waits to be taken note of. */
function birthOf(pid: number): string {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
  // Behind the name, which may have anything in it: state is the first, the time of birth the twentieth.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? GONE : (fields[19] ?? '');
}

/** Takes a dead run's lock away. What turns out to be another one, because somebody was faster, is put back. */
function takeAway(directory: string, path: string, dead: string): void {
  const aside = join(directory, `.vmq-${randomUUID()}.part`);
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new CannotRun(`${path}: cannot be taken over from a run that died: ${systemMessage(error)}`);
  }
  try {
    if (readLock(aside) !== dead) linkSync(aside, path);
  } catch {
    // A third one has taken it; the one whose lock this was finds out before it puts anything in its place.
  }
  remove(aside);
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
