/** What a misspelt name was probably meant to be. */

/** Letters alone: case, dashes, underscores and asterisks are what people get wrong most. */
const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** Names so short are part of too many others. */
const SHORTEST_PART = 3;

/** Letters that must be changed, left out, put in or swapped with the next one to make `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(last[j - 1] + (same ? 0 : 1), last[j] + 1);
      best = Math.min(best, row[j - 1] + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, before[j - 2] + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length];
}

/** The known name with the least distance, the first of equals; null if none is known. */
export function nearestOf(name: string, known: readonly string[]): string | null {
  const distances = known.map((one) => editDistance(plain(name).slice(0, 64), plain(one)));
  return known[distances.indexOf(Math.min(...distances))] ?? null;
}

/** The known name that `name` is a slip of, or null: a third of its letters may differ, or it is part of one. */
export function meantName(name: string, known: readonly string[]): string | null {
  const word = plain(name);
  const nearest = nearestOf(name, known);
  if (nearest === null || word === '') return null;
  if (editDistance(word.slice(0, 64), plain(nearest)) <= Math.floor(Math.max(word.length, 3) / 3))
    return nearest;
  const holds = (a: string, b: string): boolean => b.length >= SHORTEST_PART && a.includes(b);
  return nearestOf(
    name,
    known.filter((one) => holds(word, plain(one)) || holds(plain(one), word)),
  );
}
