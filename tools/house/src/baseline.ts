// Exceedings that were there when a limit came. The list may only shrink.
import type { Limit } from './limits.ts';

/** Places by the limit's name. */
export type Baseline = Readonly<Record<string, readonly string[]>>;

export interface Judged {
  /** Places that exceed a limit and are not excused. */
  readonly problems: readonly string[];
  /** Excused places that keep the limit by now, or are gone. */
  readonly mended: readonly string[];
  /** What remains of the list. */
  readonly rest: Baseline;
}

/** What is compared of a place: all but what stands behind it in brackets. */
const keyOf = (place: string): string => place.split(' (')[0] ?? place;

export function judge(limits: readonly Limit[], baseline: Baseline): Judged {
  const problems: string[] = [];
  const mended: string[] = [];
  const rest: Record<string, string[]> = {};
  for (const { name, places } of limits) {
    const excused = baseline[name] ?? [];
    const keys = places.map(keyOf);
    for (const place of places) if (!excused.includes(keyOf(place))) problems.push(`${name}: ${place}`);
    for (const place of excused) if (!keys.includes(place)) mended.push(`${name}: ${place}`);
    const kept = excused.filter((place) => keys.includes(place));
    if (kept.length > 0) rest[name] = kept;
  }
  return { problems, mended, rest };
}
