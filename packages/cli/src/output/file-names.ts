/**
 * File names for VM names: anything but letters, digits, `.`, `-` and `_` becomes `_`, so that a name is never a
 * path; equal ones (also on file systems that ignore case) get a number.
 */
export function fileNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const base = name.replace(/[^\p{L}\p{N}._-]/gu, '_').replace(/^\./, '_');
    let candidate = base;
    for (let n = 2; taken.has(candidate.toLowerCase()); n++) candidate = `${base}-${n}`;
    taken.add(candidate.toLowerCase());
    return `${candidate}.pcapng`;
  });
}
