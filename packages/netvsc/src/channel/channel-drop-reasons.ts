/** The ledger counters of this layer: why a frame could not go into a channel. The switch counts. */

/** Indices into {@link VMBUS_DROP_REASONS}. */
export const VMBUS_DROP_NO_SECTION = 0;
export const VMBUS_DROP_RING_FULL = 1;
export const VMBUS_DROP_NOT_OPEN = 2;
export const VMBUS_DROP_TOO_LONG = 3;
export const VMBUS_DROP_PACKET_FILTER = 4;

/** Ledger counters in which the switch ends frames that this layer could not take. */
export const VMBUS_DROP_REASONS = [
  /** The guest has completed too few messages: no free section in its receive buffer. */
  'dropped.vmbus.no-section',
  /** The guest has read too few messages: no room in the host-to-guest ring. */
  'dropped.vmbus.ring-full',
  /** The channel is not open (any more): not yet negotiated, closed, rescinded or broken. */
  'dropped.vmbus.not-open',
  /** The frame is longer than the channel's `maxFrameBytes`, its tags not counted (SW-28). */
  'dropped.vmbus.too-long',
  /** The guest's packet filter leaves frames of this kind out; 0, as before the guest closes or has halted, all (SW-29). */
  'dropped.vmbus.packet-filter',
] as const;
