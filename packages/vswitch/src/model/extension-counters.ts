/**
 * What each extension has seen and done, as doubles in shared memory: per processor a block, per extension a line
 * that only that processor writes.
 *
 *   processor p │ extension 0: ingress egress dropped excluded ignored – – – │ extension 1: …
 */
export const EXTENSION_COUNTERS = [
  /** Frames it was shown on ingress. */
  'ingressFrames',
  /** Pairs of frame and destination it was shown on egress. */
  'egressDeliveries',
  /** Frames it dropped on ingress. */
  'dropped',
  /** Destinations it took away on egress. */
  'excluded',
  /** Drops and exclusions of a capturing extension: without effect. */
  'ignored',
] as const;

export type ExtensionCounter = (typeof EXTENSION_COUNTERS)[number];

export const INGRESS_FRAMES = 0;
export const EGRESS_DELIVERIES = 1;
export const DROPPED = 2;
export const EXCLUDED = 3;
export const IGNORED = 4;

/** Doubles per extension: one cache line. */
export const EXTENSION_COUNTER_STRIDE = 8;

export function createExtensionCounters(processors: number, extensions: number): SharedArrayBuffer {
  return new SharedArrayBuffer(processors * extensions * EXTENSION_COUNTER_STRIDE * 8);
}

/** One processor's block. */
export function extensionCounterRows(
  buffer: SharedArrayBuffer,
  processor: number,
  extensions: number,
): Float64Array {
  const length = extensions * EXTENSION_COUNTER_STRIDE;
  return new Float64Array(buffer, processor * length * 8, length);
}

/** Sums over all processors. */
export function readExtensionCounters(
  buffer: SharedArrayBuffer,
  extensions: number,
  extension: number,
): Record<ExtensionCounter, number> {
  const all = new Float64Array(buffer);
  const block = extensions * EXTENSION_COUNTER_STRIDE;
  const sum = { ingressFrames: 0, egressDeliveries: 0, dropped: 0, excluded: 0, ignored: 0 };
  for (let at = extension * EXTENSION_COUNTER_STRIDE; at < all.length; at += block) {
    EXTENSION_COUNTERS.forEach((name, i) => {
      sum[name] += all[at + i];
    });
  }
  return sum;
}
