/** Progress of a long pass: at most five lines a second on standard error, redrawn in place on a terminal. */
import { performance } from 'node:perf_hooks';
import type { Terminal } from '../terminal.ts';

const INTERVAL_MS = 200;
const MEGABYTE = 1_000_000;

export class Progress {
  readonly #terminal: Terminal;
  readonly #enabled: boolean;
  readonly #now: () => number;
  #label = '';
  #totalBytes = 0;
  #due: number;
  #shown = false;

  constructor(terminal: Terminal, enabled: boolean, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#enabled = enabled;
    this.#now = now;
    // A pass that is over at once shows nothing.
    this.#due = now() + INTERVAL_MS;
  }

  /** A pass begins; `totalBytes` 0 = not known. */
  begin(label: string, totalBytes: number): void {
    this.#label = label;
    this.#totalBytes = totalBytes;
  }

  /** Shows where the pass is if it is time to; true when it was. */
  at(frames: number, bytes: number): boolean {
    const now = this.#now();
    if (now < this.#due) return false;
    this.#due = now + INTERVAL_MS;
    if (this.#enabled) {
      const of = this.#totalBytes > 0 ? ` of ${megabytes(this.#totalBytes)}` : '';
      const line = `${this.#label}: ${frames} frames, ${megabytes(bytes)}${of} MB`;
      this.#terminal.err(this.#terminal.errIsTerminal ? `\r\u001b[K${line}` : `${line}\n`);
      this.#shown = true;
    }
    return true;
  }

  /** Takes the line away, so that what is printed next starts at the left. */
  clear(): void {
    if (this.#shown && this.#terminal.errIsTerminal) this.#terminal.err('\r\u001b[K');
    this.#shown = false;
  }
}

function megabytes(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(1);
}
