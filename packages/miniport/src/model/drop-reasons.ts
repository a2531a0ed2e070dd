/** Why the miniport itself ends a frame; a machine declares these in its ledger. */
export const DROPPED_NO_TRANSMIT_QUEUE = 'dropped.miniport.no-transmit-queue';
export const DROPPED_ADAPTER_REMOVED = 'dropped.miniport.adapter-removed';
export const DROPPED_RESET = 'dropped.miniport.reset';
export const DROPPED_QUEUE_GONE = 'dropped.miniport.queue-gone';
export const DROPPED_BAD_COMPLETION = 'dropped.miniport.bad-completion';

/**
 * `dropped.miniport.no-transmit-queue`: sent on a processor for which the device has no transmit queue left.
 * `dropped.miniport.adapter-removed`: accepted for sending and still waiting when the card was pulled.
 * `dropped.miniport.reset`: the same when the adapter was reset, and frames that were received and could not be
 * indicated any more. What low power refuses ends with whoever sent it (NDIS_STATUS_LOW_POWER_STATE).
 * `dropped.miniport.queue-gone`: received, and not indicated when their queue ended: a device that did not answer when the
 * adapter was paused received them later.
 * `dropped.miniport.bad-completion`: received, but what the device wrote about them was damaged on its way.
 * Frames the device refuses to send are its own to count (`dropped.nic.tx-fault`).
 */
export const MINIPORT_DROP_REASONS: readonly string[] = [
  DROPPED_NO_TRANSMIT_QUEUE,
  DROPPED_ADAPTER_REMOVED,
  DROPPED_RESET,
  DROPPED_QUEUE_GONE,
  DROPPED_BAD_COMPLETION,
];
