/** Why the miniport itself ends a frame; a machine declares these in its ledger. */
export const DROPPED_NO_TRANSMIT_QUEUE = 'dropped.miniport.no-transmit-queue';
export const DROPPED_ADAPTER_REMOVED = 'dropped.miniport.adapter-removed';

/**
 * `dropped.miniport.no-transmit-queue`: sent on a processor for which the device has no transmit queue left.
 * `dropped.miniport.adapter-removed`: accepted for sending and still waiting when the card was pulled.
 * Frames the device refuses to send are its own to count (`dropped.nic.tx-fault`).
 */
export const MINIPORT_DROP_REASONS: readonly string[] = [DROPPED_NO_TRANSMIT_QUEUE, DROPPED_ADAPTER_REMOVED];
