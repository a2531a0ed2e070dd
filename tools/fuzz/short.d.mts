export interface FuzzReport {
  readonly target: string;
  readonly seed: number;
  readonly buffers: number;
  /** How often what came out, by name. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/**
 * Throws at the first buffer that crashes, hangs, reads or writes outside, or is refused without a name; the message
 * says how to repeat it.
 */
export function fuzzShort(
  target: string,
  options?: { readonly buffers?: number; readonly seed?: number },
): Promise<FuzzReport>;
