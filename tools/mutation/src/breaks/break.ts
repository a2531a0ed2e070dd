// A deliberate mistake: what it is, and the texts of the files that have it.

/** A piece of a source file and what stands there instead. */
export interface Edit {
  /** Path from the root of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly put: string;
}

export interface Break extends Edit {
  readonly name: string;
  /** What the mistake takes away: an invariant, or a rule of isolation (SEC-…, of docs/requirements.md). */
  readonly breaks: string;
  /** Further edits; `file` is the break's own if it is not given. A break of SEC-… that has one takes two guards away. */
  readonly also?: readonly (Omit<Edit, 'file'> & { readonly file?: string })[];
  /** Invariants of the simulator that may see it. */
  readonly caughtBy?: readonly string[];
  /** Test files that see it, in place of `caughtBy`: for a mistake that is not about running hosts. */
  readonly tests?: readonly string[];
  /** What goes wrong in the worlds, where the mistake is about that. */
  readonly faults?: readonly string[];
  /** How guests turn hostile, where the mistake is about that. */
  readonly hostile?: readonly string[];
  /** Guards, from 1, behind which there is no other in some worlds. */
  readonly seenAlone?: readonly number[];
}

/** The pieces that a break changes. */
export function editsOf({ file, find, put, also = [] }: Break): Edit[] {
  return [{ file, find, put }, ...also.map((edit) => ({ file, ...edit }))];
}

/** The texts of the files with the mistake in them, by file. Throws if a piece does not stand there exactly once. */
export function broken(one: Break, textOf: (file: string) => string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { file, find, put } of editsOf(one)) {
    const parts = (texts.get(file) ?? textOf(file)).split(find);
    if (parts.length !== 2)
      throw new Error(`break ${one.name}: ${file}: expected once, found ${parts.length - 1} times: ${find}`);
    texts.set(file, parts.join(put));
  }
  return texts;
}
