/**
 * What is wrong with an input, gathered by kind: a capture with a million snapped packets is one problem with a
 * count and its first places, not a million lines.
 */

/** Places kept of each kind. */
export const PLACES_KEPT = 10;

/** One place where something was wrong. */
export interface ProblemPlace {
  /** tshark's `frame.number`, from 1; 0 where no frame is concerned. */
  readonly frame: number;
  /** Byte offset in the file. */
  readonly fileOffset: number;
  /** What was expected and what was found. */
  readonly message: string;
}

export interface Problem {
  /**
   * `snapped`, `link-type`, `damaged`, `too-long` (these never reach the wire), `runt`, `oversize` (the NIC refuses them),
   * `timestamp`, `output`, `trace`, or the code of what was wrong with the capture file (`truncated`, `bad-interface` …).
   */
  readonly kind: string;
  readonly count: number;
  /** The first {@link PLACES_KEPT}. */
  readonly first: readonly ProblemPlace[];
}

const WITHOUT_PLACE: readonly string[] = ['output', 'trace'];

export class ProblemLog {
  readonly #kinds = new Map<string, { count: number; readonly first: ProblemPlace[] }>();

  /** `message` is asked for only while places are kept. */
  add(kind: string, frame: number, fileOffset: number, message: () => string): void {
    let entry = this.#kinds.get(kind);
    if (entry === undefined) {
      entry = { count: 0, first: [] };
      this.#kinds.set(kind, entry);
    }
    entry.count++;
    if (entry.first.length < PLACES_KEPT) entry.first.push({ frame, fileOffset, message: message() });
  }

  count(kind: string): number {
    return this.#kinds.get(kind)?.count ?? 0;
  }

  get size(): number {
    return this.#kinds.size;
  }

  /** In order of first appearance. */
  list(): Problem[] {
    return [...this.#kinds].map(([kind, { count, first }]) => ({ kind, count, first }));
  }
}

/** The log as lines for people, at most {@link PLACES_KEPT} of each kind. */
export function problemLines(file: string, problems: readonly Problem[]): string[] {
  return problems.flatMap(({ kind, count, first }) => {
    const more = count > first.length ? count - first.length + 1 : 0;
    const shown = more > 0 ? first.slice(0, PLACES_KEPT - 1) : first;
    const lines = shown.map(({ frame, fileOffset, message }) => {
      // What is wrong with an output has no place in the input.
      const at = frame > 0 ? `frame ${frame} at byte ${fileOffset}: ` : `byte ${fileOffset}: `;
      return `${file}: ${WITHOUT_PLACE.includes(kind) ? '' : at}${message} [${kind}]`;
    });
    if (more > 0) lines.push(`${file}: and ${more} more, ${count} in all [${kind}]`);
    return lines;
  });
}
