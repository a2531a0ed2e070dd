/**
 * NdisMIndicateStatusEx: what NDIS itself learns from a miniport's indication before the protocols get it
 * (requirements QUE-31, CAP-18, INIT-08, IND-01 to IND-03).
 */
import {
  NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
  NDIS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
  NDIS_STATUS_RECEIVE_QUEUE_STATE,
  refusalText,
  statusName,
} from '@vmq/abi';
import { type AdapterCore, moveQueue } from './adapter-core.ts';

const { NdisReceiveQueueOperationalStateDmaStopped: DMA_STOPPED } = NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE;

/** True if the indication is to go on to the protocols; what breaks a rule is written down and ends here. */
export function acceptIndication(core: AdapterCore, statusCode: number, buffer: Uint8Array): boolean {
  switch (statusCode) {
    case NDIS_STATUS_RECEIVE_QUEUE_STATE:
      return acceptQueueState(core, buffer);
    case NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES:
      return acceptCapabilities(core, 'current', statusCode, buffer);
    case NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES:
      return acceptCapabilities(core, 'hardware', statusCode, buffer);
    default:
      return true;
  }
}

function acceptQueueState(core: AdapterCore, buffer: Uint8Array): boolean {
  const decoded = NDIS_RECEIVE_QUEUE_STATE.decode(buffer);
  if (!decoded.ok) {
    core.log.violation('IND-01', 'NDIS_RECEIVE_QUEUE_STATE', refusalText(decoded.refusal));
    return false;
  }
  const { QueueId: queueId, QueueState: state } = decoded.value;
  const ids = { queueId };
  if (state !== DMA_STOPPED) {
    core.log.violation('STA-17', 'DmaStopped', `queue state ${state}`, ids);
    return false;
  }
  const queue = core.queues.find(queueId);
  if (queue === undefined || !queue.transition('dma stopped').ok) {
    const found = queue === undefined ? `no queue ${queueId}` : `queue ${queueId} is ${queue.state}`;
    core.log.violation('QUE-31', 'one DmaStopped indication per accepted free', found, ids);
    return false;
  }
  queue.dmaStopIndicated = true;
  moveQueue(core, queue, 'dma stopped');
  return true;
}

function acceptCapabilities(
  core: AdapterCore,
  which: 'hardware' | 'current',
  statusCode: number,
  buffer: Uint8Array,
): boolean {
  if (core.version === 620) {
    core.log.violation('CAP-18', 'capability indications from NDIS 6.30 on', statusName(statusCode));
    return false;
  }
  return core.capabilities.replace(which, buffer);
}
