// Order statistics.

/** The q-th quantile, linear between neighbours. */
export function quantile(list: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(list).sort();
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at - Math.floor(at));
}

export const median = (list: ArrayLike<number>): number => quantile(list, 0.5);

/** From the smallest to the largest, as a fraction of the median. */
export const spread = (list: readonly number[]): number =>
  (Math.max(...list) - Math.min(...list)) / median(list);
