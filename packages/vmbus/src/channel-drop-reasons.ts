/** The ledger counters of this layer: why a frame could not go into a channel. The switch counts. */

/** Indices into {@link VMBUS_DROP_REASONS}. */
export const VMBUS_DROP_NO_SECTION = 0;
export const VMBUS_DROP_RING_FULL = 1;
export const VMBUS_DROP_NOT_OPEN = 2;
export const VMBUS_DROP_TOO_LONG = 3;

/** Ledger counters in which the switch ends frames that this layer could not take. */
export const VMBUS_DROP_REASONS = [
  /** The guest has completed too few messages: no free section in its receive buffer. */
  'dropped.vmbus.no-section',
  /** The guest has read too few messages: no room in the host-to-guest ring. */
  'dropped.vmbus.ring-full',
  /** The channel is not open (any more): not yet negotiated, closed, rescinded or broken. */
  'dropped.vmbus.not-open',
  /** The frame is longer than the channel's `maxFrameBytes`. */
  'dropped.vmbus.too-long',
] as const;
