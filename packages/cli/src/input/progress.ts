/** Progress of a long pass: at most five lines a second on standard error, redrawn in place on a terminal. */
import { performance } from 'node:perf_hooks';
import type { Screen } from '../text/terminal.ts';

const INTERVAL_MS = 200;
const MEGABYTE = 1_000_000;

export class Progress {
  readonly #screen: Screen;
  readonly #enabled: boolean;
  readonly #now: () => number;
  #label = '';
  #totalBytes = 0;
  #due: number;

  constructor(screen: Screen, enabled: boolean, now: () => number = () => performance.now()) {
    this.#screen = screen;
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

  /** Shows where the pass is if it is time to. */
  at(frames: number, bytes: number): void {
    if (!this.#enabled || !this.#isDue()) return;
    const of = this.#totalBytes > 0 ? ` of ${megabytes(this.#totalBytes)}` : '';
    this.#screen.status(`${this.#label}: ${frames} frames, ${megabytes(bytes)}${of} MB`);
  }

  /** Shows whatever `line` makes, if it is time to. */
  say(line: () => string): void {
    if (this.#enabled && this.#isDue()) this.#screen.status(line());
  }

  /** Takes the line away, so that what is printed next starts at the left. */
  clear(): void {
    this.#screen.clearStatus();
  }

  #isDue(): boolean {
    const now = this.#now();
    if (now < this.#due) return false;
    this.#due = now + INTERVAL_MS;
    return true;
  }
}

function megabytes(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(1);
}
