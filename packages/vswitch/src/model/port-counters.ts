/**
 * Counters of the ports: doubles in shared memory, one row per processor and port, so that no two processors
 * write the same one. Read by adding up the processors' rows.
 */
export const PORT_COUNTERS = [
  /** Frames and bytes put into the guest's receive buffer. */
  'framesToGuest',
  'bytesToGuest',
  /** Frames and bytes taken from the guest's channel. */
  'framesFromGuest',
  'bytesFromGuest',
  /** Frames for the port that it did not get; a flooded one counts at each such port. */
  'droppedToGuest',
  /** Frames of the guest that went nowhere. */
  'droppedFromGuest',
  /** Bytes the switch copied into the guest's receive buffer; less than it got where frames lay there already. */
  'bytesCopied',
] as const;

export type PortCounter = (typeof PORT_COUNTERS)[number];

export const FRAMES_TO_GUEST = 0;
export const BYTES_TO_GUEST = 1;
export const FRAMES_FROM_GUEST = 2;
export const BYTES_FROM_GUEST = 3;
export const DROPPED_TO_GUEST = 4;
export const DROPPED_FROM_GUEST = 5;
export const BYTES_COPIED = 6;

/** Doubles from one port to the next: a cache line. */
export const PORT_COUNTER_STRIDE = 8;

export function createPortCounters(processors: number, maxPorts: number): SharedArrayBuffer {
  return new SharedArrayBuffer(processors * maxPorts * PORT_COUNTER_STRIDE * 8);
}

/** The rows of one processor: `row[port * PORT_COUNTER_STRIDE + counter] += n`. */
export function portCounterRows(
  buffer: SharedArrayBuffer,
  processor: number,
  maxPorts: number,
): Float64Array {
  const length = maxPorts * PORT_COUNTER_STRIDE;
  return new Float64Array(buffer, processor * length * 8, length);
}

/** All counters of a port, added up over the processors. */
export function readPortCounters(
  buffer: SharedArrayBuffer,
  maxPorts: number,
  port: number,
): Record<PortCounter, number> {
  const all = new Float64Array(buffer);
  const sums = PORT_COUNTERS.map(() => 0);
  for (let at = port * PORT_COUNTER_STRIDE; at < all.length; at += maxPorts * PORT_COUNTER_STRIDE) {
    for (let i = 0; i < sums.length; i++) sums[i] = sums[i] + all[at + i];
  }
  const [framesToGuest = 0, bytesToGuest = 0, framesFromGuest = 0, bytesFromGuest = 0] = sums;
  const [, , , , droppedToGuest = 0, droppedFromGuest = 0, bytesCopied = 0] = sums;
  return {
    framesToGuest,
    bytesToGuest,
    framesFromGuest,
    bytesFromGuest,
    droppedToGuest,
    droppedFromGuest,
    bytesCopied,
  };
}

/** Sets all counters of a port to zero; while no data path knows the port. */
export function clearPortCounters(buffer: SharedArrayBuffer, maxPorts: number, port: number): void {
  const all = new Float64Array(buffer);
  for (let at = port * PORT_COUNTER_STRIDE; at < all.length; at += maxPorts * PORT_COUNTER_STRIDE) {
    all.fill(0, at, at + PORT_COUNTER_STRIDE);
  }
}
