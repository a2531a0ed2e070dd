/**
 * OID_RECEIVE_FILTER_QUEUE_PARAMETERS: a set goes to the miniport, a method is answered from NDIS's cache
 * (requirements QUE-22 to QUE-27).
 */
import {
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveQueueParameters,
} from '@vmq/abi';
import {
  answer,
  done,
  firstBroken,
  memberOffset,
  type OidCall,
  readInput,
  readU32,
  refuse,
  type Verdict,
  writeU32,
} from '../verification/oid-verification.ts';
import { CHANGE_MASK, CHANGEABLE, ownedQueue, SET_PARAMETERS_RULES } from '../verification/queue-rules.ts';

const MSIX_ENTRY_OFFSET = memberOffset(NDIS_RECEIVE_QUEUE_PARAMETERS, 'MSIXTableEntry');

/** OID_RECEIVE_FILTER_QUEUE_PARAMETERS, set: SUCCESS, INVALID_PARAMETER, INVALID_LENGTH, FAILURE. */
export function setQueueParameters(call: OidCall): Verdict {
  const { core, request } = call;
  const input = readInput(call, NDIS_RECEIVE_QUEUE_PARAMETERS, 'QUE-24');
  if (input.refusal !== null) return input.refusal;
  const { value } = input;
  const owned = ownedQueue(call, value.QueueId, 'QUE-23', 'QUE-23');
  if (owned.refusal !== null) return owned.refusal;
  const { queue } = owned;
  const step = queue.transition('set parameters');
  if (!step.ok)
    return refuse(
      call,
      { rule: step.rule, status: NDIS_STATUS_INVALID_PARAMETER, expected: 'a queue not being freed' },
      queue.state,
      {
        queueId: queue.id,
      },
    );
  const bytes = request.informationBuffer;
  const broken = firstBroken(
    call,
    SET_PARAMETERS_RULES,
    { core, value, bytes, queue },
    { queueId: queue.id },
  );
  if (broken !== null) return broken;
  if ((value.Flags & CHANGEABLE) === 0) {
    // Nothing for the miniport to do; the success is a set's all the same (INIT-14).
    request.supportedRevision = core.version === 620 ? 1 : 2;
    return done(NDIS_STATUS_SUCCESS);
  }
  // The miniport gets a copy with the MSI-X entry that the queue has, and says in it which one it has from now on.
  const copy = { ...request, informationBuffer: bytes.slice() };
  writeU32(copy.informationBuffer, MSIX_ENTRY_OFFSET, queue.parameters.MSIXTableEntry);
  return {
    kind: 'down',
    request: copy,
    complete(status) {
      request.bytesRead = copy.bytesRead;
      request.bytesNeeded = copy.bytesNeeded;
      if (status !== NDIS_STATUS_SUCCESS) return status;
      request.supportedRevision = copy.supportedRevision;
      const MSIXTableEntry = readU32(copy.informationBuffer, MSIX_ENTRY_OFFSET);
      queue.parameters = { ...changed(queue.parameters, value), MSIXTableEntry };
      return status;
    },
  };
}

/** QUE-24: only members whose CHANGED flag is set. */
function changed(
  old: NdisReceiveQueueParameters,
  wanted: NdisReceiveQueueParameters,
): NdisReceiveQueueParameters {
  const has = (flag: number): boolean => (wanted.Flags & flag) !== 0;
  return {
    ...old,
    Flags: has(NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED) ? wanted.Flags & ~CHANGE_MASK : old.Flags,
    ProcessorAffinity: has(NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED)
      ? wanted.ProcessorAffinity
      : old.ProcessorAffinity,
    NumSuggestedReceiveBuffers: has(NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED)
      ? wanted.NumSuggestedReceiveBuffers
      : old.NumSuggestedReceiveBuffers,
    QueueName: has(NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED) ? wanted.QueueName : old.QueueName,
  };
}

/** Removes the members that a revision 1 structure does not have. */
function forRevision<T extends { readonly Header: unknown }>(
  value: T,
  revision: number,
  later: readonly string[],
): T {
  const kept = Object.entries(value).filter(
    ([name]) => name !== 'Header' && !(revision === 1 && later.includes(name)),
  );
  return Object.fromEntries(kept) as unknown as T;
}

/** OID_RECEIVE_FILTER_QUEUE_PARAMETERS, method, answered from NDIS's cache (QUE-22). */
export function queryQueueParameters(call: OidCall): Verdict {
  const input = readInput(call, NDIS_RECEIVE_QUEUE_PARAMETERS, 'QUE-22');
  if (input.refusal !== null) return input.refusal;
  const queueId = input.value.QueueId;
  const queue = call.core.queues.find(queueId);
  const ids = { queueId };
  if (queue === undefined)
    return refuse(
      call,
      { rule: 'QUE-22', status: NDIS_STATUS_INVALID_PARAMETER, expected: 'an existing queue' },
      `no queue ${queueId}`,
      ids,
    );
  const step = queue.transition('query parameters');
  if (!step.ok)
    return refuse(
      call,
      { rule: step.rule, status: NDIS_STATUS_INVALID_PARAMETER, expected: 'a queue not being freed' },
      queue.state,
      ids,
    );
  const revision = call.core.version === 620 ? 1 : 2;
  const value = forRevision(queue.parameters, revision, ['PortId', 'InterruptCoalescingDomainId']);
  return answer(call, NDIS_RECEIVE_QUEUE_PARAMETERS.encode(value, { revision }));
}
