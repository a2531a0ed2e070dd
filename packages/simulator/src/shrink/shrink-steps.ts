/**
 * Makes a failing list of steps short (ddmin, Zeller and Hildebrandt 2002): leaves out half of it, then quarters, then
 * smaller and smaller pieces, as long as it still fails; at the end no single step can be left out, or the time is up.
 */

/**
 * A shorter list for which `fails` still holds, in the same order. `budget`: steps that may be tried in all, so that
 * shrinking comes to an end for long lists, too.
 */
export function shrinkSteps<T>(
  steps: readonly T[],
  fails: (steps: readonly T[]) => boolean,
  budget: number,
): readonly T[] {
  let kept = steps;
  let left = budget;
  let piece = Math.ceil(kept.length / 2);
  while (kept.length > 1) {
    let wasShortened = false;
    // From the end: what came last is seldom what made it fail, but for the last step itself.
    for (let end = kept.length; end > 0 && left > 0; end -= piece) {
      const start = Math.max(0, end - piece);
      const tried = [...kept.slice(0, start), ...kept.slice(end)];
      left -= tried.length;
      if (tried.length === kept.length || !fails(tried)) continue;
      kept = tried;
      wasShortened = true;
    }
    if (left <= 0 || (piece === 1 && !wasShortened)) break;
    piece = Math.min(Math.max(1, Math.floor(piece / 2)), kept.length);
  }
  return kept;
}
