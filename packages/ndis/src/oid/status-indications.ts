/**
 * NdisMIndicateStatusEx: what NDIS itself learns from a miniport's indication before the protocols get it
 * (requirements QUE-31, CAP-18, INIT-08, IND-01 to IND-05).
 */
import {
  NDIS_LINK_STATE,
  NDIS_NIC_SWITCH_CAPABILITIES,
  NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK,
  NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED,
  NDIS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES,
  NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES,
  NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
  NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS,
  NDIS_STATUS_RECEIVE_QUEUE_STATE,
  refusalText,
  statusName,
} from '@vmq/abi';
import { type AdapterCore, moveQueue, type NicSwitchSets } from '../records/adapter-core.ts';

const { NdisReceiveQueueOperationalStateDmaStopped: DMA_STOPPED } = NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE;

/**
 * True if the indication is to go on to the protocols. What nobody could read, or what NDIS knows to be false, is written
 * down and ends here; what only a later version should indicate is written down and taken all the same (INIT-21).
 */
export function acceptIndication(core: AdapterCore, statusCode: number, buffer: Uint8Array): boolean {
  switch (statusCode) {
    case NDIS_STATUS_RECEIVE_QUEUE_STATE:
      return acceptQueueState(core, buffer);
    case NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES:
      return acceptCapabilities(core, 'current', statusCode, buffer);
    case NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES:
      return acceptCapabilities(core, 'hardware', statusCode, buffer);
    case NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS:
      return acceptQueueParameters(core, buffer);
    case NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES:
      return acceptNicSwitch(core, 'nicSwitchCapabilities', statusCode, buffer);
    case NDIS_STATUS_NIC_SWITCH_HARDWARE_CAPABILITIES:
      return acceptNicSwitch(core, 'hardwareNicSwitchCapabilities', statusCode, buffer);
    case NDIS_STATUS_LINK_STATE:
      return acceptLinkState(core, buffer);
    default:
      return true;
  }
}

/** What queries of the link are answered from (INIT-22). */
function acceptLinkState(core: AdapterCore, buffer: Uint8Array): boolean {
  const decoded = NDIS_LINK_STATE.decode(buffer);
  if (!decoded.ok) {
    core.log.violation('NDIS_STATUS_LINK_STATE', 'NDIS_LINK_STATE', refusalText(decoded.refusal));
    return false;
  }
  const { general } = core.attributes;
  if (general !== null) core.attributes.general = { ...general, linkState: decoded.value };
  return true;
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
    const page = 'ndis-status-receive-filter-current-capabilities';
    core.log.advise('CAP-18', page, 'capability indications from NDIS 6.30 on', statusName(statusCode));
  }
  return core.capabilities.replace(which, buffer);
}

/** IND-04: the one parameter that may change by itself is the interrupt coalescing domain of a VM queue. */
function acceptQueueParameters(core: AdapterCore, buffer: Uint8Array): boolean {
  const violation = (expected: string, found: string): boolean => {
    core.log.violation('IND-04', expected, found);
    return false;
  };
  if (core.version === 620) {
    const page = 'ndis-status-receive-filter-queue-parameters';
    core.log.advise('IND-04', page, 'queue parameter indications from NDIS 6.30 on', 'NDIS 6.20');
  }
  const decoded = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(buffer);
  if (!decoded.ok) return violation('NDIS_RECEIVE_QUEUE_PARAMETERS', refusalText(decoded.refusal));
  const { Header, QueueId: queueId, Flags, InterruptCoalescingDomainId } = decoded.value;
  if (Header.Revision !== 2 || InterruptCoalescingDomainId === undefined)
    return violation('revision 2', `revision ${Header.Revision}`);
  if (
    (Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK) !==
    NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED
  )
    return violation('INTERRUPT_COALESCING_DOMAIN_ID_CHANGED alone', `Flags 0x${(Flags >>> 0).toString(16)}`);
  const queue = core.queues.find(queueId);
  if (queue === undefined) return violation('an existing queue', `no queue ${queueId}`);
  queue.parameters = { ...queue.parameters, InterruptCoalescingDomainId };
  return true;
}

/** IND-05: NDIS keeps the set for queries and for whoever binds or attaches later. */
function acceptNicSwitch(
  core: AdapterCore,
  which: keyof NicSwitchSets,
  statusCode: number,
  buffer: Uint8Array,
): boolean {
  if (core.version === 620) {
    const page = 'ndis-status-nic-switch-current-capabilities';
    core.log.advise('IND-05', page, 'NIC-switch capabilities from NDIS 6.30 on', statusName(statusCode));
  }
  const decoded = NDIS_NIC_SWITCH_CAPABILITIES.decode(buffer);
  if (!decoded.ok) {
    core.log.violation('IND-05', 'NDIS_NIC_SWITCH_CAPABILITIES', refusalText(decoded.refusal));
    return false;
  }
  core.attributes[which] = new Uint8Array(buffer.subarray(0, decoded.value.Header.Size));
  return true;
}
