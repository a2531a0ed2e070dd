/** With what status sends end that will not be sent, and which counter their frames end in. */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_LOW_POWER_STATE,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_RESET_IN_PROGRESS,
  NDIS_STATUS_RESOURCES,
} from '@vmq/abi';
import type { AgentContext } from '@vmq/machine';
import { DROPPED_ADAPTER_REMOVED, DROPPED_NO_TRANSMIT_QUEUE, DROPPED_RESET } from '../model/drop-reasons.ts';
import type { WhyNoSends } from '../model/queue-image.ts';

export interface SendRefusal {
  /** Status of a send that is not accepted. */
  readonly refused: number;
  /** Status of one that was accepted and is abandoned. */
  readonly abandoned: number;
  /** Drop reason of the frames; null if their sender counts them, as it does those that complete PAUSED. */
  readonly reason: string | null;
}

const refusal = (refused: number, reason: string | null, abandoned: number = refused): SendRefusal => ({
  refused,
  abandoned,
  reason,
});

/** The processor has no transmit queue. */
export const NO_TRANSMIT_QUEUE: SendRefusal = refusal(NDIS_STATUS_RESOURCES, DROPPED_NO_TRANSMIT_QUEUE);

export const SEND_REFUSALS: Readonly<Record<WhyNoSends, SendRefusal>> = {
  // MiniportDevicePnPEventNotify: what is asked for after the notice is NOT_ACCEPTED.
  removed: refusal(NDIS_STATUS_NOT_ACCEPTED, DROPPED_ADAPTER_REMOVED, NDIS_STATUS_FAILURE),
  reset: refusal(NDIS_STATUS_RESET_IN_PROGRESS, DROPPED_RESET),
  'low power': refusal(NDIS_STATUS_LOW_POWER_STATE, null),
};

/** `frames` frames have ended so. */
export function countRefused(
  { counters, machine }: AgentContext,
  { reason }: SendRefusal,
  frames: number,
): void {
  if (frames === 0 || reason === null) return;
  const column = machine.ledger.column(reason);
  counters[column] = counters[column] + frames;
}
