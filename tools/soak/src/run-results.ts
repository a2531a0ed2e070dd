// What runs of `vmq replay` leave in their directories: which results may be, and which were seen.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readCapture } from '@vmq/capture';
import { CAPTURE, startRun } from './killed-run.ts';

export class Results {
  readonly #problems: string[];
  /** `file frames` of results that may be: those of runs that were let be, and those that a stopped run reported. */
  readonly #allowed = new Set<string>();
  /** `file frames` of results that were seen, with the place where they were. */
  readonly #seen = new Map<string, string>();
  /** Frames by file of the undisturbed run with most VMs. */
  #whole: ReadonlyMap<string, number> = new Map();

  constructor(problems: string[]) {
    this.#problems = problems;
  }

  /** Learns what a run of `vms` VMs leaves that nobody disturbs. */
  async learn(vms: number, directory: string): Promise<void> {
    const args = ['replay', CAPTURE, '--vms', String(vms), '--out', directory];
    const { code, err } = await startRun(args).ended;
    if (code !== 0) throw new Error(`an undisturbed run ended with ${code}: ${err}`);
    this.#whole = new Map(readdirSync(directory).map((name) => [name, framesOf(join(directory, name))]));
    for (const [name, frames] of this.#whole) this.allow(name, frames);
  }

  /** A run has reported this file. */
  allow(path: string, frames: number): void {
    this.#allowed.add(`${basename(path)} ${frames}`);
  }

  /** Every result in a directory is whole, whoever wrote it. */
  look(directory: string): void {
    for (const name of resultsIn(directory)) {
      try {
        this.#seen.set(`${name} ${framesOf(join(directory, name))}`, directory);
      } catch (error) {
        this.#problems.push(`${name} of a directory of results: ${String(error)}`);
      }
    }
  }

  /** The last run in a directory finds it usable, and leaves only whole results. */
  async lastRun(vms: number, directory: string): Promise<void> {
    const args = ['replay', CAPTURE, '--vms', String(vms), '--out', directory];
    const { code, err } = await startRun(args).ended;
    if (code !== 0) this.#problems.push(`the last run in a directory ended with ${code}: ${err}`);
    const names = readdirSync(directory).sort();
    if (names.join() !== [...this.#whole.keys()].sort().join())
      this.#problems.push(`left behind: ${names.join(', ')}`);
    for (const [name, frames] of this.#whole) {
      const found = framesOf(join(directory, name));
      if (found !== frames) this.#problems.push(`${name}: ${found} frames, expected ${frames}`);
    }
  }

  /** Nothing was seen that no run has reported. */
  checkAll(): void {
    for (const [result, place] of this.#seen)
      if (!this.#allowed.has(result))
        this.#problems.push(`${place}: ${result} frames, which no run has reported`);
  }
}

function resultsIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith('.pcapng'));
  } catch {
    return []; // None has come so far.
  }
}

/** Frames of a result. Throws if it is not whole. */
function framesOf(path: string): number {
  const { packets, error } = readCapture(readFileSync(path));
  if (error !== null) throw new Error(error.message);
  return packets.length;
}
